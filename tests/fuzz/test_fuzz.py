"""Some damaged files for each reader in the ordinary suite; ``make test-fuzz`` gives thousands."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).with_name("run.py")
NUMBERS = {"videos": 40, "tables": 50, "arrays": 80, "models": 30}


@pytest.mark.parametrize("group", NUMBERS)
def test_damaged_files_are_read_or_refused_in_a_sentence(tmp_path, group):
    """A process of its own: it forks, and may have no threads."""
    words = ["--groups", group, "--n", str(NUMBERS[group]), "--json", str(tmp_path / "found.json")]
    done = subprocess.run(
        [sys.executable, str(RUN), *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for reader in json.loads((tmp_path / "found.json").read_text()):
        assert sum(reader["counts"].values()) == NUMBERS[group]
        # Damage that the reader always, or never, notices would test little of it.
        assert reader["reader"] == "training state" or reader["counts"]["typed"]
        assert reader["counts"]["accepted"]
