"""Jobs in processes of their own: answers, errors of the user, and processes that die."""

import fcntl
import importlib
import inspect
import io
import json
import pkgutil
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pytest
import videos

import deg_core
from deg_core import errors
from deg_core.bench import jobs
from deg_core.errors import DegError, VideoError
from deg_core.learn import leases


@pytest.mark.parametrize("job", jobs.JOBS)
def test_every_job_is_there_and_takes_keywords(job):
    module, _, function = jobs.JOBS[job].partition(":")
    found = inspect.signature(getattr(importlib.import_module(module), function)).parameters
    keywords = {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    assert {p.kind for p in found.values()} <= keywords


def test_an_answer_comes_back_with_the_peak_of_its_process(tmp_path):
    video = videos.write_video(tmp_path / "a b.mkv", videos.counting(5), codec="ffv1")
    out = tmp_path / "video.h5"
    found = jobs.do(
        "store", video=video, out=out, size=(32, 48), n_frames=3, settings={"store": "jpeg"}
    )
    assert found["peak_mb"] > 10
    assert found["frames"] == 3
    assert found["bytes"] == out.stat().st_size


def test_what_the_user_can_mend_is_raised_here(tmp_path):
    video = tmp_path / "empty.mp4"
    video.touch()
    with pytest.raises(VideoError, match=r"empty\.mp4"):
        jobs.do("store", video=video, out=tmp_path / "o.h5", size=(32, 32), n_frames=3, settings={})


def test_a_damaged_video_is_told_in_its_own_sentence(tmp_path):
    """Its error is of a class that the process here has not loaded."""
    path = tmp_path / "m.mp4"
    videos.write_video(path, videos.noise(60), container={"movflags": "faststart"})
    videos.truncate(path, 0.7)
    with pytest.raises(VideoError, match=r"m\.mp4: decoding stopped after \d+ frames"):
        jobs.do("store", video=path, out=tmp_path / "o.h5", size=(32, 32), n_frames=99, settings={})


def fail(*, module, kind):
    """Raise an error of the package: a job."""
    raise getattr(importlib.import_module(module), kind)("a.mp4: expected b,\n got c; do d.")


def kinds_of_errors():
    """List all that the package raises for users to mend."""
    for module in pkgutil.walk_packages(deg_core.__path__, "deg_core."):
        importlib.import_module(module.name)
    found = [DegError]
    for kind in found:
        found += kind.__subclasses__()
    return [kind for kind in found if kind.__module__.startswith("deg_core.")]


def test_every_error_of_the_package_comes_back_with_its_sentence_and_code(monkeypatch):
    kinds = kinds_of_errors()
    assert {"DegError", "BrokenVideo", "Interrupted"} <= {kind.__name__ for kind in kinds}

    def run_here(command, given):
        monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        return jobs.main(command[-2], Path(command[-1])), ""

    monkeypatch.setattr(jobs, "_run", run_here)
    monkeypatch.setitem(jobs.JOBS, "fail", f"{__name__}:fail")
    for kind in kinds:
        with pytest.raises(DegError) as caught:
            jobs.do("fail", module=kind.__module__, kind=kind.__name__)
        assert str(caught.value) == "a.mp4: expected b, got c; do d."
        assert caught.value.exit_code == kind.exit_code
        assert issubclass(kind, caught.type)
        nearest = kind if kind.__module__ == errors.__name__ else kind.__base__
        assert caught.type is nearest


def test_a_process_that_dies_behind_its_answer_has_failed(monkeypatch):
    def run_here(command, _):
        Path(command[-1]).write_text(json.dumps({"frames": 3}))
        return 2, "Fatal Python error\n"

    monkeypatch.setattr(jobs, "_run", run_here)
    with pytest.raises(jobs.JobFailed, match="tgm: ended with code 2: Fatal Python error"):
        jobs.do("tgm")


# --- what a process says

WAIT = """
import sys
from pathlib import Path
from deg_core.learn import leases
from deg_core.progress import log
leases.POLL_S = 0.02
log("epoch 1: loss 0.5")
leases.take(["GPU-a"], folder=Path(sys.stdin.read()))
log("epoch 2: loss 0.4")
sys.exit(3)
"""


def shown(capfd, said, *, until):
    """Read what is shown, until there is a word in it; returns all of it so far."""
    end = time.monotonic() + 60
    while until not in said:
        assert time.monotonic() < end, said
        time.sleep(0.01)
        said += capfd.readouterr().err
    return said


def test_whom_a_process_waits_for_is_shown_while_it_waits(tmp_path, capfd):
    done = []
    command = [sys.executable, "-c", WAIT]
    job = Thread(target=lambda: done.append(jobs._run(command, str(tmp_path))), daemon=True)
    with leases._path("GPU-a", tmp_path).open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        job.start()
        said = shown(capfd, "", until="\n")
        assert said == "waiting for 1 of 1 graphics cards: GPU-a is held by another job\n"
        assert done == []
    assert shown(capfd, said, until="got") == said + "got GPU-a\n"
    job.join(60)
    ((code, told),) = done
    assert (code, told.splitlines()[-1]) == (3, "epoch 2: loss 0.4")
    assert "epoch" not in capfd.readouterr().err


def test_the_end_of_what_a_process_says_is_kept(capfd):
    code = "import sys\nfor i in range(10**4): print(i, file=sys.stderr)\nprint('x')\nexit(1)"
    assert jobs._run([sys.executable, "-c", code], "") == (
        1, "".join(f"{i}\n" for i in range(10**4 - jobs.LAST, 10**4)),
    )  # fmt: skip
    assert capfd.readouterr() == ("", "")


def test_a_process_may_die_before_it_has_read_what_it_is_given():
    code = "import sys; sys.exit('too little memory')"
    given = "x" * 10**6  # more than a pipe holds
    assert jobs._run([sys.executable, "-c", code], given) == (1, "too little memory\n")


def test_a_fault_is_told_by_its_last_line():
    with pytest.raises(jobs.JobFailed, match="repeat: ended with code 1: TypeError"):
        jobs.do("repeat", nonsense=1)


@pytest.mark.parametrize(
    ("code", "said", "message"),
    [
        (-9, "", "tgm: killed by signal 9; if that is 9, the memory was too small for it."),
        (1, "Traceback\n\nKeyError: 'x'\n\n", "tgm: ended with code 1: KeyError: 'x'"),
        (3, "", "tgm: ended with code 3: no message"),
    ],
)
def test_why_a_process_ended(code, said, message):
    assert jobs._why("tgm", code, said) == message


def test_the_process_that_starts_the_others_stays_small():
    """On Linux a process begins with its parent's peak on its account."""
    code = (
        "import sys\n"
        "from deg_core.bench import command, pages\n"
        "heavy = {'torch', 'numpy', 'cv2', 'av', 'pandas', 'h5py', 'kornia'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_an_import_loads_no_torch():
    code = "import sys\nfrom deg_core.bench import length, material\nprint('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
