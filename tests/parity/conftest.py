"""The folder is importable: ``import reference``, ``from fill_weights import fill``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
