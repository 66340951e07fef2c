"""Fixtures that several tests share; the folder itself is importable (``import videos``)."""

import os
import signal
import sys
from pathlib import Path

import pytest

# Read when the libraries are imported. One thread, on the processor: the sums of floats, and so
# the tests, are the same on every machine, and tests that run side by side do not get in each
# other's way.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("DEG_DEVICE", "cpu")
sys.path.insert(0, str(Path(__file__).parent))
# What a script starts in the background ignores Ctrl-C, and so would the tests of it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def tiny_project(tmp_path_factory):
    """Folder ``results`` of a project of three small videos, all models trained; do not change."""
    import tiny

    return tiny.build(tmp_path_factory.mktemp("tiny") / "results")


@pytest.fixture(scope="session")
def exported_run(tmp_path_factory, tiny_project):
    """A project folder with the tiny run, and that run as one file; do not change them."""
    import exported

    from deg_core.project import export_model

    folder = exported.make_project(tmp_path_factory.mktemp("exported"), tiny_project)
    patch = pytest.MonkeyPatch()
    patch.setattr(export_model.planning, "planned", lambda *_, **__: [])  # all is up to date
    file = folder / "run.deg"
    assert export_model.export(folder, run=None, out=file, environment={}) == 0
    patch.undo()
    return folder, file
