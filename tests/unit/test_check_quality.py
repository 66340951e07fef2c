"""Stages quality_reference, check_quality and summarize_quality."""

import json
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import videos

from deg_core.data.arrays import Predictions, feature_writer, write_predictions
from deg_core.data.publish import publish_json
from deg_core.errors import StateError
from deg_core.settings import ImportSettings, QualitySettings
from deg_core.stages import check_quality, import_video, quality_reference, summarize_quality

TRAIN, VAL = ["a", "b", "c"], ["d"]
RUN = "lite/0/all"
N = 40
BEHAVIORS = ("groom", "rear")


def frames_of(seed, *, dark=1.0, blur=False):
    """Draw an arena that is a little different in each video."""
    rng = np.random.default_rng(seed)
    arena = 100 + 10 * rng.standard_normal((32, 32, 1)).repeat(3, axis=2) + 4 * (seed % 3)
    frames = arena + 30 * (rng.random((N, 1, 32, 1)) > 0.8)
    if blur:
        for axis in (1, 2):
            frames = sum(np.roll(frames, k, axis) for k in range(-3, 4)) / 7
    return list(np.clip(dark * frames, 0, 255).astype(np.uint8))


def give(results, video, *, seed=0, offset=0.0, doubt=0.0, **looks):
    """Write a video's store, features and predictions.

    ``offset`` moves its features; ``doubt`` is the share of frames with a probability of 0.5.
    """
    raw = videos.write_video(results / f"raw/{video}.mkv", frames_of(seed, **looks), codec="ffv1")
    store = results / "import" / f"{video}.h5"
    import_video.run(raw=raw, out=store, settings=ImportSettings(size=(32, 32)))
    rng = np.random.default_rng(seed + 100)
    path = results / "features" / RUN / f"{video}.h5"
    about = {"fps": 30.0, "behaviors": BEHAVIORS, "digest": "d" * 64}
    with feature_writer(path, n_frames=N, n_features=3, **about) as writer:
        rows = rng.standard_normal((2, N, 3)).astype(np.float32) + np.float32(offset)
        writer.write(0, *rows, np.zeros((N, 2), np.float32))
    probabilities = np.full((N, 2), 0.99, np.float32)
    probabilities[: round(doubt * N)] = 0.5
    out = results / "predictions" / RUN / f"{video}.h5"
    write_predictions(out, Predictions(probabilities, probabilities, **about))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of results with a reference, and videos to compare with it."""
    results = tmp_path_factory.mktemp("quality") / "results"
    for seed, video in enumerate([*TRAIN, *VAL]):
        give(results, video, seed=seed, doubt=0.1)
    treat(results)
    refer(results, results / "quality" / RUN)
    return results


def treat(results, method="none", **parameters):
    """Write how probabilities become bouts."""
    one = {"method": method, "parameters": {"threshold": 0.5} | parameters}
    content = {"behaviors": list(BEHAVIORS), "sequence": dict.fromkeys(BEHAVIORS, one)}
    publish_json(results / "thresholds" / f"{RUN}.postprocess.json", content)


def refer(results, out, *, train=TRAIN, val=VAL):
    quality_reference.run(
        train_videos=train, val_videos=val, imports=results / "import",
        features=results / "features" / RUN, predictions=results / "predictions" / RUN,
        postprocessing=results / "thresholds" / f"{RUN}.postprocess.json",
        settings=QualitySettings(),
        reference=out.with_suffix(".reference.npz"), out=out.with_suffix(".reference.json"),
    )  # fmt: skip


def check(results, video, *, part="new", out=None):
    place = results / "quality" / RUN
    out = out or place / f"{video}.json"
    check_quality.run(
        video=video, part=part, store=results / "import" / f"{video}.h5",
        features=results / "features" / RUN / f"{video}.h5",
        predictions=results / "predictions" / RUN / f"{video}.h5",
        postprocessing=results / "thresholds" / f"{RUN}.postprocess.json",
        reference=place.with_suffix(".reference.npz"), known=place.with_suffix(".reference.json"),
        settings=QualitySettings(), out=out,
    )  # fmt: skip
    return json.loads(out.read_text())


def flags(content):
    return {row["check"] for row in content["checks"] if row["flag"] == "look"}


def test_an_ordinary_new_video_has_no_flag(made):
    give(made, "plain", seed=7, doubt=0.15)
    found = check(made, "plain")
    assert flags(found) == set()
    assert (found["video"], found["part"]) == ("plain", "new")
    values = {row["check"]: row["value"] for row in found["checks"]}
    assert values["uncertain"] == pytest.approx(0.15)
    assert values["size"] == 1


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ({"dark": 0.3}, {"brightness", "contrast", "sharpness"}),
        ({"blur": True}, {"sharpness", "contrast"}),
        ({"offset": 4.0}, {"feature_distance"}),
        ({"doubt": 0.8}, {"uncertain"}),
    ],
)
def test_an_odd_video_is_flagged_for_what_is_odd(made, looks, expected):
    give(made, "odd", seed=7, **looks)
    assert flags(check(made, "odd")) == expected


def test_doubt_is_measured_at_the_thresholds_in_use(tmp_path):
    results = tmp_path / "results"
    for seed, video in enumerate([*TRAIN, *VAL]):
        give(results, video, seed=seed, doubt=0.1)
    # a tenth of the frames has 0.5, the others 0.99
    treat(results, "hysteresis", threshold=0.99, low=0.5, length=3)
    refer(results, results / "quality" / RUN)
    known = json.loads((results / "quality" / f"{RUN}.reference.json").read_text())["known"]
    assert known["d"]["uncertain"] == pytest.approx(0.9)
    values = {row["check"]: row["value"] for row in check(results, "a")["checks"]}
    assert values["uncertain"] == pytest.approx(0.9)


def test_training_videos_have_no_flag_be_they_the_oddest(tmp_path, made):
    results = tmp_path / "results"
    for seed, video in enumerate([*TRAIN, *VAL]):
        give(results, video, seed=seed, dark=0.3 if video == "a" else 1.0)
    treat(results)
    refer(results, results / "quality" / RUN)
    assert flags(check(results, "a", part="train")) == set()
    assert flags(check(results, "d", part="val")) == set()


def test_a_training_video_is_not_compared_with_itself(made):
    values = {row["check"]: row["value"] for row in check(made, "a")["checks"]}
    known = json.loads((made / "quality" / "lite/0/all.reference.json").read_text())["known"]
    assert values["feature_distance"] > 0.1
    # The reference holds half-precision numbers.
    assert values["feature_distance"] == pytest.approx(known["a"]["feature_distance"], rel=1e-3)
    assert "uncertain" not in known["a"]
    assert known["d"]["uncertain"] == pytest.approx(0.1)


def test_the_same_again_gives_the_same_bytes(made, tmp_path):
    refer(made, tmp_path / "again")
    for end in (".reference.npz", ".reference.json"):
        again = (tmp_path / "again").with_suffix(end)
        assert again.read_bytes() == (made / "quality" / RUN).with_suffix(end).read_bytes()
    check(made, "a", out=tmp_path / "1.json")
    check(made, "a", out=tmp_path / "2.json")
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()


def test_one_training_video_leaves_the_others_to_compare_with(made, tmp_path):
    refer(made, tmp_path / "one", train=["a"])
    known = json.loads((tmp_path / "one.reference.json").read_text())["known"]
    assert "feature_distance" not in known["a"]
    assert known["d"]["feature_distance"] > 0


def test_no_training_video_is_an_error(made, tmp_path):
    with pytest.raises(StateError, match="no training video"):
        refer(made, tmp_path / "none", train=[])


def test_features_of_another_model_are_told(made, tmp_path):
    path = tmp_path / "other.h5"
    about = {"fps": 30.0, "behaviors": BEHAVIORS, "digest": "d" * 64}
    with feature_writer(path, n_frames=2, n_features=5, **about) as writer:
        writer.write(0, *np.zeros((2, 2, 5), np.float32), np.zeros((2, 2), np.float32))
    with pytest.raises(StateError, match=r"other\.h5: 10 numbers per frame.* has 6"):
        check_quality.distance(
            path, made / "quality/lite/0/all.reference.npz", video="x", settings=QualitySettings()
        )


def test_memory_does_not_grow_with_the_video(tmp_path):
    from deg_core.stages.measured import picture_facts

    peaks = []
    for n in (200, 1600):
        raw = videos.write_video(tmp_path / f"{n}.mkv", videos.noise(20) * (n // 20), codec="ffv1")
        store = tmp_path / f"{n}.h5"
        import_video.run(raw=raw, out=store, settings=ImportSettings(size=(64, 64)))
        tracemalloc.start()
        picture_facts(store, frames=50)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] + 100_000  # the offsets of more frames


def test_all_checks_stand_in_one_table(made, tmp_path):
    for video in ("a", "d"):
        check(made, video, part="train" if video == "a" else "val")
    summarize_quality.run(
        runs=[RUN], videos=["a", "d"], folder=made / "quality", out=tmp_path / "q.csv"
    )
    table = pd.read_csv(tmp_path / "q.csv", keep_default_na=False, dtype=str)
    assert list(table.columns) == summarize_quality.COLUMNS
    assert len(table) == 2 * 7
    assert set(table["preset"] + "/" + table["split"] + "/" + table["n_train"]) == {RUN}
    assert dict(zip(table["video"], table["part"], strict=True)) == {"a": "train", "d": "val"}
    doubt = table[(table["check"] == "uncertain") & (table["video"] == "a")].iloc[0]
    assert (doubt["low"], doubt["flag"], doubt["reason"]) == ("", "ok", "")


def test_without_runs_the_table_is_empty(tmp_path):
    summarize_quality.run(runs=[], videos=["a"], folder=tmp_path, out=tmp_path / "q.csv")
    assert (tmp_path / "q.csv").read_text() == ",".join(summarize_quality.COLUMNS) + "\n"


def test_a_missing_check_is_told(tmp_path):
    with pytest.raises(StateError, match=r"lite/0/all/a\.json: does not exist"):
        summarize_quality.run(runs=[RUN], videos=["a"], folder=tmp_path, out=tmp_path / "q.csv")
