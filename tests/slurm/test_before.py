"""What `deg run` settles with a real Slurm before Snakemake starts, and one short chain of jobs."""

import signal
import time

import acts
import pytest
import scheduler
import small

from deg_core.project import cluster


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A project that nothing has been computed in."""
    place = tmp_path_factory.mktemp("before")
    return small.make(place / "mice", place / "raw")


def test_the_command_that_answers_is_chosen(folder):
    options = cluster.prepare(folder, options=acts.QUICK, environment=acts.ENVIRONMENT)
    works = scheduler.call("sacct", "-X", "-n").returncode == 0
    assert options[:2] == ("--slurm-status-command", "sacct" if works else "squeue")
    # MinJobAge is an hour: the interval asked for stays.
    assert options[2:] == (
        () if works else ("--slurm-init-seconds-before-status-checks", "2")
    )  # fmt: skip


def test_a_partition_that_is_not_there_is_told_at_once(folder, tmp_path):
    (tmp_path / "config.yaml").write_text(
        "executor: slurm\njobs: 1\nset-resources: {train_flow: {slurm_partition: a100}}\n"
    )
    ended = acts.run(folder, "--profile", str(tmp_path), said=tmp_path / "said")
    assert ended.code == 2
    assert "names the partition a100, but this cluster has cpu, gpu" in ended.said


def test_an_unreachable_controller_is_told_in_a_sentence(folder, tmp_path):
    controller = scheduler.controller()
    controller.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        ended = acts.run(folder, *acts.QUICK, said=tmp_path / "said")
        assert time.monotonic() - began < acts.LIMIT_S
    finally:
        controller.send_signal(signal.SIGCONT)
    assert ended.code == 2
    assert ended.said.startswith("deg: executor slurm: the controller does not answer")
    assert len(ended.said.splitlines()) == 1
    assert scheduler.jobs(folder) == []


def test_a_video_is_imported_in_one_job(folder, tmp_path):
    ended = acts.run(folder, *acts.QUICK, "results/stats/m3.json", said=tmp_path / "said")
    assert ended.code == 0, ended.said[-3000:]
    (job,) = scheduler.jobs(folder)
    assert job.state == "COMPLETED"
    assert job.asked["partition"] == "cpu"
    assert job.asked["memory"] == "2000M"
    assert (folder / "results" / "stats" / "m3.json").is_file()
    assert not cluster.note(folder).exists()


def test_a_canceled_job_is_submitted_again(folder, tmp_path):
    running = acts.Run(folder, *acts.QUICK, "results/stats/m2.json", said=tmp_path / "said")
    held = acts.hold(folder, running, "import")
    scheduler.call("scancel", str(held.number))
    ended = running.wait()
    assert ended.code == 0, ended.said[-3000:]
    states = [job.state for job in scheduler.jobs(folder) if job.number >= held.number]
    assert states == ["CANCELLED", "COMPLETED"]
