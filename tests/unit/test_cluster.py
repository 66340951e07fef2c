"""What is settled with Slurm before Snakemake starts; Slurm's programs are stand-ins."""

import json
import shlex
import shutil
import subprocess
import sys

import pytest
from projects import make_project

from deg_core.errors import ClusterError, ConfigError
from deg_core.project import cluster, run, workflow

CONFIG = "AccountingStorageType   = accounting_storage/none\nMinJobAge               = {} sec\n"
RUN = "0f8fad5b-d9cb-469f-a165-70867728950e"
SLURM = ("--profile", "slurm")
SACCT = ("--slurm-status-command", "sacct")


class Slurm:
    """A folder of programs that print what they were told to, and note how they were called."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.environment = {"PATH": str(folder), "CUDA_VISIBLE_DEVICES": ""}  # no real ones
        self.program("scontrol", CONFIG.format(300))
        self.program("sacct", "")
        self.program("squeue", "")
        self.program("sinfo", "batch\ngpu\n")

    def program(self, name, prints, *, code=0, then=""):
        path = self.folder / name
        path.write_text(
            f'#!/bin/sh\necho "{name} $*" >> {self.folder}/asked\n'
            f"/bin/cat <<'END'\n{prints.rstrip()}\nEND\n{then}\nexit {code}\n"
        )
        path.chmod(0o755)

    def without(self, name):
        (self.folder / name).unlink()

    def asked(self, name):
        lines = (self.folder / "asked").read_text().splitlines()
        return [line for line in lines if line.split()[0] == name]


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "PLUGIN", "json")  # any module that is there
    return Slurm(tmp_path / "programs")


def prepare(folder, slurm, *options):
    return cluster.prepare(folder, options=[*SLURM, *options], environment=slurm.environment)


# --- before the run


def test_other_runs_ask_nothing(tmp_path, slurm):
    assert cluster.prepare(tmp_path, options=["--cores", "2"], environment=slurm.environment) == ()
    assert not (slurm.folder / "asked").exists()


def test_sacct_tells_where_accounting_is_on(tmp_path, slurm):
    assert prepare(tmp_path, slurm) == SACCT


@pytest.mark.parametrize(
    ("age", "options", "interval"),
    [
        (300, [], "40"),  # the plugin's own
        (60, [], "20"),  # 60 / 3: three looks before a job is forgotten
        (300, ["--slurm-init-seconds-before-status-checks", "7"], "7"),
        (15, ["--slurm-init-seconds-before-status-checks=7"], "5"),
    ],
)
def test_elsewhere_squeue_tells_if_it_looks_often_enough(tmp_path, slurm, age, options, interval):
    slurm.program("sacct", "Slurm accounting storage is disabled", code=1)
    slurm.program("scontrol", CONFIG.format(age))
    assert prepare(tmp_path, slurm, *options) == (
        "--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", interval,
    )  # fmt: skip


def test_squeue_tells_where_there_is_no_sacct(tmp_path, slurm):
    slurm.without("sacct")
    assert prepare(tmp_path, slurm)[:2] == ("--slurm-status-command", "squeue")


@pytest.mark.parametrize("broken", ["age", "squeue"])
def test_a_cluster_where_nothing_tells_is_refused(tmp_path, slurm, broken):
    slurm.program("sacct", "", code=1)
    if broken == "age":
        slurm.program("scontrol", CONFIG.format(2))
    else:
        slurm.program("squeue", "", code=1)
    with pytest.raises(ClusterError, match="nothing here can tell how a job ended"):
        prepare(tmp_path, slurm)


def test_a_controller_that_does_not_answer_is_a_sentence(tmp_path, slurm, monkeypatch):
    slurm.program("scontrol", "", code=1)
    with pytest.raises(ClusterError, match="the controller does not answer"):
        prepare(tmp_path, slurm)
    monkeypatch.setattr(cluster, "PATIENCE", 0.2)
    slurm.program("scontrol", "", then="exec /bin/sleep 60")
    with pytest.raises(ClusterError, match="the controller does not answer"):
        prepare(tmp_path, slurm)
    assert not cluster.note(tmp_path).exists()


def test_a_machine_of_no_cluster_is_a_sentence(tmp_path, slurm):
    slurm.without("scontrol")
    with pytest.raises(ClusterError, match="no `scontrol` here"):
        prepare(tmp_path, slurm)


def test_without_the_plugin_its_extra_is_named(tmp_path, slurm, monkeypatch):
    monkeypatch.setattr(cluster, "PLUGIN", "no_such_module")
    with pytest.raises(ConfigError, match=r"pip install 'deg-core\[slurm\]'"):
        prepare(tmp_path, slurm)


def test_partitions_that_are_not_there_are_named(tmp_path, slurm):
    slurm.program("sinfo", "long\nshort\n")
    with pytest.raises(ConfigError, match=r"slurm/config\.yaml: names the partition gpu, but this"):
        prepare(tmp_path, slurm)
    slurm.program("sinfo", "", code=1)  # not worth a refusal
    assert prepare(tmp_path, slurm)


# --- a sacct where there is none


@pytest.fixture
def sacct(tmp_path, slurm):
    """Call `sacct` as the plugin would find it, where Slurm answers by the program named."""
    (tmp_path / ".snakemake").mkdir()
    slurm.environment["PATH"] += ":/usr/bin:/bin"  # sed

    def call(program, line):
        options = ("--slurm-status-command", program)
        found = cluster.begin(tmp_path, options=options, environment=slurm.environment)
        command = [shutil.which("sacct", path=found["PATH"]), *shlex.split(line)]
        return subprocess.run(command, env=found, capture_output=True, text=True, check=False)

    return call


def test_who_canceled_a_job_is_left_out(tmp_path, slurm, sacct):
    slurm.program("sacct", "7|CANCELLED by 1000\n8|COMPLETED")
    done = sacct("sacct", "-X --name 0f8f-run")
    assert (done.returncode, done.stdout) == (0, "7|CANCELLED\n8|COMPLETED\n")
    assert slurm.asked("sacct") == ["sacct -X --name 0f8f-run"]
    assert cluster.note(tmp_path).exists()
    slurm.program("sacct", "", code=3)
    assert sacct("sacct", "-X").returncode == 3


def test_elsewhere_a_stand_in_asks_squeue(slurm, sacct):
    slurm.program("squeue", "7|COMPLETED")
    # How the plugin asks for the jobs of a run, and for the node of one.
    done = sacct(
        "squeue",
        "-X --parsable2 --clusters all --noheader --format=JobIdRaw,State "
        "--starttime 2026-01-01T00:00 --endtime now --name 0f8f-run",
    )
    assert (done.returncode, done.stdout) == (0, "7|COMPLETED\n")
    sacct("squeue", "-j 7 -n -X -o nodelist%-256")
    assert slurm.asked("squeue") == [
        "squeue --noheader --states=all --format=%i|%T --name=0f8f-run",
        "squeue --noheader --states=all --format=%N --jobs=7",
    ]


def test_the_stand_in_fails_where_squeue_does(slurm, sacct):
    slurm.program("squeue", "", code=1)
    assert sacct("squeue", "-X --name a").returncode == 1
    assert sacct("squeue", "--version").returncode == 1


# --- jobs of earlier runs


def row(number, folder, *, name=RUN, comment="rule_predict_wildcards_m1", state="RUNNING"):
    return f"{number}|{name}|{comment}|{state}|{folder}"


def numbers(folder, slurm, *rows, **environment):
    slurm.program("squeue", "\n".join(rows))
    jobs = cluster.jobs_of(folder, environment=slurm.environment | environment)
    return [job.number for job in jobs]


def test_jobs_of_a_project_are_told_from_others(tmp_path, slurm):
    project = tmp_path / "my project"
    project.mkdir()
    (tmp_path / "link").symlink_to(project)
    rows = [
        row(11, project),
        row(12, tmp_path / "other"),
        row(13, project, name="jupyter", comment="(null)"),
        row(14, project, comment="(null)", state="PENDING"),
        row(15, project, name="x", comment="group_import"),
        row(16, tmp_path / "link"),
        row(17, project, name="a|b"),  # cannot be taken apart, and so cannot be ours
        row(18, project), row(18, project),  # two tasks of an array
        "",
    ]  # fmt: skip
    assert numbers(project, slurm, *rows) == ["11", "14", "15", "16", "18"]
    assert numbers(project, slurm, *rows, SLURM_JOB_ID="11") == ["14", "15", "16", "18"]
    assert "--format=%F|%j|%k|%T|%Z" in slurm.asked("squeue")[0]


def noted(folder):
    (folder / ".snakemake").mkdir(exist_ok=True)
    cluster.note(folder).touch()
    return folder


def test_living_jobs_of_a_killed_run_are_named_with_the_remedy(tmp_path, slurm):
    slurm.program("squeue", row(7, tmp_path) + "\n" + row(9, tmp_path, state="PENDING"))
    cluster.require_no_jobs(tmp_path, environment=slurm.environment)  # it never ran on Slurm
    with pytest.raises(ClusterError, match="scancel 7 9"):
        cluster.require_no_jobs(tmp_path, environment=slurm.environment, on_slurm=True)
    with pytest.raises(ClusterError, match=r"\(7, 9\); wait .* `scancel 7 9`; trainings continue"):
        cluster.require_no_jobs(noted(tmp_path), environment=slurm.environment)
    assert cluster.note(tmp_path).exists()


def test_nothing_is_asked_again_once_all_have_ended(tmp_path, slurm):
    noted(tmp_path)
    cluster.require_no_jobs(tmp_path, environment=slurm.environment)
    assert not cluster.note(tmp_path).exists()
    cluster.require_no_jobs(tmp_path, environment=slurm.environment)
    assert len(slurm.asked("squeue")) == 1


def test_jobs_that_are_ending_are_waited_for(tmp_path, slurm, monkeypatch, capsys):
    monkeypatch.setattr(cluster.time, "sleep", lambda _: slurm.program("squeue", ""))
    slurm.program("squeue", row(7, tmp_path, state="COMPLETING"))
    cluster.require_no_jobs(noted(tmp_path), environment=slurm.environment)
    assert "waiting for 1 Slurm jobs" in capsys.readouterr().err
    monkeypatch.setattr(cluster, "ENDING_S", -1)
    slurm.program("squeue", row(7, tmp_path, state="COMPLETING"))
    with pytest.raises(ClusterError, match=r"\(7\)"):
        cluster.require_no_jobs(noted(tmp_path), environment=slurm.environment)


def test_a_slurm_that_does_not_tell_stops_a_run(tmp_path, slurm):
    slurm.program("squeue", "", code=1)
    with pytest.raises(ClusterError, match=r"may still be at work .*delete .*deg\.slurm"):
        cluster.require_no_jobs(noted(tmp_path), environment=slurm.environment)
    slurm.without("squeue")
    cluster.require_no_jobs(tmp_path, environment=slurm.environment)


def test_the_note_stays_while_jobs_do(tmp_path, slurm):
    slurm.program("squeue", row(7, noted(tmp_path)))
    cluster.end(tmp_path, environment=slurm.environment)
    slurm.program("squeue", "", code=1)
    cluster.end(tmp_path, environment=slurm.environment)
    assert cluster.note(tmp_path).exists()
    slurm.program("squeue", "")
    cluster.end(tmp_path, environment=slurm.environment)
    assert not cluster.note(tmp_path).exists()
    cluster.end(tmp_path, environment=slurm.environment)
    assert len(slurm.asked("squeue")) == 3


# --- all of it, through `deg run`


@pytest.fixture
def project(tmp_path, monkeypatch, slurm):
    """A project, and in Snakemake's place a script that tells how it was called."""
    folder = make_project(tmp_path / "p", n_videos=3)
    build = workflow.command
    code = f"import json, sys; json.dump(sys.argv[1:], open({str(tmp_path / 'called')!r}, 'w'))"

    def command(*positional, **named):
        return [sys.executable, "-c", code, *build(*positional, **named)[3:]]

    monkeypatch.setattr(workflow, "command", command)
    return folder


def test_a_run_on_slurm_gets_the_options_and_leaves_no_note(project, slurm, tmp_path):
    options = [*SLURM, "--", "results/stats/rgb.json"]
    assert run.run(project, options=options, environment=slurm.environment) == 0
    called = json.loads((tmp_path / "called").read_text())
    assert called[-4:] == ["--slurm-status-command", "sacct", "--", "results/stats/rgb.json"]
    assert not cluster.note(project).exists()


@pytest.mark.parametrize("options", [SLURM, ()])
def test_no_run_starts_while_jobs_of_a_killed_one_live(project, slurm, tmp_path, options):
    noted(project)
    slurm.program("squeue", row(7, project))
    with pytest.raises(ClusterError, match="scancel 7"):
        run.run(project, options=options, environment=slurm.environment)
    assert not (tmp_path / "called").exists()


def test_a_snakemake_that_was_killed_leaves_the_note(project, slurm, tmp_path):
    begun = f"[ ! -e '{tmp_path / 'called'}' ] || echo '{row(7, project)}'"
    slurm.program("squeue", "", then=begun)
    assert run.run(project, options=SLURM, environment=slurm.environment) == 0
    assert cluster.note(project).exists()


def test_unlocking_and_dry_runs_ask_nothing(project, slurm, tmp_path):
    slurm.program("scontrol", "", code=1)
    assert run.run(project, options=[*SLURM, "--unlock"], environment=slurm.environment) == 0
    assert run.run(project, options=[*SLURM, "-n"], environment=slurm.environment) == 0
