"""Versions: one per stage, and every rule that has one passes it to its job."""

import re
from pathlib import Path

from deg_core.cli import STAGES
from deg_core.versions import VERSIONS

MEASURING = {"bench", "bench_tables"}  # their figures are no product that may become stale
OTHERS = {"render_example": "example", "train_keypoints": "train_sequence"}
RULES = Path(__file__).parents[2] / "workflow" / "rules"


def test_every_stage_has_a_version():
    assert set(VERSIONS) == {*STAGES, "figures", "example"}
    assert all(type(version) is int and version >= 1 for version in VERSIONS.values())


def test_every_rule_passes_the_version_of_its_stage():
    """A rule without would not see that its numbers have changed."""
    found = {}
    for path in sorted(RULES.glob("*.smk")):
        for name, body in re.findall(r"(?ms)^rule (\w+):\n(.*?)(?=^\S|\Z)", path.read_text()):
            if "    output:" in body and name not in MEASURING:
                found[name] = re.findall(r'VERSIONS\["(\w+)"\]', body)
    for name, versions in found.items():
        shared = "figures" if name.startswith("figure_") else name
        assert versions == [OTHERS.get(name, shared)], name
    assert set(STAGES) <= set(found)
