"""Which profile a run uses."""

import pytest

from deg_core.project import site, workflow
from deg_core.project.folder import repository

PROFILE = """executor: slurm
default-resources: {slurm_partition: batch, runtime: 5}
set-resources:
  train_flow: {slurm_partition: "gpu,big"}
  predict: {runtime: 7}
slurm-init-seconds-before-status-checks: 15
"""


@pytest.fixture
def home(tmp_path):
    return {"HOME": str(tmp_path / "home"), "CUDA_VISIBLE_DEVICES": ""}


def write(folder, text=PROFILE, name="config.yaml"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder


def read(tmp_path, home, *options):
    return site.read(tmp_path, options=options, environment=home)


def test_without_a_choice_this_machine_computes(tmp_path, home):
    profile = read(tmp_path, home)
    assert profile.executor is None
    assert profile.path == repository() / "profiles" / "default" / "config.yaml"
    assert profile.partitions == set()


@pytest.mark.parametrize("given", [["--profile", "slurm"], ["--profile=slurm"]])
def test_profiles_of_the_workflow_go_by_their_name(tmp_path, home, given):
    profile = read(tmp_path, home, *given)
    assert profile.executor == "slurm"
    assert profile.path == repository() / "profiles" / "slurm" / "config.yaml"
    assert profile.partitions == {"gpu"}


@pytest.mark.parametrize("flag", ["--profile", "--workflow-profile"])
@pytest.mark.parametrize("name", ["", "config.yaml"])
def test_a_profile_is_a_folder_or_a_file(tmp_path, home, flag, name):
    folder = write(tmp_path / "my site")
    profile = read(tmp_path, home, flag, str(folder / name))
    assert profile.path == folder / "config.yaml"
    assert profile.executor == "slurm"
    assert profile.partitions == {"batch", "gpu,big"}
    assert profile.value("--slurm-init-seconds-before-status-checks") == 15


def test_a_profile_may_lie_where_snakemake_keeps_its_own(tmp_path, home):
    folder = write(tmp_path / "home" / ".config" / "snakemake" / "mine")
    assert read(tmp_path, home, "--profile", "mine").path == folder / "config.yaml"
    named = home | {"SNAKEMAKE_PROFILE": "mine"}
    assert site.read(tmp_path, options=[], environment=named).executor == "slurm"
    elsewhere = home | {"XDG_CONFIG_HOME": str(tmp_path / "empty")}
    assert site.read(tmp_path, options=["--profile", "mine"], environment=elsewhere).path is None


def test_of_several_files_the_newest_for_this_snakemake_counts(tmp_path):
    folder = write(tmp_path / "p")
    for name in ("config.v8+.yaml", "config.v9+.yaml", "config.v99+.yaml", "other.yaml"):
        write(folder, "executor: local", name)
    assert site.locate(str(folder), {}).name == "config.v9+.yaml"
    assert site.locate(str(tmp_path), {}) is None
    assert site.locate("none", {}) is None


@pytest.mark.parametrize(
    "given", [["--executor", "slurm"], ["--executor=slurm"], ["-e", "slurm"], ["-eslurm"]]
)
def test_an_option_counts_more_than_the_profile(tmp_path, home, given):
    folder = write(tmp_path / "p", "executor: local")
    assert read(tmp_path, home, *given).executor == "slurm"
    assert read(tmp_path, home, "--profile", str(folder), *given).executor == "slurm"


@pytest.mark.parametrize("text", ["{nonsense", "- a list", ""])
def test_a_profile_that_cannot_be_read_is_left_to_snakemake(tmp_path, home, text):
    assert read(tmp_path, home, "--profile", str(write(tmp_path / "p", text))).executor is None


def test_options_are_added_before_the_targets():
    more = ["--slurm-status-command", "sacct"]
    assert workflow.with_options(["snakemake", "-n"], more) == ["snakemake", "-n", *more]
    assert workflow.with_options(["snakemake", "--", "x"], more) == ["snakemake", *more, "--", "x"]
