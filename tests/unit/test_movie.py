"""`deg movie`."""

import re
import shutil

import numpy as np
import pytest
from figure_inputs import write_video
from projects import make_project

from deg_core import cli
from deg_core.data.labels import write_frame_labels
from deg_core.data.publish import publish_json, read_json
from deg_core.data.video import decode, probe
from deg_core.errors import ConfigError, StateError, VideoError
from deg_core.project import movie
from deg_core.project.movie import Wanted
from deg_core.settings import ImportSettings
from deg_core.stages import import_video

BEHAVIORS = ("groom", "rear")
N = 20  # frames of 32 x 48 pixels, 30 per second
FULL = "lite/0/all"


def give_results(folder, video, run, **options):
    """Give a video predictions, an ethogram and thresholds by a run."""
    made = write_video(folder.parent / "made", behaviors=BEHAVIORS, n_frames=N, fps=30.0, **options)
    results = folder / "results"
    places = {
        "predictions": results / "predictions" / run / f"{video}.h5",
        "ethogram": results / "ethograms" / run / f"{video}.csv",
    }
    tuned = {name: {"threshold": 0.5} for name in BEHAVIORS}
    publish_json(results / "thresholds" / f"{run}.json", {"sequence": tuned})
    for name, place in places.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(made[name], place)


@pytest.fixture
def folder(tmp_path):
    """A project with results of one run for m0."""
    folder = make_project(tmp_path / "my project", n_videos=3)
    raw = tmp_path / "raw of my project" / "m0.mp4"
    store = folder / "results" / "import" / "m0.h5"
    import_video.run(raw=raw, out=store, settings=ImportSettings(size=(16, 24)))
    labels = np.zeros((N, 2), np.int8)
    write_frame_labels(folder / "results" / "labels" / "m0.csv", BEHAVIORS, labels)
    give_results(folder, "m0", FULL)
    return folder


def make(folder, video="m0", *, run=None, out=None, **wanted):
    path = out or folder / f"{video}.mp4"
    assert movie.make(folder, video, wanted=Wanted(**wanted), run=run, out=out) == 0
    return probe(path), list(decode(probe(path)))


def frame_of(image):
    """Cut the video's frame out of a picture: 48 x 32 pixels, 16 times as large, below 25 lines."""
    return image[25 + 8 : 25 + 32 * 16 : 16, 8 : 48 * 16 : 16]


def test_every_frame_of_the_raw_video_is_shown_in_order(folder, tmp_path, capsys):
    info, frames = make(folder)
    assert (len(frames), info.fps, info.width) == (N, 30.0, 48 * 16)
    raw = [frame.image for frame in decode(probe(tmp_path / "raw of my project" / "m0.mp4"))]
    for number in (0, 7, 19):
        near = [np.abs(frame_of(frames[number].image).astype(int) - one).mean() for one in raw]
        assert int(np.argmin(near)) == number
    assert f"{folder / 'm0.mp4'}: written, {N} frames of 768 x" in capsys.readouterr().err


def test_a_part_of_it_faster_and_larger(folder, tmp_path):
    # frames 6 to 12 of 30 per second; 3 times as fast are 90 per second, of which 45 are shown
    info, frames = make(
        folder, out=tmp_path / "x.mp4", start_s=0.2, stop_s=0.4, speed=3.0, scale=14.0
    )
    assert (len(frames), info.fps, info.width) == (3, 45.0, 48 * 14)
    info, frames = make(folder, out=tmp_path / "y.mp4", speed=0.5)
    assert (len(frames), info.fps) == (N, 15.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [(lambda raw: raw.unlink(), "is gone"), (lambda raw: raw.write_bytes(b"no video"), "no video"),
     (lambda raw: shutil.copy(raw.with_name("m1.mp4"), raw), "another file than was imported")],
)  # fmt: skip
def test_without_the_raw_video_the_imported_one_is_shown(folder, tmp_path, capsys, change, said):
    change(tmp_path / "raw of my project" / "m0.mp4")
    info, frames = make(folder)
    assert len(frames) == N
    assert info.height != 0
    said_all = capsys.readouterr().err
    assert said in said_all
    assert "imported video" in said_all


def test_a_video_without_labels(folder):
    (folder / "results" / "labels" / "m0.csv").unlink()
    assert len(make(folder)[1]) == N
    assert movie.read_tracks(folder / "results", "m0", FULL).human is None


def test_the_thresholds_are_those_in_use(folder):
    assert movie.read_tracks(folder / "results", "m0", FULL).thresholds == [0.5, 0.5]
    moved = {
        name: {"method": "none", "parameters": {"threshold": 0.3 + k / 2}}
        for k, name in enumerate(BEHAVIORS)
    }
    path = folder / "results" / "thresholds" / f"{FULL}.postprocess.json"
    publish_json(path, {"sequence": moved})
    assert movie.read_tracks(folder / "results", "m0", FULL).thresholds == [0.3, 0.8]


def test_a_behavior_without_labels_is_not_scored(folder):
    path = folder / "results" / "labels" / "m0.csv"
    write_frame_labels(path, ("rear",), np.ones((N, 1), np.int8))
    human = movie.read_tracks(folder / "results", "m0", FULL).human
    assert human.tolist() == [[-1, 1]] * N


# --- which run


def test_the_run_for_new_videos_goes_first(folder):
    project = movie.open_project(folder)
    give_results(folder, "m0", "lite/1/all")
    assert movie.choose_run(project, "m0", None) == FULL
    give_results(folder, "m0", "lite/final/all")
    assert movie.choose_run(project, "m0", None) == "lite/final/all"
    assert movie.choose_run(project, "m0", "lite/1/all") == "lite/1/all"


def test_the_only_run_is_meant_whatever_its_name(folder):
    shutil.rmtree(folder / "results" / "ethograms" / "lite" / "0")
    give_results(folder, "m0", "lite/2/4")
    assert movie.choose_run(movie.open_project(folder), "m0", None) == "lite/2/4"


@pytest.mark.parametrize("other", ["fast/0/all", "fast/final/all lite/final/all"])
def test_several_runs_are_named(folder, other):
    for run in other.split():
        give_results(folder, "m0", run)
    names = ", ".join(sorted([*other.split(), *[FULL] * (" " not in other)]))
    with pytest.raises(ConfigError, match=f"choose one of {names}"):
        movie.choose_run(movie.open_project(folder), "m0", None)


def test_unknown_runs_and_missing_results_are_told(folder):
    project = movie.open_project(folder)
    with pytest.raises(ConfigError, match=r"'lite/9/all'; there are lite/0/all"):
        movie.choose_run(project, "m0", "lite/9/all")
    with pytest.raises(StateError, match="video m1 has no ethogram yet; `deg run"):
        movie.choose_run(project, "m1", None)


def test_the_part_of_the_video_is_said(folder):
    project = movie.open_project(folder)
    parts = {movie.part_of(project, f"m{n}", FULL) for n in range(3)}
    assert parts == {"training", "validation", "test"}
    assert movie.part_of(project, "m7", FULL) == "new video"
    assert movie.part_of(project, "m0", "slow/3/all") == "a run of before"


# --- what is refused


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["m9"], r"videos\.tsv: there is no video 'm9'; expected one of m0, m1, m2"),
        (["m0", "--speed", "0"], "--speed: expected a number above 0, found 0"),
        (["m0", "--scale", "nan"], "--scale: expected a number above 0, found nan"),
        (["m0", "--window", "-1"], "--window: expected a number above 0, found -1"),
        (["m0", "--from", "-1"], "--from: expected seconds, 0 or more, found -1"),
        (["m0", "--from", "9"], "no frame from 9 s up to .* s; the video has 0.66"),
        (["m0", "--from", "0.3", "--to", "0.2"], "no frame from 0.3 s up to 0.2 s"),
        (["m0", "--out", "m.avi"], r"'m\.avi' must be a file that ends in \.mp4"),
    ],
)
def test_mistakes_cost_one_sentence_and_code_2(folder, monkeypatch, capsys, words, said):
    monkeypatch.chdir(folder)  # the project's folder may be left out in it
    assert cli.main(["movie", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("deg: ")
    assert re.search(said, line)
    assert not list(folder.glob("*.mp4"))


def test_files_that_do_not_fit_together_are_told(folder):
    write_frame_labels(
        folder / "results" / "labels" / "m0.csv", BEHAVIORS, np.zeros((N + 1, 2), np.int8)
    )
    with pytest.raises(StateError, match="its number of frames is not that of"):
        make(folder)
    assert read_json(folder / "results" / "thresholds" / f"{FULL}.json")


def test_a_raw_video_that_ends_early_is_told(folder):
    source = movie.choose_source(
        movie.open_project(folder), movie.find_video(movie.open_project(folder), "m0")
    )
    with pytest.raises(VideoError, match="ends before frame 20"):
        list(movie.read_images(source, range(0, 30)))


@pytest.mark.parametrize("inside", [False, True])
def test_options_may_stand_anywhere(folder, tmp_path, monkeypatch, inside):
    out = tmp_path / "x.mp4"
    if inside:
        monkeypatch.chdir(folder)
    words = ["--to", "0.1", *[str(folder)] * (not inside), "--run", FULL, "m0", "--out", str(out)]
    assert cli.main(["movie", *words]) == 0
    assert probe(out).height > 32
