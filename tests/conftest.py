"""Fixtures that several tests share; the folder itself is importable (``import videos``)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
