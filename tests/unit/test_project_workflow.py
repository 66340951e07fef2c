"""Snakemake's command line and environment."""

import os
import sys
import sysconfig

import pytest

from deg_core.errors import StateError
from deg_core.project import machine, workflow
from deg_core.project.folder import repository

NO_GPU = {"CUDA_VISIBLE_DEVICES": ""}


def command(folder, *options, environment=NO_GPU):
    return workflow.command(folder, options=options, environment=environment)


def value(parts, flag):
    return parts[parts.index(flag) + 1]


def test_the_repositorys_workflow_runs_in_the_projects_folder(tmp_path):
    parts = command(tmp_path)
    assert parts[:3] == [sys.executable, "-m", "snakemake"]
    assert value(parts, "--snakefile") == str(repository() / "Snakefile")
    assert value(parts, "--directory") == str(tmp_path)
    assert value(parts, "--workflow-profile") == str(repository() / "profiles" / "default")
    assert value(parts, "--cores") == "all"


@pytest.mark.parametrize(("cores", "jobs"), [(1, 1), (2, 1), (3, 1), (8, 4)])
def test_without_cards_trainings_share_the_cores(tmp_path, monkeypatch, cores, jobs):
    monkeypatch.setattr(machine, "count_cores", lambda: cores)
    assert value(command(tmp_path), "--resources") == f"gpu={jobs}"


def test_with_cards_each_gets_a_job(tmp_path):
    parts = command(tmp_path, environment={"CUDA_VISIBLE_DEVICES": "0,1,2"})
    assert value(parts, "--resources") == "gpu=3"


@pytest.mark.parametrize(
    "option", ["--cores=4", "-c4", "-call", "-j2", "--jobs=3", "-c", "--cores"]
)
def test_cores_of_the_user_count(tmp_path, option):
    parts = command(tmp_path, option)
    assert "all" not in parts
    assert parts[-1] == option


def test_resources_of_the_user_count(tmp_path):
    parts = command(tmp_path, "--resources", "gpu=7")
    assert [part for part in parts if part.startswith("gpu=")] == ["gpu=7"]


def test_options_and_targets_come_last_and_in_order(tmp_path):
    options = ["--until", "train_flow", "results/stats/rgb.json", "-n"]
    assert command(tmp_path, *options)[-4:] == options


@pytest.mark.parametrize("given", [["--profile", "slurm"], ["--profile=slurm"]])
def test_a_profile_of_the_workflow_goes_by_its_name(tmp_path, given):
    parts = command(tmp_path, *given)
    assert parts.count("--workflow-profile") == 1
    assert value(parts, "--workflow-profile") == str(repository() / "profiles" / "slurm")
    # A site says itself how much may run at once.
    assert "--cores" not in parts
    assert "--resources" not in parts


def test_a_profile_of_the_user_is_passed_on(tmp_path):
    parts = command(tmp_path, "--profile", "mine")
    assert parts[-2:] == ["--profile", "mine"]
    assert "--workflow-profile" not in parts


def test_a_flag_without_its_value_is_left_to_snakemake(tmp_path):
    assert command(tmp_path, "--profile")[-1] == "--profile"


def test_jobs_find_this_environments_programs():
    scripts = sysconfig.get_path("scripts")
    environment = workflow.job_environment({"PATH": "/bin", "HOME": "/h"})
    assert environment == {"PATH": f"{scripts}{os.pathsep}/bin", "HOME": "/h"}
    assert workflow.job_environment({})["PATH"].startswith(scripts + os.pathsep)


@pytest.mark.parametrize(
    ("options", "dry"),
    [
        (["-n"], True), (["--dry-run"], True), (["-np"], True), (["--dryrun"], True),
        ([], False), (["--until", "n"], False), (["--notemp"], False), (["-c4"], False),
    ],
)  # fmt: skip
def test_dry_runs_are_known(options, dry):
    assert workflow.is_dry(options) is dry


def ask(tmp_path, monkeypatch, code):
    monkeypatch.setattr(workflow, "command", lambda *_, **__: [sys.executable, "-c", code])
    return workflow.ask(tmp_path, options=[], environment=os.environ)


def test_what_snakemake_says_is_returned(tmp_path, monkeypatch):
    code = "import sys; print('a', flush=True); print('b', file=sys.stderr)"
    assert ask(tmp_path, monkeypatch, code) == "a\nb\n"


def test_a_sentence_of_the_workflow_becomes_the_error(tmp_path, monkeypatch):
    code = "print('Building'); print('deg: config.yaml: wrong.'); print('more'); exit(2)"
    with pytest.raises(StateError) as error:
        ask(tmp_path, monkeypatch, code)
    assert str(error.value) == "config.yaml: wrong."


def test_other_failures_show_the_last_lines(tmp_path, monkeypatch):
    with pytest.raises(StateError, match="snakemake stopped: 1 / 2 / 3"):
        ask(tmp_path, monkeypatch, "print('0\\n1\\n\\n2\\n3'); exit(1)")


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / ".snakemake").write_text("a file in its place")
    with pytest.raises(StateError, match=r"\.snakemake: cannot be written .* mend the permissions"):
        ask(tmp_path, monkeypatch, "")


@pytest.mark.parametrize(
    ("environment", "cards", "apple", "jobs"),
    [
        ({}, 3, False, 3),
        ({}, 0, False, 4),
        ({}, 0, True, 1),
        ({"DEG_DEVICE": "cpu"}, 3, True, 4),
        ({"DEG_DEVICE": "cuda:1"}, 3, False, 3),
    ],
)
def test_as_many_jobs_ask_for_a_card_as_there_are(monkeypatch, environment, cards, apple, jobs):
    monkeypatch.setattr(workflow.machine, "count_gpus", lambda _: cards)
    monkeypatch.setattr(workflow.machine, "has_apple_gpu", lambda: apple)
    monkeypatch.setattr(workflow.machine, "count_cores", lambda: 8)
    assert workflow.gpu_jobs(environment) == jobs
