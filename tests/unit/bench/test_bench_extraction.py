"""Extraction beside the plain way: equal answers, figures of pairs, the time of each step."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from measuring import check_figures

from deg_core import extras
from deg_core.bench import clips, extraction
from deg_core.bench.figures import Cost
from deg_core.bench.options import STEPS
from deg_core.bench.subject import Subject, extract, extract_plainly
from deg_core.data.arrays import Features, read_features
from deg_core.settings import ExtractSettings
from deg_core.stages import extract_features

OF_TORCH = tuple(name for name in STEPS if name != "all networks")  # which int8 has in one


@pytest.fixture
def subject(measured_on):
    return Subject.load(
        measured_on.store, background=measured_on.folder / "video.background.png",
        flow=measured_on.flow, features=measured_on.features, batch=16,
        device=torch.device("cpu"),
    )  # fmt: skip


def measure(measured_on, folder, **changes):
    given = {
        "store": str(measured_on.store), "statistics": str(measured_on.folder),
        "flow": str(measured_on.flow), "features": str(measured_on.features),
        "folder": str(folder), "precisions": ["fp32", "bf16"], "pairs": 2, "seconds": 1e-6,
        "batch": 16, "threads": 1,
    }  # fmt: skip
    return extraction.measure(**given | changes)


# --- both ways


def test_both_ways_give_what_the_stage_gives(measured_on, subject, tmp_path):
    extract_features.run(
        store=measured_on.store, background=measured_on.folder / "video.background.png",
        flow=measured_on.flow, features=measured_on.features, out=tmp_path / "stage.h5",
        settings=ExtractSettings(batch_size=16, precision="fp32"), threads=1,
    )  # fmt: skip
    extract(subject, 40, tmp_path / "ours.h5", subject.engine("fp32"))
    extract_plainly(subject, 40, tmp_path / "plain.h5")
    stage, ours, plain = (read_features(tmp_path / f"{n}.h5") for n in ("stage", "ours", "plain"))
    for name in ("spatial", "flow", "logits"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(stage, name))
        # Folded batch norms round differently.
        np.testing.assert_allclose(getattr(plain, name), getattr(stage, name), atol=1e-4)


def test_a_part_of_the_video_is_extracted_alike(subject, tmp_path):
    """Its last windows show frames behind the part, not padding."""
    extract(subject, 20, tmp_path / "ours.h5", subject.engine("fp32"))
    extract_plainly(subject, 20, tmp_path / "plain.h5")
    ours, plain = read_features(tmp_path / "ours.h5"), read_features(tmp_path / "plain.h5")
    assert len(ours.logits) == 20
    np.testing.assert_allclose(plain.logits, ours.logits, atol=1e-4)


# --- int8


def test_int8_is_measured_beside_the_others(measured_on, tmp_path):
    for package in extras.INT8:
        pytest.importorskip(package)
    found = measure(measured_on, tmp_path, precisions=["fp32", "int8"])
    assert found["left_out"] == {}
    int8 = found["paths"]["int8"]
    assert list(int8["steps_cpu_ms"]) == ["decode", "prepare", "all networks", "write"]
    assert int8["wall_ratio"]["n"] == 2
    assert 1e-4 < int8["largest_difference"] < 0.3
    assert int8["smallest_cosine"] > 0.9


def test_where_its_packages_are_missing_int8_is_left_out(measured_on, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nncf", None)
    found = measure(measured_on, tmp_path, precisions=["fp32", "int8"])
    assert list(found["paths"]) == ["fp32"]
    assert found["left_out"] == {"int8": "the packages of the extra `openvino` are not installed"}


def test_int8_is_no_matter_of_graphics_cards(subject):
    beside = replace(subject, device=torch.device("cuda"))
    assert extraction.without_int8(beside) == "it is for processors"


# --- figures


def test_a_preset_is_measured(measured_on, tmp_path):
    found = measure(measured_on, tmp_path)
    assert (found["frames"], found["batch"]) == (16, 16)  # one batch at least
    assert list(found["paths"]) == ["fp32", "bf16"]
    for path in found["paths"].values():
        assert tuple(path["steps_cpu_ms"]) == OF_TORCH
        for name in ("frames_per_s", "cpu_ms", "wall_ratio", "cpu_ratio"):
            assert path[name]["n"] == 2
            assert path[name]["median"] > 0
    assert check_figures(found) == 2 + 2 * (4 + len(OF_TORCH))
    exact, rough = (found["paths"][name] for name in ("fp32", "bf16"))
    assert exact["largest_difference"] < 1e-4 < rough["largest_difference"] < 0.2
    assert exact["smallest_cosine"] > 0.999999
    assert rough["smallest_cosine"] > 0.9


def test_ratios_come_from_the_pairs_that_gave_the_speeds(measured_on, tmp_path):
    found = measure(measured_on, tmp_path, precisions=["fp32"], pairs=3)
    ours, plain = found["paths"]["fp32"], found["plain"]
    expected = np.divide(ours["frames_per_s"]["values"], plain["frames_per_s"]["values"])
    np.testing.assert_allclose(ours["wall_ratio"]["values"], expected)
    expected = np.divide(plain["cpu_ms"]["values"], ours["cpu_ms"]["values"])
    np.testing.assert_allclose(ours["cpu_ratio"]["values"], expected)


def test_frames_are_as_many_as_take_the_time_but_not_more_than_there_are(
    measured_on, subject, tmp_path, monkeypatch
):
    monkeypatch.setattr(extraction, "cost_of", lambda *_: Cost(4 * 0.5, 0.0))  # half a second each
    frames = [extraction.enough_frames(subject, s, tmp_path) for s in (0.1, 8, 15.9, 1000)]
    assert frames == [16, 16, 32, 40]


def test_speeds_are_per_frame():
    found = extraction.speeds([Cost(2.0, 4.0), Cost(4.0, 4.0), Cost(4.0, 8.0)], 8)
    assert found["frames_per_s"]["values"] == [4.0, 2.0, 2.0]
    assert found["cpu_ms"]["values"] == [500.0, 500.0, 1000.0]


# --- differences


def features(spatial, flow, logits):
    arrays = (np.array(x, np.float32) for x in (spatial, flow, logits))
    return Features(*arrays, fps=30.0, behaviors=("a", "b"), digest="")


def test_differences_are_shares_of_the_largest_value():
    plain = features([[3, 4], [0, 10]], [[1, 0], [1, 0]], [[1, 1], [1, 1]])
    ours = features([[3, 4], [0, 9]], [[1, 0], [1, 1]], [[1, 1], [1, 3]])
    found = extraction.differences(plain, ours)
    assert found["arrays"]["spatial"] == {"difference": pytest.approx(0.1), "cosine": 1.0}
    assert found["arrays"]["logits"]["difference"] == 2.0
    assert found["largest_difference"] == 1.0  # of the features; logits do not count
    assert found["smallest_cosine"] == pytest.approx(2**-0.5)


def test_a_stream_that_there_is_not_is_left_out():
    one = features([[3, 4]], [[0, 0]], [[1, 1]])
    found = extraction.differences(one, one)
    assert list(found["arrays"]) == ["spatial", "logits"]
    assert (found["largest_difference"], found["smallest_cosine"]) == (0.0, 1.0)


def test_a_frame_of_zeros_is_turned_by_nothing_or_all():
    a, b = np.array([[0, 0], [0, 0], [1, 0]]), np.array([[0, 0], [1, 0], [-1, 0]])
    np.testing.assert_array_equal(extraction.cosine(a, b), [1, 0, -1])


# --- steps


def test_each_step_is_timed_and_the_answers_stay(measured_on, subject, tmp_path, monkeypatch):
    monkeypatch.setattr(extraction, "cost_of", lambda work, _: work() or Cost(1.0, 2.0))
    engine = subject.engine("fp32")
    seconds = extraction.one_by_one(subject, 40, tmp_path / "steps.h5", engine)
    # Three batches; frames are prepared and then put into windows.
    assert seconds == {name: 3 * 2.0 * (2 if name == "prepare" else 1) for name in OF_TORCH}
    extract(subject, 40, tmp_path / "whole.h5", engine)
    steps, whole = read_features(tmp_path / "steps.h5"), read_features(tmp_path / "whole.h5")
    np.testing.assert_array_equal(steps.logits, whole.logits)


def test_a_missing_stream_has_no_step(measured_on, subject, tmp_path):
    subject.network.flow = None
    subject.network.flow_weight = 0.0
    found = extraction.split(subject, 8, tmp_path / "s.h5", subject.engine("fp32"), repeats=2)
    assert list(found) == ["decode", "prepare", "spatial classifier", "write"]


# --- clips


def test_clips_are_read_from_each_store(measured_on):
    found = clips.measure(stores={"raw": str(measured_on.store)}, repeats=3)
    assert list(found) == ["raw"]
    assert clips.PILOT <= found["raw"]["clips"] <= clips.MOST
    assert check_figures(found) == 2
    assert found["raw"]["clips_per_cpu_s"]["n"] == 3


def test_random_clips_are_the_same_for_all_stores(measured_on, monkeypatch):
    read = {}
    monkeypatch.setattr(
        clips, "read_all",
        lambda source, frames: read.setdefault(source, []).append(frames.tolist()),
    )  # fmt: skip
    stores = {"one": str(measured_on.store), "other": str(measured_on.store)}
    clips.measure(stores=stores, repeats=1)
    one, other = (frames[-1] for frames in read.values())
    n = min(len(one), len(other))
    assert one[:n] == other[:n]
    assert len(set(one)) > 5
