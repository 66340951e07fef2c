"""A stage's numbers change only together with its version in deg_core/versions.py.

The numbers are in tests/golden/<stage>.json; golden_cases.py says how they are made and compared.
"""

import runpy
import sys
from pathlib import Path

import golden
import pytest

from deg_core.versions import VERSIONS

EXTRAS = {"quantize": ("openvino", "nncf")}  # which a stage cannot do without
TOOL = Path(__file__).parents[2] / "tools" / "update_golden.py"


def test_every_stage_has_a_case():
    assert set(golden.CASES) == set(VERSIONS)
    written = {path.stem for path in golden.HERE.glob("*.json")}
    assert written == set(VERSIONS)


@pytest.mark.parametrize("stage", VERSIONS)
def test_numbers_change_only_with_the_version(stage, tmp_path):
    for package in EXTRAS.get(stage, ()):
        pytest.importorskip(package)
    found = golden.digest_of(stage, tmp_path)
    changed = golden.changes(stage, found)
    before, now = golden.read_golden(stage)["version"], VERSIONS[stage]
    assert before == now, (
        f"{stage} has version {now}, its golden numbers are of version {before}; run "
        f"tools/update_golden.py {stage}."
    )
    assert not changed, (
        f"{stage}: its numbers have changed. If that is meant, raise VERSIONS['{stage}'] in "
        f"deg_core/versions.py and run tools/update_golden.py {stage}, so that users' results "
        "become stale:\n" + "\n".join(changed[:10])
    )


# --- the comparison itself


def lines(found, before, rel=1e-3):
    return list(golden.differences(found, before, rel=rel))


def test_floats_may_differ_by_the_tolerance():
    assert lines({"a": [1.0005, 2.0]}, {"a": [1.0, 2.0]}) == []
    assert lines({"a": [1.002, 2.0]}, {"a": [1.0, 2.0]}) == ["a[0]: was 1.0, is 1.002"]
    assert lines(1e-7, -1e-7) == []  # both are 0 but for rounding
    assert lines(2, 2.0) == []  # JSON writes 2.0 as it likes


def test_whole_numbers_and_texts_may_not():
    assert lines({"n": 10_001}, {"n": 10_000}) == ["n: was 10000, is 10001"]
    assert lines({"s": "ab"}, {"s": "abc"}) == ["s: was abc, is ab"]
    assert lines({"x": None}, {"x": 0.0}) == ["x: was 0.0, is None"]
    assert lines({"x": True}, {"x": 1}) == ["x: was 1, is True"]


def test_keys_and_lengths_count():
    assert lines({"a": 1, "b": 2}, {"a": 1, "c": 2}) == ["b: only now", "c: only before"]
    assert lines([1, 2], [1]) == [": was [1], is [1, 2]"]


# --- the tool


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """Run tools/update_golden.py on a copy of the numbers, with a stage that can be told apart."""
    monkeypatch.setattr(golden, "HERE", tmp_path)
    monkeypatch.setitem(golden.CASES, "predict", lambda folder: {"value": tool_value[0]})
    tool_value = [1.0]

    def run(value, *arguments, version=1):
        tool_value[0] = value
        monkeypatch.setitem(VERSIONS, "predict", version)
        monkeypatch.setattr(sys, "argv", ["update_golden.py", *arguments])
        with pytest.raises(SystemExit) as exit_:
            runpy.run_path(str(TOOL), run_name="__main__")
        return exit_.value.code, golden.read_golden("predict")

    return run


def test_the_tool_writes_what_is_new(tool, capsys):
    code, content = tool(1.0, "predict")
    assert (code, content) == (0, {"version": 1, "digest": {"value": 1.0}})
    assert "predict: written" in capsys.readouterr().out


def test_the_tool_refuses_changes_without_a_version(tool, capsys):
    tool(1.0, "predict")
    code, content = tool(2.0, "predict")
    assert (code, content["digest"]) == (1, {"value": 1.0})
    assert "predict: its numbers have changed; raise VERSIONS['predict']" in capsys.readouterr().err
    code, content = tool(2.0, "predict", version=2)
    assert (code, content) == (0, {"version": 2, "digest": {"value": 2.0}})


def test_the_tool_can_be_told_that_the_case_changed(tool):
    tool(1.0, "predict")
    assert tool(2.0, "--case-changed", "predict") == (0, {"version": 1, "digest": {"value": 2.0}})


def test_the_tool_leaves_what_is_the_same(tool, capsys):
    tool(1.0, "predict")
    code, content = tool(1.00001, "predict")
    assert (code, content["digest"]) == (0, {"value": 1.0})
    assert "predict: unchanged" in capsys.readouterr().out


def test_the_tool_knows_the_stages(tool, capsys):
    code, _ = tool(1.0, "predictt")
    assert code == 2
    assert "predictt" in capsys.readouterr().err
