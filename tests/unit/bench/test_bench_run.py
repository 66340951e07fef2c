"""All parts together, and the command line: what is asked of which job, what comes out."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import videos
import yaml
from measuring import check_figures, do_here

from deg_core import cli, commands, extras
from deg_core.bench import command, run, training
from deg_core.bench.jobs import JobFailed
from deg_core.bench.options import PARTS, Options, choose
from deg_core.data.publish import read_json
from deg_core.errors import StateError, VideoError

TINY = {
    "sizes": ((32, 48),), "pairs": 2, "repeats": 2, "minutes": (0.01, 0.02), "seconds": 1e-6,
    "frames": 40, "batch": 4,
}  # fmt: skip


@pytest.fixture
def small(monkeypatch):
    """Make what has a fixed size small."""
    monkeypatch.setattr(run, "TGM_SHAPES", ({"n": 1, "d": 4, "t": 20},))
    monkeypatch.setattr(run, "CLIPS_SIZE", (32, 32))
    monkeypatch.setattr(run, "LENGTH_SIZE", (32, 32))
    monkeypatch.setattr(training, "FRAMES", 800)


def measure(options, tmp_path, *, job=do_here):
    """Run; returns exit code, parts in the order of their being shown, and what was written."""
    shown = []
    code = run.run(
        options, out=tmp_path / "found.json", show=lambda part, _: shown.append(part), job=job
    )
    return code, shown, read_json(tmp_path / "found.json")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """All parts of `lite`, on a rendered video."""
    with pytest.MonkeyPatch.context() as patch:
        small.__wrapped__(patch)
        folder = tmp_path_factory.mktemp("found")
        code, shown, results = measure(choose({**TINY, "presets": ("lite",)}), folder)
    assert (code, shown) == (0, ["machine", *PARTS])
    return results


# --- the shape of what is written


def test_all_that_was_measured_is_a_figure(found):
    assert set(found) == {"format", "version", "options", "machine", "failed", *PARTS}
    assert found["format"] == run.FORMAT
    assert found["failed"] == []
    assert found["options"]["presets"] == ["lite"]
    assert all(check_figures(found[part]) for part in PARTS)


def test_shape_of_extraction(found):
    (each,) = found["extraction"]
    assert (each["preset"], each["size"], each["store"]) == ("lite", [32, 48], "raw")
    assert each["weights"] == "untrained, seed 0"
    assert each["batch"] == 4
    int8 = set() if extras.missing() else {"int8"}
    assert set(each["paths"]) == {"fp32", "bf16"} | int8
    assert each["paths"]["fp32"]["wall_ratio"]["n"] == 2


def test_shape_of_clips(found):
    raw, jpeg = found["clips"]
    assert (raw["store"], jpeg["store"]) == ("raw", "jpeg")
    assert raw["bytes_per_frame"] > 32 * 32 * 3
    assert jpeg["bytes_per_frame"] > 0


def test_shape_of_training(found):
    stages = {each["stage"]: each for each in found["training"]}
    assert list(stages) == ["train_flow", "train_features", "train_sequence"]
    assert not stages["train_flow"]["learns"]
    assert stages["train_features"]["wall_ratio"]["n"] == 2
    for each in (stages["train_features"], stages["train_sequence"]):
        assert each["batch"] <= 4
        assert each["steps_per_s"]["n"] >= training.FEWEST
        assert each["peak_mb"] == 1.5


def test_shape_of_length(found):
    lengths = [(each["store"], each["minutes"], each["frames"]) for each in found["length"]]
    assert lengths == [
        ("raw", 0.01, 18), ("raw", 0.02, 36), ("jpeg", 0.01, 18), ("jpeg", 0.02, 36),
    ]  # fmt: skip
    for each in found["length"]:
        for stage in ("import", "extract"):
            assert set(each[stage]) == {"wall_s", "cpu_s", "peak_mb"}
            assert each[stage]["wall_s"]["n"] == 2


def test_shape_of_tgm(found):
    (each,) = found["tgm"]
    assert each["shape"] == {"n": 1, "d": 4, "t": 20, "c_in": 8, "c_out": 8, "length": 15}
    assert each["dense"]["added_mb"]["n"] == 2
    assert each["cpu_ratio"]["n"] == 2


# --- which jobs are asked for


class Recorder:
    """Stands in for the processes: notes jobs, answers as little as is needed."""

    def __init__(self, fail=()):
        self.jobs, self.fail = [], set(fail)

    def __call__(self, job, **arguments):
        self.jobs.append((job, arguments))
        if job in self.fail:
            raise JobFailed(f"{job}: killed by signal 9.")
        return {
            "store": "raw", "frames": 40, "bytes": 1000, "peak_mb": 2.0, "wall_s": 1.0,
            "cpu_s": 2.0, "added_mb": 3.0, "weights": "w", "n_features": 7, "raw": {}, "jpeg": {},
            "grouped": {}, "dense": {}, "batch": 5,
        }  # fmt: skip

    def asked(self, name):
        return [arguments for job, arguments in self.jobs if job == name]


def recorded(tmp_path, *, fail=(), project=None, **given):
    recorder = Recorder(fail)
    code, _, results = measure(choose(given, project=project), tmp_path, job=recorder)
    return recorder, code, results


def test_only_the_parts_that_were_asked_for(tmp_path):
    recorder, _, results = recorded(tmp_path, parts=("tgm",), repeats=2, pairs=4)
    assert [job for job, _ in recorder.jobs] == ["machine", *["tgm", *["tgm_memory"] * 4] * 2]
    assert not set(PARTS[:-1]) & set(results)
    assert {each["pairs"] for each in recorder.asked("tgm")} == {4}


def test_files_are_made_once(tmp_path):
    """Two presets at two sizes: one video, two stores, four pairs of models."""
    recorder, _, _ = recorded(
        tmp_path, parts=("extraction", "training"), presets=("lite", "fast"),
        sizes=((64, 64), (300, 351)),
    )  # fmt: skip
    numbers = {job: len(recorder.asked(job)) for job, _ in recorder.jobs}
    assert numbers == {
        "machine": 1, "draw": 1, "store": 2, "statistics": 2, "models": 4, "extraction": 4,
        "train_flow": 2, "train_features": 2, "compare_features": 2, "train_sequence": 2,
    }  # fmt: skip
    assert recorder.asked("draw")[0]["size"] == 352  # the codec wants an even side
    assert recorder.asked("train_sequence")[0]["n_features"] == 7
    assert recorder.asked("compare_features")[0]["batch"] == 5  # as in the steps before


def test_the_users_video_is_taken(tmp_path):
    video = tmp_path / "my video.mp4"
    video.touch()
    recorder, _, _ = recorded(tmp_path, parts=("clips",), video=video)
    assert not recorder.asked("draw")
    assert {each["video"] for each in recorder.asked("store")} == {video}
    assert [each["settings"]["store"] for each in recorder.asked("store")] == ["raw", "jpeg"]


def test_every_length_is_measured_in_turn(tmp_path):
    recorder, _, results = recorded(
        tmp_path, parts=("length",), minutes=(1, 10, 60), stores=("jpeg",), repeats=3
    )
    numbers = {each["minutes"]: each["extract"]["wall_s"]["n"] for each in results["length"]}
    assert numbers == {1: 3, 10: 3, 60: 3}
    sizes = [each["video"].stem for each in recorder.asked("import")]
    assert sizes == ["1", "10", "60"] * 3
    assert [each["times"] for each in recorder.asked("repeat")] == [1, 10, 60]
    assert recorder.asked("draw")[0]["n_frames"] == 1800
    assert len(recorder.asked("models")) == 1


def test_what_has_no_room_on_the_disk_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(run.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    _, code, results = recorded(tmp_path, parts=("length",), minutes=(1, 60), repeats=1)
    measured = [(each["store"], each["minutes"]) for each in results["length"]]
    assert measured == [("raw", 1), ("jpeg", 1), ("jpeg", 60)]
    assert code == 1
    (failed,) = results["failed"]
    assert failed["what"] == "60 minutes, raw store"
    assert "3.0 GB are needed and not free; set TMPDIR" in failed["why"]


def test_a_part_that_dies_does_not_end_the_others(tmp_path, capsys):
    _, code, results = recorded(
        tmp_path, fail=["train_flow", "extraction"], parts=("extraction", "training"),
        presets=("fast",), sizes=((64, 64),),
    )  # fmt: skip
    assert code == 1
    assert results["extraction"] == []
    assert [each["stage"] for each in results["training"]] == ["train_features", "train_sequence"]
    assert results["failed"] == [
        {"part": "extraction", "what": "fast at 64x64", "why": "extraction: killed by signal 9."},
        {
            "part": "training",
            "what": "train_flow of fast",
            "why": "train_flow: killed by signal 9.",
        },
    ]
    assert "bench: train_flow: killed by signal 9." in capsys.readouterr().err


def test_bad_input_ends_all(tmp_path):
    def job(name, **_):
        if name == "store":
            raise VideoError("v.mp4: holds no frame; give another file.")
        return {}

    with pytest.raises(VideoError):
        run.run(choose({"parts": ("clips",)}), out=None, show=lambda *_: None, job=job)


# --- a project


@pytest.fixture
def project(tmp_path, tiny_project):
    """A project whose preset `tiny` is trained, twice."""
    folder = tmp_path / "my project"
    models = folder / "results" / "models"
    for run_name in ("0", "final"):
        (models / "features" / "tiny" / run_name).mkdir(parents=True)
        shutil.copy(
            tiny_project / "models/features/tiny.pt", models / "features/tiny" / run_name / "all.pt"
        )
    (models / "flow").mkdir()
    shutil.copy(tiny_project / "models/flow/tiny.pt", models / "flow")
    settings = {
        "behaviors": ["bright", "move"], "presets": ["tiny", "lite"],
        "preset_base": {"tiny": "lite"}, "import": {"size": [32, 32]},
        "extract": {"batch_size": 3},
    }  # fmt: skip
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    (folder / "videos.tsv").write_text("video\tpath\tpretrain\na\ta.mkv\tyes\n")
    videos.write_video(folder / "a.mkv", videos.moving_square(30), codec="ffv1")
    return folder


def test_a_projects_own_models_are_measured_and_the_final_ones_before_others(project, tmp_path):
    options = choose({**TINY, "sizes": None, "parts": ("extraction",)}, project=project)
    code, _, results = measure(options, tmp_path)
    own, untrained = results["extraction"]
    assert code == 0
    assert own["weights"].startswith("trained, SHA-256 ")
    assert untrained["weights"] == "untrained, seed 0"
    assert (own["size"], own["batch"]) == ([32, 32], 3)
    bench = run.Bench(options, tmp_path)
    assert bench.trained("tiny")[1].parent.name == "final"
    assert bench.trained("lite") is None
    assert run.Bench(Options(), tmp_path).trained("tiny") is None


# --- the command line


def test_a_small_run_from_the_command_line(tmp_path, capsys, monkeypatch, small):
    monkeypatch.setattr(run.run, "__kwdefaults__", {"job": do_here})
    out = tmp_path / "found.json"
    words = ["--parts", "tgm", "--threads", "1", "--pairs", "2", "--repeats", "1", "--out", out]
    assert cli.main(["bench", *map(str, words)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Measured on ")
    assert "One temporal mixture layer, a training step" in said
    assert "  1 x 4 x 20  grouped" in said
    assert json.loads(out.read_text())["options"]["pairs"] == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--sizes", "128"], "deg: --sizes: expected height and width in pixels"),
        (["--presets", "huge"], "deg: --presets: 'huge' is not known; use of "),
        (["--pairs", "0"], "deg: --pairs: expected more than 0, got 0."),
        (["--minutes", "-1"], "deg: --minutes: expected more than 0, got -1."),
        (["nowhere.mp4"], "deg: nowhere.mp4: no such video; give another, or none to render one."),
        (["--project", "nowhere"], "deg: nowhere"),
    ],
)
def test_wrong_options_are_one_sentence_and_code_2(words, sentence, capsys):
    assert cli.main(["bench", *words]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(sentence)
    assert len(said.err.splitlines()) == 1
    assert said.out == ""


@pytest.mark.parametrize(
    "words", [["--parts", "speed"], ["--precisions", "fp8"], ["--threads", "two"], ["--fast"]]
)
def test_options_that_there_are_not_are_code_2(words, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["bench", *words])
    assert stop.value.code == 2
    assert "deg bench: error: " in capsys.readouterr().err


def test_help_says_what_each_part_measures(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["bench", "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: deg bench ")
    assert all(f"\n  {part} " in text for part in PARTS)


def test_defaults_in_the_help_are_those_of_the_options():
    text = " ".join(command.parser(cores=2).format_help().split())
    options = Options()
    sizes = " ".join(f"{h}x{w}" for h, w in options.sizes)
    minutes = " ".join(f"{m:g}" for m in options.minutes)
    for default in (sizes, minutes, options.pairs, options.repeats, options.frames):
        assert f"default: {default}" in text
    assert f"default: {options.seconds:g} " in text


def test_threads_reach_the_libraries(monkeypatch):
    for name in commands.THREAD_VARIABLES:
        monkeypatch.setenv(name, "7")
    seen = {}
    monkeypatch.setattr(command, "main", lambda rest, cores: seen.update(cores=cores) or 0)
    assert cli.main(["bench", "--threads", "1"]) == 0
    assert seen["cores"] >= 1
    assert np.all([cli.os.environ[name] == "1" for name in commands.THREAD_VARIABLES])


def test_a_stop_takes_the_process_at_work_and_the_files_along(tmp_path):
    command = [sys.executable, "-m", "deg_core.cli", "bench", "--parts", "tgm", "--threads", "1"]
    bench = subprocess.Popen(
        command, env=os.environ | {"TMPDIR": str(tmp_path)}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while not (children := psutil.Process(bench.pid).children()):
        assert bench.poll() is None
        time.sleep(0.01)
    bench.terminate()
    assert bench.wait() == 128 + signal.SIGTERM
    gone, alive = psutil.wait_procs(children, timeout=60)
    assert (len(gone), alive) == (1, [])
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_told_before_anything_is_measured(tmp_path):
    (tmp_path / "taken").touch()
    recorder = Recorder()
    with pytest.raises(StateError, match="taken"):
        run.run(
            choose({"parts": ("tgm",)}), out=tmp_path / "taken" / "found.json",
            show=lambda *_: None, job=recorder,
        )  # fmt: skip
    assert [job for job, _ in recorder.jobs] == ["machine"]
