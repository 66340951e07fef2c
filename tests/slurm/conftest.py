"""These tests need the private Slurm of tools/slurm/start.sh, and the plugin of Snakemake."""

import importlib.util
import sys
from pathlib import Path

import pytest
import scheduler

from deg_core.project import cluster

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))


def pytest_collection_modifyitems(items):
    """Mark them all, and say why they are skipped where they are."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.slurm)


@pytest.fixture(scope="session", autouse=True)
def slurm():
    """Skip without the cluster; with it, make sure that all nodes serve."""
    if importlib.util.find_spec(cluster.PLUGIN) is None:
        pytest.skip("Snakemake's plugin for Slurm is not installed; `make test-slurm` does it")
    if not scheduler.is_ours():
        pytest.skip("no private Slurm runs here; `make test-slurm` starts one")
    scheduler.call("scontrol", "update", "nodename=n[1-3]", "state=resume")  # as far as needed
