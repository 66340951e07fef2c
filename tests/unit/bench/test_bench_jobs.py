"""Jobs in processes of their own: answers, errors of the user, and processes that die."""

import importlib
import inspect
import subprocess
import sys

import pytest
import videos

from deg_core.bench import jobs
from deg_core.errors import VideoError


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
