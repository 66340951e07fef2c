"""The profiles: complete, alike where they should be; other schedulers' commands, by stand-ins."""

import re
import subprocess
from types import SimpleNamespace

import pytest
import yaml

from deg_core.project.folder import repository

ROOT = repository()
FOLDERS = sorted(path for path in (ROOT / "profiles").iterdir() if path.is_dir())
CLUSTERS = ("lsf", "pbs", "sge", "slurm")
ASKED = SimpleNamespace(mem_mb=16000, runtime=480)


def profile(name):
    return yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text())


def rules():
    """Each rule's name and text, with the names of those that never leave Snakemake's machine."""
    found, local = {}, {"all", "infer", "figures", "benchmarks"}  # targets run nothing
    for path in [ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk"))]:
        text = path.read_text()
        for block in re.findall(r"^localrules:\n((?:    \w+,\n)+)", text, flags=re.MULTILINE):
            local |= set(re.findall(r"\w+", block))
        for name, body in re.findall(r"^rule (\w+):\n((?:    .*\n|\n)+)", text, flags=re.MULTILINE):
            found[name] = body
    return found, local


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_profile_is_complete(folder):
    content = profile(folder.name)
    assert content["rerun-incomplete"] is True
    assert content["max-checksum-file-size"] == "64MB"
    assert f"| `{folder.name}` |" in (ROOT / "profiles" / "README.md").read_text()


def test_each_rule_that_leaves_this_machine_says_what_it_needs():
    found, local = rules()
    assert len(found) > 40
    for name, body in found.items():
        if name in local:
            continue
        memory = re.search(r"mem_mb=memory\((\d+), (\d+)\)", body)
        assert memory, f"{name}: no mem_mb"
        # A job holds two Snakemakes of 130 MB; and a retry after too little must help.
        assert 1000 <= int(memory[1]) < int(memory[2]), name
        assert re.search(r"runtime=minutes\(\d+\)", body), f"{name}: no runtime"
        assert "retries:" not in body, f"{name}: retries belong into profiles"


@pytest.mark.parametrize("name", CLUSTERS)
def test_chains_are_of_rules_that_fit_together(name):
    found, local = rules()
    content = profile(name)
    chains = dict(entry.split("=") for entry in content["groups"])
    assert chains.keys() <= found.keys() - local
    # Steps with a card would take the whole chain to another partition.
    assert not [rule for rule in chains if "gpu=" in found[rule]]
    assert content["group-components"] == [f"{chain}=1" for chain in dict.fromkeys(chains.values())]
    assert chains == dict(entry.split("=") for entry in profile("slurm")["groups"])
    assert (content["scheduler"], content["retries"]) == ("greedy", 4)


def test_every_rule_with_a_card_has_its_partition():
    found, _ = rules()
    with_card = {name for name, body in found.items() if re.search(r"\bgpu=", body)}
    assert set(profile("slurm")["set-resources"]) == with_card


# --- other schedulers: what is called, and how it is understood


@pytest.fixture
def programs(tmp_path):
    """Make programs of a scheduler that print what they are told to and note their arguments."""

    def make(**prints):
        for name, printed in prints.items():
            code = "" if printed is not None else "exit 1"
            path = tmp_path / "bin" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(
                f"#!/bin/sh\nprintf '%s\\n' \"$@\" > {tmp_path}/{name}.asked\n"
                f"cat <<'END'\n{printed or ''}\nEND\n{code}\n"
            )
            path.chmod(0o755)
        return {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}

    return make


def shell(command, environment, folder):
    done = subprocess.run(
        command, shell=True, env=environment, cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def submit(name, folder, environment, *, gpu, threads=4):
    """Call the submit command as the executor does: formatted, and with the script behind it."""
    resources = SimpleNamespace(**vars(ASKED), gpu=gpu)
    command = profile(name)["cluster-generic-submit-cmd"].format(
        name="train_flow", threads=threads, resources=resources
    )
    return shell(f'{command} "{folder}/a script.sh"', environment, folder)


def asked(folder, program):
    return (folder / f"{program}.asked").read_text().splitlines()


def test_lsf_gets_the_request(tmp_path, programs):
    environment = programs(bsub="Job <712> is submitted to queue <normal>.")
    assert submit("lsf", tmp_path, environment, gpu=1) == "712"
    assert asked(tmp_path, "bsub") == [
        "-J", "deg.train_flow", "-oo", "logs/lsf/%J.log", "-n", "4", "-W", "480",
        "-R", "span[hosts=1] rusage[mem=16000]", "-M", "16000", "-gpu", "num=1",
        f"{tmp_path}/a script.sh",
    ]  # fmt: skip
    submit("lsf", tmp_path, environment, gpu=0)
    assert "-gpu" not in asked(tmp_path, "bsub")


def test_grid_engine_gets_the_request(tmp_path, programs):
    environment = programs(qsub="713")
    assert submit("sge", tmp_path, environment, gpu=2) == "713"
    # 16000 MB on 4 slots; 480 minutes in seconds.
    assert asked(tmp_path, "qsub")[11:] == [
        "-pe", "smp", "4", "-l", "h_vmem=4000M,h_rt=28800", "-l", "gpu=2",
        f"{tmp_path}/a script.sh",
    ]  # fmt: skip
    submit("sge", tmp_path, environment, gpu=0)
    assert "gpu=0" not in asked(tmp_path, "qsub")


def test_pbs_gets_the_request(tmp_path, programs):
    environment = programs(qsub="714.server")
    assert submit("pbs", tmp_path, environment, gpu=0) == "714.server"
    assert asked(tmp_path, "qsub")[-5:] == [
        "-l", "select=1:ncpus=4:mem=16000mb:ngpus=0", "-l", "walltime=28800",
        f"{tmp_path}/a script.sh",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "prints", "status"),
    [
        ("lsf", {"bjobs": "PEND"}, "running"),
        ("lsf", {"bjobs": "DONE"}, "success"),
        ("lsf", {"bjobs": "EXIT"}, "failed"),
        ("lsf", {"bjobs": "Job <7> is not found"}, "failed"),
        ("lsf", {"bjobs": "Cannot connect to LSF. Please wait ..."}, "running"),
        ("sge", {"qstat": "job_number: 7"}, "running"),
        ("sge", {"qstat": None, "qacct": "failed       0\nexit_status  0"}, "success"),
        ("sge", {"qstat": None, "qacct": "failed       0\nexit_status  1"}, "failed"),
        ("sge", {"qstat": None, "qacct": "failed       100\nexit_status  0"}, "failed"),
        ("pbs", {"qstat": "Job Id: 7\n    job_state = R"}, "running"),
        ("pbs", {"qstat": "    job_state = F\n    Exit_status = 0"}, "success"),
        ("pbs", {"qstat": "    job_state = F\n    Exit_status = 271"}, "failed"),
        ("pbs", {"qstat": "qstat: Unknown Job Id 7"}, "failed"),
        ("pbs", {"qstat": "Connection refused"}, "running"),
    ],
)
def test_how_a_job_ended_is_understood(tmp_path, programs, name, prints, status):
    environment = programs(**prints)
    assert (
        shell(f"{profile(name)['cluster-generic-status-cmd']} '7'", environment, tmp_path) == status
    )
    assert "7" in asked(tmp_path, list(prints)[-1])
