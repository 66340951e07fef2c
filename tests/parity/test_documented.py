"""docs/parity.md: complete, and true of the functions, tests and networks that it names."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
import reference
import torch

from deg_core.models import flow, sequence, two_stream
from deg_core.presets import PRESETS
from deg_core.settings import FeatureSettings, FlowSettings, SequenceSettings, from_dict

TEXT = (Path(__file__).parents[2] / "docs" / "parity.md").read_text(encoding="utf-8")
PLAIN = (type(None), bool, int, float, str, tuple)


def table(heading):
    """Rows of the first table below a heading, without its header, as lists of cells."""
    lines = TEXT.partition(f"## {heading}\n")[2].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|")) + 2
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def quoted(cell):
    return re.findall(r"`([^`]+)`", cell)


def functions(cell):
    """Names and arguments of the functions in a cell; `compat` stands for those above the table."""
    return [f for name in quoted(cell) for f in (COMPAT if name == "compat" else [name])]


COMPAT = [f for f in quoted(TEXT.partition("## Fixtures\n")[2].partition("\n|")[0]) if "(" in f]
FIXTURES = table("Fixtures")
FUNCTIONS = sorted({function for row in FIXTURES for function in functions(row[1])})
TESTS = sorted({test for row in FIXTURES for test in quoted(row[2])})


def test_every_fixture_has_one_row():
    files = sorted(path.stem for path in reference.FOLDER.glob("*.npz"))
    assert sorted(quoted(row[0])[0] for row in FIXTURES) == files


def test_every_row_names_functions_and_tests():
    assert len(COMPAT) == 2
    assert all(functions(row[1]) and quoted(row[2]) for row in FIXTURES)


def found(name):
    """Import a function, or a method, by its full name."""
    parts = name.split(".")
    for depth in range(len(parts) - 1, 0, -1):
        try:
            target = importlib.import_module(".".join(parts[:depth]))
        except ModuleNotFoundError:
            continue
        for part in parts[depth:]:
            target = getattr(target, part)
        return target
    raise AssertionError(f"{name} cannot be imported")


def signature(function):
    """Write a signature without annotations, and defaults that are no plain values as ``...``."""
    parameters = []
    for parameter in inspect.signature(function).parameters.values():
        default = parameter.default
        if default is not parameter.empty and not isinstance(default, PLAIN):
            parameter = parameter.replace(default=...)
        parameters.append(parameter.replace(annotation=parameter.empty))
    text = str(inspect.Signature(parameters))
    return text.replace("Ellipsis", "...")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_exist_with_these_arguments(function):
    name, bracket, arguments = function.partition("(")
    assert bracket + arguments == signature(found(name))


@pytest.mark.parametrize("test", TESTS)
def test_tests_exist(test):
    file, _, name = test.partition("::")
    assert f"def {name}(" in (Path(__file__).parent / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("preset", ["fast", "medium", "slow"])
def test_networks_have_as_many_parameters_as_the_table_says(preset):
    rows = {
        row[0]: row[1 + ["fast", "medium", "slow"].index(preset)] for row in table("Parameters")
    }
    for part, number in parameters_of(preset).items():
        assert rows[part].split(" ")[0] == f"{number:,}", part


def parameters_of(preset):
    """Count parameters of a preset's networks; nothing is computed, nor are weights drawn."""
    chosen = PRESETS[preset]
    with torch.device("meta"):
        motion = flow.build(from_dict(FlowSettings, chosen["flow"]))
        streams = two_stream.build(from_dict(FeatureSettings, chosen["features"]), motion, 5)
        heads = {
            f"sequence model, `{name}`": sequence.build(
                from_dict(SequenceSettings, chosen["sequence"] | {"network": name}),
                n_features=1024, n_behaviors=5,
            )
            for name in ("tgm_late", "tgm", "linear")
        }  # fmt: skip
    counts = {
        "flow generator": count(motion),
        "spatial stream": count(streams.spatial),
        "flow stream": count(streams.flow),
        "both streams": count(streams),
        "with the flow generator": count(motion) + count(streams),
    }
    return counts | {part: count(network) for part, network in heads.items()}


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())
