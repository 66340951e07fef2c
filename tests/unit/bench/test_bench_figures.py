"""Medians, ratios of neighboring measurements, and the machine's description."""

import pytest
import torch

from deg_core.bench import figures, machine
from deg_core.bench.figures import Cost, cost_of, figure, interleaved, ratios


def test_a_figure_is_a_median_with_all_its_measurements():
    assert figure([3.0, 1.0, 2.0]) == {"median": 2.0, "n": 3, "values": [3.0, 1.0, 2.0]}
    assert figure([1.0, 2.0])["median"] == 1.5


def test_what_was_not_measured_is_no_figure():
    with pytest.raises(ValueError, match="no measurement"):
        figure([])


def test_forms_take_turns():
    done = []
    forms = {name: lambda name=name: done.append(name) for name in "abc"}
    costs = interleaved(forms, repeats=2)
    assert done == list("abcabc")
    assert {name: len(each) for name, each in costs.items()} == {"a": 2, "b": 2, "c": 2}


def test_the_device_is_waited_for_before_and_after():
    done = []
    cost_of(lambda: done.append("work"), lambda: done.append("wait"))
    assert done == ["wait", "work", "wait"]


def test_clock_and_processor_time_are_told_apart(monkeypatch):
    walls, cpus = iter([10.0, 13.0]), iter([1.0, 1.5])
    monkeypatch.setattr(figures.time, "perf_counter", lambda: next(walls))
    monkeypatch.setattr(figures.time, "process_time", lambda: next(cpus))
    assert cost_of(lambda: None) == Cost(3.0, 0.5)


def test_ratios_are_those_of_pairs_not_of_medians():
    """The machine was twice as slow in the second pair, which the ratios do not see."""
    plain = [Cost(4, 8), Cost(8, 16), Cost(4, 8)]
    ours = [Cost(2, 2), Cost(4, 4), Cost(1, 1)]
    found = ratios(plain, ours)
    assert found["wall_ratio"] == {"median": 2.0, "n": 3, "values": [2.0, 2.0, 4.0]}
    assert found["cpu_ratio"]["values"] == [4.0, 4.0, 8.0]
    # Medians of each would be 4 / 2 = 2 as well; with the middle pair first they differ:
    uneven = ratios([Cost(1, 1), Cost(9, 9), Cost(5, 5)], [Cost(1, 1), Cost(3, 3), Cost(5, 5)])
    assert uneven["wall_ratio"]["median"] == 1.0  # of 1, 3, 1; medians alone say 5 / 3


def test_unpaired_measurements_are_refused():
    with pytest.raises(ValueError):
        ratios([Cost(1, 1)], [])


def test_peak_memory_is_in_megabytes():
    assert 10 < figures.peak_mb() < 1e6


# --- the machine


def test_the_machine_is_described():
    found = machine.describe_machine(1)
    assert found["cores"] >= 1
    assert found["threads"] == torch.get_num_threads() == 1
    assert found["memory_gb"] > 0
    assert found["torch"] == torch.__version__
    assert found["processor"]
    assert isinstance(found["supports"], list)


def test_the_processors_model_is_read(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Fast: 9000\nmodel name\t: Other\n")
    assert machine.processor(cpuinfo) == "Fast: 9000"
    cpuinfo.write_text("Hardware: board\n")
    assert machine.processor(cpuinfo)  # what Python calls it
    assert machine.processor(tmp_path / "none")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_cards_capability_is_named():
    found = machine.abilities(torch.device("cuda"))
    assert found[-1].startswith("compute capability ")
