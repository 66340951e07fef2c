"""What the machine offers, and who works on it."""

import os
import pty
import signal
import subprocess
import sys

import pytest

from deg_core.project import machine


def test_there_is_a_core():
    assert machine.count_cores() >= 1


@pytest.mark.parametrize(
    ("visible", "expected"), [("0", 1), ("0,2", 2), ("", 0), ("-1", 0), ("GPU-ab,GPU-cd", 2)]
)
def test_visible_cards_are_counted(visible, expected):
    assert machine.count_gpus({"CUDA_VISIBLE_DEVICES": visible}) == expected


def test_the_drivers_list_is_counted(tmp_path, monkeypatch):
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\necho 'GPU 0: A'\necho 'GPU 1: B'\necho '  MIG 1g: C'\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert machine.count_gpus({"PATH": f"{tmp_path}:/usr/bin:/bin"}) == 2


def test_without_driver_there_is_no_card(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.count_gpus({"PATH": str(tmp_path)}) == 0
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\nexit 9\n")
    driver.chmod(0o755)
    assert machine.count_gpus({"PATH": str(tmp_path)}) == 0


@pytest.mark.parametrize(
    ("variable", "below"),
    [("TORCH_HOME", ""), ("XDG_CACHE_HOME", "torch"), ("HOME", ".cache/torch")],
)
@pytest.mark.parametrize(
    ("name", "expected"),
    [("resnet18-f37072fd.pth", True), ("resnet18-5c106cde.pth", False), ("alexnet-1.pth", False)],
)
def test_imagenet_weights_are_found_where_torch_keeps_them(
    tmp_path, variable, below, name, expected
):
    folder = tmp_path / below / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / name).touch()
    assert not machine.has_imagenet_weights({variable: str(tmp_path)})  # a download cut off
    (folder / name).write_text("weights")
    assert machine.has_imagenet_weights({variable: str(tmp_path)}) == expected
    assert not machine.has_imagenet_weights({variable: str(tmp_path)}, "resnet50")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("python -m snakemake --cores all", True),
        ("/v/bin/python /v/bin/snakemake -s /r/Snakefile", True),
        ("/v/bin/python -m snakemake --dry-run", False),
        ("/v/bin/python -m snakemake --report x.html", False),
        ("/v/bin/python /v/bin/deg train-flow --videos m1", True),
        ("/v/bin/python /v/bin/deg status .", False),
        ("/v/bin/python /v/bin/deg run .", False),
        ("vim notes about deg train-flow", True),  # rare, and only if started in the project
        ("less a b c d snakemake", False),
        ("", False),
    ],
)
def test_a_worker_is_told_by_its_command_line(command, expected):
    assert machine.is_worker(command.split()) is expected


def test_workers_are_found_by_their_folder(tmp_path):
    code = "print(flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "snakemake"],
        cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with process:
        process.stdout.readline()
        assert machine.workers(tmp_path) == [process.pid]
        assert machine.workers(tmp_path.parent) == []
        process.stdin.close()
    assert machine.workers(tmp_path) == []


def test_a_signal_reaches_stages_and_not_the_shells_above_them(tmp_path):
    stage = tmp_path / "deg"
    stage.write_text("import sys\nprint('ready', flush=True)\nsys.stdin.read()\n")
    # As Snakemake runs a job: a shell that waits for it, and says how it ended.
    shell = f"{sys.executable} {stage} train-flow; echo $?"
    top = (
        f"import subprocess, sys\nsys.exit(subprocess.run(['/bin/sh', '-c', {shell!r}]).returncode)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", top], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "ready\n"
        machine.tell_jobs(process.pid, signal.SIGTERM)
        assert process.stdout.readline() == f"{128 + signal.SIGTERM}\n"  # said by the shell
        process.stdin.close()
        assert process.wait() == 0
    machine.tell_jobs(process.pid, signal.SIGTERM)  # of a process that is gone


def test_nobody_is_at_a_terminal_in_a_session_without_one():
    code = "from deg_core.project.machine import is_at_terminal; exit(is_at_terminal())"
    done = subprocess.run([sys.executable, "-c", code], start_new_session=True, check=False)
    assert done.returncode == 0


def test_an_interrupt_from_the_keyboard_reaches_what_stands_in_front():
    """A pseudo-terminal's first process has it to itself."""
    pid, terminal = pty.fork()
    if pid == 0:
        os._exit(7 if machine.is_at_terminal() else 8)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    os.close(terminal)
