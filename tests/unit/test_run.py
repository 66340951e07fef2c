"""`deg run`: checks first, then Snakemake, then what failed."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile

import pytest
import recorded
from projects import make_project

from deg_core.errors import ConfigError, LabelError, StateError, VideoError
from deg_core.project import lock, run, workflow
from deg_core.project.folder import open_project

LOG = """\
rule all:
    input: x
Error in rule import_video:
    message: None
    jobid: 4
    input: raw/b.mp4
    output: results/import/b.h5
    log: logs/import_video/b.log (check log file(s) for error details)
    shell:
        deg import-video
        (command exited with non-zero exit code)
Logfile logs/import_video/b.log:
Error in rule import_video:
    jobid: 4
    log: logs/import_video/b.log (check log file(s) for error details)
Error in rule train_flow:
    jobid: 9
    log: logs/train flow/fast.log (check log file(s) for error details)
"""


@pytest.fixture
def folder(tmp_path):
    return make_project(tmp_path / "p", n_videos=3)


@pytest.fixture
def snakemake(monkeypatch):
    """Put a script in Snakemake's place."""

    def replace(code):
        monkeypatch.setattr(workflow, "command", lambda *_, **__: [sys.executable, "-c", code])

    return replace


def start(folder, *options):
    return run.run(folder, options=options, environment=os.environ)


def test_a_good_project_passes_the_checks(folder):
    run.check(open_project(folder))


def test_mistakes_stop_before_anything_starts(folder, snakemake, tmp_path):
    snakemake(f"open({str(tmp_path / 'started')!r}, 'w')")
    labels = (folder / "labels" / "m0.csv").read_text()
    (folder / "labels" / "m0.csv").write_text("nonsense")
    with pytest.raises(LabelError, match=r"m0\.csv"):
        start(folder)
    (folder / "labels" / "m0.csv").unlink()
    with pytest.raises(ConfigError, match="3 labeled groups"):
        start(folder)
    (folder / "labels" / "m0.csv").write_text(labels)
    (tmp_path / "raw of p" / "m1.mp4").unlink()
    with pytest.raises(VideoError, match="m1"):
        start(folder)
    (folder / "config.yaml").write_text("behaviours: [groom]\n")
    with pytest.raises(ConfigError, match="behaviors"):
        start(folder)
    with pytest.raises(ConfigError, match="no such folder"):
        start(folder / "absent")
    assert not (tmp_path / "started").exists()


def test_snakemakes_exit_code_is_returned(folder, snakemake):
    snakemake("")
    assert start(folder) == 0
    snakemake("exit(3)")
    assert start(folder) == 3


def test_a_run_holds_the_folder(folder, snakemake, tmp_path):
    out = tmp_path / "out"
    snakemake(
        f"import os; open({str(out)!r}, 'w').write(open('{folder}/.snakemake/deg.lock').read())"
    )
    start(folder)
    assert f'"pid": {os.getpid()}' in out.read_text()
    with lock.claim(folder), pytest.raises(StateError, match="another `deg run`"):
        start(folder)


def test_a_dry_run_needs_no_claim(folder, snakemake):
    snakemake("exit(4)")
    with lock.claim(folder):
        assert start(folder, "-n") == 4


def test_the_lock_of_a_killed_run_is_removed(folder, snakemake, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(workflow, "ask", lambda _, options, environment: asked.append(options))
    snakemake("")
    with lock.claim(folder) as claimed:
        lock.write_record(claimed)
        locks = folder / ".snakemake" / "locks"
        locks.mkdir()
        (locks / "0.input.lock").touch()
    assert start(folder, "--unlock") == 0
    assert asked == []
    assert start(folder) == 0
    assert asked == [["--unlock"]]
    assert "the last run was killed" in capsys.readouterr().err


def test_after_a_run_that_was_cut_off_damaged_results_go(folder, snakemake, capsys):
    path = folder / "results" / "labels" / "m0.csv"
    path.parent.mkdir(parents=True)
    path.write_text("groom,rear\n1")
    recorded.note(folder, "results/labels/m0.csv")
    snakemake(f"import os; exit(os.path.exists({str(path)!r}))")
    with lock.claim(folder) as claimed:
        lock.write_record(claimed)
        record = (folder / lock.LOCK).read_bytes()
    assert start(folder) == 1  # the run before ended in good order
    (folder / lock.LOCK).write_bytes(record)
    assert start(folder, "--unlock") == 1  # looks at nothing, and leaves the record
    assert start(folder) == 0
    assert f"{path}: damaged when the last run was cut off" in capsys.readouterr().err


def test_finished_states_go_at_the_end_of_a_good_run(folder, snakemake):
    state, model = folder / "state/train_flow/lite", folder / "results/models/flow/lite.pt"
    for path in (state / "finished.pt", model):
        path.parent.mkdir(parents=True)
        with zipfile.ZipFile(path, "w") as archive:  # nothing is damaged
            archive.writestr("data.pkl", b"")
    locks = folder / ".snakemake" / "locks"
    snakemake(f"import pathlib; p = pathlib.Path({str(locks)!r}); p.mkdir(parents=True);"
              "(p / '0.input.lock').touch(); exit(3)")  # fmt: skip
    start(folder)  # Snakemake was killed before it had noted what is done
    assert (state / "finished.pt").exists()
    shutil.rmtree(locks)
    marks = folder / ".snakemake" / "incomplete" / "long"
    marks.mkdir(parents=True)
    (marks / "cmVzdWx0cw==").touch()  # and the next one ended before it came to that result
    for code in (0, 2):
        snakemake(f"exit({code})")
        start(folder)
        assert (state / "finished.pt").exists()
    shutil.rmtree(marks)
    snakemake("exit(1)")
    start(folder, "--unlock")
    assert (state / "finished.pt").exists()
    start(folder)  # a video failed, say
    assert not (state / "finished.pt").exists()


def test_a_failed_run_is_explained(folder, snakemake, capsys):
    snakemake(
        f"import pathlib; p = pathlib.Path({str(folder)!r}, '.snakemake', 'log'); p.mkdir();"
        f"(p / '2026.snakemake.log').write_text({LOG!r}); exit(1)"
    )
    (folder / "logs" / "import_video").mkdir(parents=True)
    (folder / "logs" / "import_video" / "b.log").write_text("first\ndeg: b.mp4: empty.\n\n")
    assert start(folder) == 1
    said = capsys.readouterr().err.splitlines()
    at = said.index(f"deg: {folder}: the run did not finish.")
    assert said[at + 1 : at + 6] == [
        "  import_video: deg: b.mp4: empty.",
        f"    ({folder}/logs/import_video/b.log)",
        "  train_flow: its log is gone",
        f"    ({folder}/logs/train flow/fast.log)",
        f"  log of the run: {folder}/.snakemake/log/2026.snakemake.log",
    ]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("deg: fast.pt: damaged; delete it and run again.", 2),
        ("deg: unexpected ValueError in fit.py, line 3: x; this is a fault of the program", 1),
        ("deg: fast.pt: stopped on request; run again to continue.", 1),
        ("Killed", 1),
    ],
)
def test_bad_input_that_only_a_job_finds_has_exit_code_2(folder, snakemake, said, code):
    snakemake(
        f"import pathlib; p = pathlib.Path({str(folder)!r}, '.snakemake', 'log'); p.mkdir();"
        f"(p / '2026.snakemake.log').write_text({LOG!r}); exit(1)"
    )
    for name, line in {"import_video/b": "deg: b.mp4: empty.", "train flow/fast": said}.items():
        path = folder / "logs" / f"{name}.log"
        path.parent.mkdir(parents=True)
        path.write_text(f"first\n{line}\n")
    assert start(folder) == code


def test_a_snakemake_that_never_started_is_explained(folder):
    assert "failed before it wrote a log" in run.explain(folder)


def test_each_failed_job_is_named_once():
    assert run.failures(LOG) == [
        run.Failure("import_video", "logs/import_video/b.log"),
        run.Failure("train_flow", "logs/train flow/fast.log"),
    ]
    assert run.failures("") == []


def test_failed_jobs_are_found_where_snakemake_was_to_be_quiet():
    log = (
        'CalledProcessError in file "x.smk", line 3:\n'
        "Command 'set -euo pipefail;  deg train-flow --videos m1 --settings '{}' &> "
        "logs/train_flow/fast.log' returned non-zero exit status 2.\n"
    )
    assert run.failures(log + log) == [run.Failure("train_flow", "logs/train_flow/fast.log")]


def test_inputs_that_vanished_or_are_dated_ahead_are_named(folder, snakemake, capsys):
    log = (
        "Waiting at most 5 seconds for missing files:\n"
        "/raw/my m1.mkv (missing locally)\n"
        'WorkflowError in rule import_video in file "import.smk", line 4:\n'
        "OSError: Missing files after 5 seconds. This might be due to filesystem latency.\n"
        "/raw/my m1.mkv (missing locally, parent dir contents: m2.mkv)\n"
        'WorkflowError in rule import_labels in file "import.smk", line 31:\n'
        "Output results/labels/m2.csv has older modification time (2026-11-21 20:05:42.1) than "
        "input labels/m2.csv (2026-11-23 20:05:32.9). This could indicate a clock skew problem.\n"
    )
    snakemake(
        f"import pathlib; p = pathlib.Path({str(folder)!r}, '.snakemake', 'log'); p.mkdir();"
        f"(p / '2026.snakemake.log').write_text({log!r}); exit(1)"
    )
    assert start(folder) == 2
    said = capsys.readouterr().err
    assert said.count("  /raw/my m1.mkv: was there when the run began, and is gone") == 1
    assert "  labels/m2.csv: is dated later than what was just made of it; set the clock" in said


def test_many_failures_are_counted(folder):
    log = folder / ".snakemake" / "log" / "2026.snakemake.log"
    log.parent.mkdir(parents=True)
    jobs = (f"Error in rule predict:\n    log: logs/predict/{i}.log (check)\n" for i in range(13))
    log.write_text("".join(jobs))
    text = run.explain(folder)
    assert text.count("  predict: ") == 10
    assert "and 3 more" in text


def test_an_empty_log_is_called_so(tmp_path):
    (tmp_path / "x.log").write_text("\n \n")
    assert run.last_line(tmp_path / "x.log") == "its log is empty"


def supervise_with(number, ready, code, tmp_path):
    """Supervise a child, and send this process a signal once the child says that it is ready."""

    def send():
        while not ready.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    threading.Thread(target=send, daemon=True).start()
    with (tmp_path / "kept").open("w") as kept:
        return run.supervise(
            [sys.executable, "-c", code], environment=os.environ, keep_open=kept.fileno()
        )


@pytest.mark.parametrize("code", [0, 1])
def test_an_interrupt_waits_for_the_child(tmp_path, monkeypatch, code):
    """The keyboard's interrupt has reached the child, too, which ends as it likes."""
    monkeypatch.setattr(run.machine, "is_at_terminal", lambda: True)
    ready, done = tmp_path / "ready", tmp_path / "done"
    text = (
        f"import time, pathlib; pathlib.Path({str(ready)!r}).touch(); time.sleep(0.5);"
        f"pathlib.Path({str(done)!r}).touch(); exit({code})"
    )
    assert supervise_with(signal.SIGINT, ready, text, tmp_path) == (130 if code else 0)
    assert done.exists()


def test_an_interrupt_that_the_child_cannot_have_got_is_passed_on(tmp_path, monkeypatch):
    monkeypatch.setattr(run.machine, "is_at_terminal", lambda: False)
    ready = tmp_path / "ready"
    text = f"import time, pathlib; pathlib.Path({str(ready)!r}).touch(); time.sleep(600)"
    assert supervise_with(signal.SIGINT, ready, text, tmp_path) == 130


def test_a_termination_is_passed_on(tmp_path):
    ready = tmp_path / "ready"
    code = f"import time, pathlib; pathlib.Path({str(ready)!r}).touch(); time.sleep(600)"
    before = signal.getsignal(signal.SIGTERM)
    assert supervise_with(signal.SIGTERM, ready, code, tmp_path) == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


STUCK = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: time.sleep(1000))
signal.signal(signal.SIGINT, signal.{interrupt})
print(flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize(
    ("interrupt", "code"),
    [("default_int_handler", -signal.SIGINT), ("SIG_IGN", -signal.SIGKILL)],
)
def test_a_snakemake_that_is_stuck_is_ended(interrupt, code):
    command = [sys.executable, "-c", STUCK.format(interrupt=interrupt)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with process:
        process.stdout.readline()
        process.terminate()
        run.end_stuck(process, patience_s=0.4)
        assert process.wait() == code


def test_a_snakemake_with_jobs_is_waited_for():
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(); input()'])"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        process.stdout.readline()
        watching = threading.Thread(target=run.end_stuck, args=[process], kwargs={"patience_s": 1})
        watching.start()
        watching.join(timeout=1.5)  # longer than it may have none
        assert watching.is_alive()
        process.stdin.close()
        assert process.wait() == 0  # nobody killed it
        watching.join()
