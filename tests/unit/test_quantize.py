"""Stage quantize: int8 calibrated on the project's own frames, judged by F1, or refused."""

import sys

import numpy as np
import pytest
import tiny
import videos

from deg_core import cli
from deg_core.data.arrays import read_features
from deg_core.data.labels import read_frame_labels, write_frame_labels
from deg_core.data.publish import read_json
from deg_core.errors import ConfigError, LabelError, ModelError, VideoError
from deg_core.learn import quantized
from deg_core.stages import quantize

CALIBRATION = 6  # windows


def quantise(results, out, **changes):
    """Run the stage on the tiny project; returns the graph's file."""
    arguments = {
        "train_videos": tiny.TRAIN, "val_videos": tiny.VAL, "imports": results / "import",
        "labels": results / "labels", "backgrounds": results / "stats",
        "flow": results / "models/flow/tiny.pt", "features": results / "models/features/tiny.pt",
        "max_loss": 0.5, "threads": 1, "out": out, "record": out.with_suffix(".run.json"),
    }  # fmt: skip
    quantize.run(**arguments | changes)
    return out


@pytest.fixture(scope="module")
def made(tiny_project, tmp_path_factory):
    """The tiny project's extractor in int8; do not change."""
    for package in ("openvino", "nncf"):
        pytest.importorskip(package)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantize, "CALIBRATION", CALIBRATION)
        return quantise(tiny_project, tmp_path_factory.mktemp("quantized") / "all.xml")


@pytest.fixture
def with_extra():
    for package in ("openvino", "nncf"):
        pytest.importorskip(package)


# --- what it makes


def test_three_files(made):
    assert sorted(path.name for path in made.parent.iterdir()) == [
        "all.bin", "all.run.json", "all.xml",
    ]  # fmt: skip


def test_the_record_says_what_it_cost(made, tiny_project):
    record = read_json(made.with_suffix(".run.json"))
    assert (record["train_videos"], record["val_videos"]) == (tiny.TRAIN, tiny.VAL)
    assert record["behaviors"] == list(tiny.BEHAVIORS)
    assert record["frames"] == tiny.VIDEOS["m3"]  # all of it: fewer than would be drawn
    assert record["windows"] == CALIBRATION
    assert record["size"] == [tiny.SIZE, tiny.SIZE]
    for name in ("f1_macro", "average_precision_macro"):
        before, after = (record["scores"][precision][name] for precision in ("fp32", "int8"))
        assert 0 < before <= 1
        assert record["change"][name] == after - before
    assert min(record["cosine"].values()) > 0.9
    assert {"openvino", "nncf", "torch"} <= set(record["packages"])
    assert {"python", "platform", "device", "threads", "seed", "seconds"} <= set(record)
    assert (record["max_loss"], record["bits"] in (7, 8)) == (0.5, True)


def test_extraction_takes_it(made, tiny_project, tmp_path):
    """The file is as that of any other precision, and its numbers are nearly the same."""
    out = tiny.extract(
        tiny_project, "m3", tmp_path / "m3.h5", settings={"precision": "int8"}, quantized=made
    )
    full = tiny.extract(tiny_project, "m3", tmp_path / "f.h5", settings={"precision": "fp32"})
    found, expected = read_features(out), read_features(full)
    assert (found.digest, found.behaviors, found.fps) == (
        expected.digest, expected.behaviors, expected.fps,
    )  # fmt: skip
    for name in ("spatial", "flow", "logits"):
        ours, exact = getattr(found, name), getattr(expected, name)
        assert ours.shape == exact.shape
        assert 0 < np.abs(ours - exact).max() < 0.2 * np.abs(exact).max()


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_neither_batch_nor_threads_change_it(made, tiny_project, tmp_path, batch_size):
    one, other = (
        read_features(
            tiny.extract(
                tiny_project, "m2", tmp_path / f"{threads}.h5", quantized=made, threads=threads,
                settings={"precision": "int8", "batch_size": size},
            )
        )
        for threads, size in ((1, 16), (2, batch_size))
    )  # fmt: skip
    np.testing.assert_array_equal(one.logits, other.logits)
    np.testing.assert_array_equal(one.spatial, other.spatial)


def test_the_command_line(made, tiny_project, tmp_path, with_extra, monkeypatch):
    monkeypatch.setattr(quantize, "CALIBRATION", CALIBRATION)
    words = {
        "imports": tiny_project / "import", "labels": tiny_project / "labels",
        "backgrounds": tiny_project / "stats", "flow": tiny_project / "models/flow/tiny.pt",
        "features": tiny_project / "models/features/tiny.pt", "max-loss": 0.5, "threads": 1,
        "out": tmp_path / "q.xml", "record": tmp_path / "q.run.json",
    }  # fmt: skip
    flags = [str(word) for name, value in words.items() for word in (f"--{name}", value)]
    videos = ["--train-videos", *tiny.TRAIN, "--val-videos", *tiny.VAL]
    assert cli.main(["quantize", *videos, *flags]) == 0
    assert (tmp_path / "q.bin").read_bytes() == made.with_suffix(".bin").read_bytes()


# --- what it refuses


def test_too_much_loss_is_refused(tiny_project, tmp_path, with_extra, monkeypatch, capsys):
    monkeypatch.setattr(quantize, "CALIBRATION", CALIBRATION)
    scores = iter([{"f1_macro": 0.75}, {"f1_macro": 0.7375}])
    monkeypatch.setattr(quantize, "scores_of", lambda *_: next(scores))
    with pytest.raises(ConfigError) as caught:
        quantise(tiny_project, tmp_path / "new" / "q.xml", max_loss=0.01)
    assert str(caught.value) == (
        "config.yaml: extract: `precision: int8` lowers the macro F1 on 40 validation frames from "
        "0.7500 to 0.7375, which is more than `int8_max_loss: 0.01` allows; choose `precision: "
        "auto`, or allow more."
    )
    assert caught.value.exit_code == 2
    assert not list(tmp_path.iterdir())
    assert "macro F1 0.7500 with fp32, 0.7375 with int8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("before", "after", "allowed", "good"),
    [
        (0.8, 0.79, 0.011, True),
        (0.8, 0.78, 0.01, False),
        (0.5, 0.9, 0.0, True),  # a gain is no loss
        (0.5, float("nan"), 1.0, False),
        (float("nan"), 0.5, 1.0, False),
    ],
)
def test_the_bound(before, after, allowed, good):
    scores = {"fp32": {"f1_macro": before}, "int8": {"f1_macro": after}}
    if good:
        quantize.check_loss(scores, 10, allowed)
        return
    with pytest.raises(ConfigError, match="int8_max_loss"):
        quantize.check_loss(scores, 10, allowed)


def test_nothing_positive_to_judge_by(tiny_project, tmp_path, with_extra):
    for video in tiny.VIDEOS:
        names, labels = read_frame_labels(tiny_project / "labels" / f"{video}.csv")
        write_frame_labels(tmp_path / "labels" / f"{video}.csv", names, np.minimum(labels, 0))
    with pytest.raises(ConfigError, match="no behavior occurs there"):
        quantise(tiny_project, tmp_path / "q.xml", labels=tmp_path / "labels")
    assert not (tmp_path / "q.xml").exists()


def test_nothing_known_to_judge_by(tiny_project, tmp_path, with_extra):
    names, labels = read_frame_labels(tiny_project / "labels/m3.csv")
    write_frame_labels(tmp_path / "labels/m3.csv", names, np.full_like(labels, -1))
    with pytest.raises(LabelError, match="no frame of the validation part is labelled"):
        quantise(tiny_project, tmp_path / "q.xml", labels=tmp_path / "labels")


def test_models_that_do_not_belong_together(tiny_project, tmp_path, with_extra):
    other = tiny.train_flow(tiny_project, tmp_path / "flow.pt", settings={"seed": 1})
    with pytest.raises(ModelError, match="it was trained behind another flow model"):
        quantise(tiny_project, tmp_path / "q.xml", flow=other)


@pytest.mark.parametrize("package", ["openvino", "nncf"])
def test_a_missing_extra_is_told_before_anything_is_read(tmp_path, monkeypatch, package):
    for name in ("openvino", "nncf"):  # also where neither is installed
        monkeypatch.setitem(sys.modules, name, None if name == package else sys)
    with pytest.raises(ConfigError, match=f"needs the package {package}, which is not installed"):
        quantise(tmp_path / "nothing", tmp_path / "q.xml")
    assert not list(tmp_path.iterdir())


# --- extraction refuses


def int8(results, folder, quantized=None, **changes):
    settings = {"precision": "int8"} | changes.pop("settings", {})
    return tiny.extract(
        results, "m3", folder / "m3.h5", settings=settings, quantized=quantized, **changes
    )


def test_int8_needs_the_file_and_the_file_int8(tiny_project, tmp_path):
    with pytest.raises(ConfigError, match="needs the file that quantize wrote"):
        int8(tiny_project, tmp_path)
    with pytest.raises(ConfigError, match="is for `precision: int8`, but the settings say bf16"):
        int8(tiny_project, tmp_path, tmp_path / "q.xml", settings={"precision": "bf16"})
    assert not list(tmp_path.iterdir())


def test_int8_of_other_models_is_refused(made, tiny_project, tmp_path):
    other = tiny.train_features(tiny_project, tmp_path / "f.pt", settings={"seed": 1})
    with pytest.raises(ModelError, match=r"all\.xml: made from other models than the two given"):
        int8(tiny_project, tmp_path, made, features=other)
    assert not (tmp_path / "m3.h5").exists()


def test_damaged_int8_is_refused(made, tiny_project, tmp_path):
    broken = tmp_path / "broken.xml"
    broken.write_bytes(made.read_bytes()[:1000])
    quantized.weights_of(broken).write_bytes(quantized.weights_of(made).read_bytes())
    with pytest.raises(ModelError, match=r"broken\.xml: damaged"):
        int8(tiny_project, tmp_path, broken)
    assert not (tmp_path / "m3.h5").exists()


def test_a_video_of_another_size_is_refused(made, tiny_project, tmp_path):
    store = videos.write_store(tmp_path / "large.h5", videos.noise(6, 40, 48))
    with pytest.raises(VideoError, match=r"large\.h5: frames of 48 x 40 pixels, but the int8"):
        int8(tiny_project, tmp_path, made, store=store)
    assert not (tmp_path / "m3.h5").exists()


# --- which frames


def test_frames_that_judge_show_each_behavior():
    """Of 1,000 frames 10 are drawn, and then those of the rare behavior that were not."""
    labels = np.zeros((1000, 2), np.int8)
    labels[:500, 0] = 1
    labels[990:, 1] = 1
    labels[:100] = -1
    rows = quantize.judging_frames([labels], 10, least=5)
    chosen = labels[rows[:, 1]]
    assert (chosen >= 0).any(1).all()
    assert (chosen == 1).sum(0).min() >= 5
    assert 10 <= len(rows) <= 20
    assert rows.tolist() == sorted(rows.tolist())
    again = quantize.judging_frames([labels], 10, least=5)
    np.testing.assert_array_equal(rows, again)


def test_all_frames_judge_where_there_are_few():
    tables = [np.zeros((4, 1), np.int8), np.full((3, 1), -1, np.int8), np.ones((2, 1), np.int8)]
    rows = quantize.judging_frames(tables, 100, least=100)
    assert rows.tolist() == [[0, 0], [0, 1], [0, 2], [0, 3], [2, 0], [2, 1]]
