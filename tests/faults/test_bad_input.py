"""What bad input gets through the command line: exit code 2, one sentence, nothing half-written.

One test for each line of the list in docs/faults.md; what is odd but good is used, and said.
"""

import errno
import os
import subprocess
import sys

import golden_inputs
import numpy as np
import projects
import pytest
import videos

from deg_core import cli
from deg_core.data.store import FrameStore
from deg_core.project import lock
from deg_core.settings import ImportSettings, LabelSettings, to_dict, to_json

BEHAVIORS = ("groom", "rear")
SMALL = to_json(to_dict(ImportSettings(size=(16, 16))))
LABELS = to_json(to_dict(LabelSettings(behaviors=BEHAVIORS)))
HEAD = "kind,behavior,start_frame,stop_frame,annotator\n"


def deg(capsys, *words, code=2):
    """Call ``deg``; returns what it wrote to stderr, a single sentence where it fails."""
    assert cli.main([str(word) for word in words]) == code
    told = capsys.readouterr().err
    assert "Traceback" not in told
    if code == 2:
        lines = [line for line in told.splitlines() if line.startswith("deg: ")]
        assert len(lines) == 1
        assert "unexpected" not in lines[0]
        return lines[0]
    return told


def files_in(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*"))


def refused(capsys, folder, *words):
    """Call ``deg``, which must refuse and leave the folder as it was."""
    before = files_in(folder)
    told = deg(capsys, *words)
    assert files_in(folder) == before
    return told


# --- raw videos


def missing(path):
    return path


def empty(path):
    path.touch()
    return path


def truncated(path):
    frames = videos.noise(40)
    whole = videos.write_video(path, frames, container={"movflags": "faststart"})
    return videos.truncate(whole, 0.5)


def undecodable(path):
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    return path


def not_there_to_read(path):
    videos.write_video(path, videos.noise(3)).chmod(0)
    return path


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (missing, "does not exist; correct `path`"),
        (empty, "the file is empty; copy it again"),
        (truncated, "truncated or damaged, only "),
        (undecodable, "no video that FFmpeg can open"),
        pytest.param(
            not_there_to_read, "no permission to read it; mend",
            marks=pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything"),
        ),
    ],
)  # fmt: skip
def test_videos_that_cannot_be_used(tmp_path, capsys, make, expected):
    path = make(tmp_path / "raw.mp4")
    told = refused(
        capsys, tmp_path, "import-video", "--raw", path, "--out", tmp_path / "o.h5", "--settings",
        SMALL,
    )  # fmt: skip
    assert told.startswith(f"deg: {path}: ")
    assert expected in told


def imported(tmp_path, capsys, raw, expected=""):
    """Import a video that is odd but good; returns it as it was stored."""
    out = tmp_path / "o.h5"
    words = ("import-video", "--raw", raw, "--out", out, "--settings", SMALL)
    assert expected in deg(capsys, *words, code=0)
    return FrameStore(out)


def test_a_variable_frame_rate_is_told(tmp_path, capsys):
    times = np.cumsum([0.03, 0.05, 0.03, 0.09, 0.03, 0.05])
    raw = videos.write_video(tmp_path / "v.mkv", videos.noise(6), timestamps=times)
    assert imported(tmp_path, capsys, raw, "the frame rate varies").variable_rate


def test_a_header_that_promises_more_frames_is_told(tmp_path, capsys):
    frames = videos.write_images(tmp_path / "frames", videos.noise(60, 16, 16))
    (frames / "frame_0020.png").unlink()
    assert imported(tmp_path, capsys, frames, "59 frames decoded, 0 of them damaged, 1 missing")


@pytest.mark.parametrize("size", [(33, 47), (2, 64), (31, 3)])
def test_odd_sizes_are_imported(tmp_path, capsys, size):
    raw = videos.write_video(tmp_path / "v.mkv", videos.noise(4, *size), codec="ffv1")
    assert imported(tmp_path, capsys, raw).shape == (16, 16)


@pytest.mark.parametrize(("axes", "channels"), [((), 1), ((4,), 3)])
def test_gray_and_transparent_videos_are_imported(tmp_path, capsys, axes, channels):
    pictures = np.random.default_rng(0).integers(0, 256, (3, 20, 24, *axes), dtype=np.uint8)
    raw = videos.write_images(tmp_path / "frames", list(pictures))
    assert imported(tmp_path, capsys, raw).channels == channels


def test_spaces_and_unicode_in_every_path(tmp_path, capsys):
    folder = tmp_path / "Mäuse & Käfig 日本 🐭"
    raw = videos.write_video(folder / "ein Video (1), é.mp4", videos.noise(5))
    out = folder / "räume" / "o ne.h5"
    words = ("import-video", "--raw", raw, "--out", out, "--settings", SMALL)
    deg(capsys, *words, code=0)
    assert FrameStore(out).n_frames == 5
    raw.write_bytes(b"")
    assert deg(capsys, *words).startswith(f"deg: {raw}: the file is empty")


# --- labels

WRONG_LABELS = {
    "length": ("groom,rear\n1,0\n", "1 rows, but the video has 20 frames; export"),
    "names": ("grom,raer\n" + "1,0\n" * 20, "none of the behaviors groom, rear"),
    "spelling": ("Groom,rear\n" + "1,0\n" * 20, "behavior 'Groom' is 'groom' in config.yaml"),
    "NaN": ("groom,rear\n" + "1,0\n" * 19 + "nan,0\n", "line 21, column 'groom': 'nan'; expected"),
    "values": ("groom,rear\n" + "1,0\n" * 19 + "0.5,0\n", "line 21, column 'groom': 0.5; expected"),
    "overlapping": (
        HEAD + "scored,*,0,20,a\nbout,groom,2,9,a\nbout,groom,5,12,a\n",
        "lines 3 and 4: bouts of 'groom' overlap (2-9 and 5-12); join or shorten",
    ),
    "reversed": (HEAD + "scored,*,0,20,a\nbout,groom,9,2,a\n", "interval 9-2 does not stop after"),
    "nothing scored": (HEAD + "bout,groom,2,9,a\n", "no row of kind 'scored'"),
    "beyond the end": (HEAD + "scored,*,0,30,a\n", "ends at frame 30, but the video has 20 frames"),
    "a spreadsheet": ("PK\x03\x04", "a spreadsheet, not text; save it as CSV"),
    "another encoding": ("groom,rear\n" * 3 + "\udce9", "not UTF-8 text; save it as CSV"),
}


@pytest.mark.parametrize("name", WRONG_LABELS)
def test_labels_that_cannot_be_used(tmp_path, capsys, name):
    text, expected = WRONG_LABELS[name]
    path, store = tmp_path / "m1.csv", videos.write_store(tmp_path / "m1.h5", videos.noise(20))
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    told = refused(
        capsys, tmp_path, "import-labels", "--labels", path, "--store", store, "--out",
        tmp_path / "results/m1.csv", "--settings", LABELS,
    )  # fmt: skip
    assert told.startswith(f"deg: {path}")
    assert expected in told


@pytest.fixture
def project(tmp_path):
    return projects.make_project(tmp_path / "p", n_videos=3, behaviors=BEHAVIORS)


def label(project, **positive):
    """Label all videos alike."""
    for path in (project / "labels").glob("*.csv"):
        path.write_text(projects.frame_labels(**positive))


def found(capsys, project):
    """Call ``deg doctor``, which must find errors; returns them."""
    assert cli.main(["doctor", str(project)]) == 2
    lines = capsys.readouterr().out.splitlines()
    return [line for line in lines if line.startswith("  error: ")]


ONE_SIDED = {
    "never positive": (((), range(20)), "behavior 'groom' is never positive in any label file"),
    "never negative": ((range(20), range(3)), "behavior 'groom' is never negative in any label"),
    "all frames one class": ((range(20), ()), "behavior 'rear' is never positive in any label"),
}


@pytest.mark.parametrize("name", ONE_SIDED)
def test_labels_that_teach_nothing(project, capsys, name):
    (groom, rear), expected = ONE_SIDED[name]
    label(project, groom=groom, rear=rear)
    assert any(expected in line for line in found(capsys, project))


def test_a_behavior_that_is_never_positive_stops_a_run(project, capsys):
    label(project, groom=(), rear=range(5))
    told = deg(capsys, "run", project, "-n")
    assert "behavior 'groom' is not positive in any labeled video" in told


def test_one_labeled_video_only(project, capsys):
    for name in ("m1", "m2"):
        (project / "labels" / f"{name}.csv").unlink()
    told = deg(capsys, "run", project, "-n")
    assert "split 0 needs at least 3 labeled groups" in told
    assert any("3 labeled groups" in line for line in found(capsys, project))


def test_a_misspelt_key(project, capsys):
    (project / "config.yaml").write_text("behaviors: [groom]\nfeaturs: {}\n")
    told = deg(capsys, "run", project, "-n")
    assert told.endswith("config.yaml: unknown key 'featurs'; did you mean 'features'?")


def test_two_runs_at_once(project, capsys):
    with lock.claim(project):
        assert "another `deg run`" in deg(capsys, "run", project)


# --- computed files


def test_a_model_of_another_architecture(tmp_path, project, capsys):
    golden_inputs.write_sequence(project / "other.pt")
    (project / "config.yaml").write_text(
        "behaviors: [groom, rear]\npresets: [lite]\nsequence: {lite: {weights: other.pt, "
        "network: linear}}\n"
    )
    (line,) = found(capsys, project)
    assert "other.pt: its weights need settings of their own; expected under sequence" in line


def test_a_model_of_another_number_of_behaviors(tmp_path, capsys):
    model = golden_inputs.write_sequence(tmp_path / "s.pt")
    features = tmp_path / "features.h5"
    about = {"n_frames": 4, "fps": 25.0, "behaviors": ["groom"], "digest": "d" * 64}
    from deg_core.data.arrays import feature_writer

    with feature_writer(features, n_features=golden_inputs.N_FEATURES, **about) as writer:
        x = np.zeros((4, golden_inputs.N_FEATURES), np.float32)
        writer.write(0, x, x, np.zeros((4, 1), np.float32))
    told = refused(
        capsys, tmp_path, "predict", "--model", model, "--features", features, "--out",
        tmp_path / "p.h5", "--threads", 1,
    )  # fmt: skip
    assert told.startswith(f"deg: {model}: expected features of 12 numbers for ['bright', 'move']")


def test_a_model_of_another_stage(tmp_path, capsys):
    model = golden_inputs.write_flow(tmp_path / "f.pt")
    golden_inputs.write_features(tmp_path, "g1")
    told = refused(
        capsys, tmp_path, "predict", "--model", model, "--features", tmp_path / "g1.h5", "--out",
        tmp_path / "p.h5", "--threads", 1,
    )  # fmt: skip
    assert told.startswith(f"deg: {model}: expected a model of train_sequence, found train_flow")


@pytest.mark.parametrize("damage", [lambda x: x[: len(x) // 2], lambda x: b"", lambda x: x[:-9]])
def test_damaged_hdf5(tmp_path, capsys, damage):
    store = videos.write_store(tmp_path / "m1.h5", videos.noise(20))
    store.write_bytes(damage(store.read_bytes()))
    told = refused(
        capsys, tmp_path, "video-stats", "--store", store, "--out", tmp_path / "s.json",
        "--background", tmp_path / "b.png", "--settings", "{}",
    )  # fmt: skip
    assert told.startswith(f"deg: {store}: damaged or not written by this program (")
    assert told.endswith("delete it and run again.")


def test_a_full_disk(tmp_path, capsys, monkeypatch):
    raw = videos.write_video(tmp_path / "v.mkv", videos.noise(5), codec="ffv1")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    out = tmp_path / "o.h5"
    told = refused(
        capsys, tmp_path, "import-video", "--raw", raw, "--out", out, "--settings", SMALL
    )
    assert told == f"deg: {out}: the disk is full; free some space and run again."


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission_to_write(tmp_path, capsys):
    raw = videos.write_video(tmp_path / "v.mkv", videos.noise(5), codec="ffv1")
    out = tmp_path / "results" / "o.h5"
    out.parent.mkdir(mode=0o500)
    told = deg(capsys, "import-video", "--raw", raw, "--out", out, "--settings", SMALL)
    assert (
        told == f"deg: {out}: no permission to write there; mend the folder's mode and run again."
    )


# --- the program itself, once


def test_a_process_of_its_own_says_the_same(tmp_path):
    words = ["import-video", "--raw", "no.mp4", "--out", "o.h5", "--settings", SMALL]
    done = subprocess.run(
        [sys.executable, "-m", "deg_core.cli", *words], cwd=tmp_path, text=True,
        check=False, capture_output=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "deg: no.mp4: does not exist; correct `path` in videos.tsv.\n"
