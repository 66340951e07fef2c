"""The workflow's form: format, lint, what each rule has to have, schemas and profiles."""

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from stub_project import ROOT

from deg_core.config import load_config
from deg_core.flags import flag_name
from deg_core.splits import plan
from deg_core.table import COLUMNS, ID, REQUIRED, SPLITS, is_drawn, read_videos
from deg_core.versions import VERSIONS

SMK = sorted((ROOT / "workflow" / "rules").glob("*.smk"))
RULE = re.compile(r"^rule (\w+):\n(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
ALL = {name: body for path in SMK for name, body in RULE.findall(path.read_text("utf-8"))}
BODIES = {name: body for name, body in ALL.items() if "    output:" in body}  # no mere targets
MEASURING = {"bench", "bench_tables"}  # nothing makes a measurement stale
SHARED = {"train_keypoints": "train_sequence"}  # rules that call another one's stage
STAGES = sorted(path.stem for path in (ROOT / "deg_core" / "stages").glob("*.py"))


def directive(body: str, name: str) -> str:
    """Return the lines of one directive of a rule; empty if it has none."""
    found = re.search(rf"^    {name}:(.*\n(?:^        .*\n|^\n)*)", body, re.MULTILINE)
    return found.group(1) if found else ""


# --- tools


def test_snakefmt():
    files = [ROOT / "Snakefile", ROOT / "workflow"]
    done = subprocess.run(
        [sys.executable, "-m", "snakefmt", "--check", *files], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.workflow
def test_snakemake_lint():
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--lint"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


# --- rules


def test_rules_were_found():
    assert len(BODIES) >= 20
    assert "--raw {input.raw:q}" in directive(BODIES["import_video"], "shell")


@pytest.mark.parametrize("path", SMK, ids=lambda path: path.name)
def test_rules_and_functions_live_apart(path):
    text = path.read_text("utf-8")
    assert text.startswith('"""')
    assert not (RULE.search(text) and re.search(r"^def ", text, re.MULTILINE))
    assert not re.search(r"\blambda\b|^    run:|\bcheckpoint\b|protected\(|update\(\"", text)
    assert len(text.splitlines()) < 200


def test_entry_file_is_an_index():
    assert len((ROOT / "Snakefile").read_text("utf-8").splitlines()) <= 50


@pytest.mark.parametrize("rule", BODIES)
def test_every_rule_has_log_benchmark_environment_and_version(rule):
    body = BODIES[rule]
    assert f'"logs/{rule}' in directive(body, "log")
    assert f'"benchmarks/{rule}' in directive(body, "benchmark")
    assert '"../envs/deg.yaml"' in directive(body, "conda")
    if rule in MEASURING:
        return
    names = {"render_example": "example"} | SHARED
    version = "figures" if rule.startswith("figure_") else names.get(rule, rule)
    assert version in VERSIONS
    assert f'version=VERSIONS["{version}"]' in directive(body, "params")


@pytest.mark.parametrize("rule", [rule for rule in BODIES if not rule.startswith("figure_")])
def test_stages_are_calls_of_the_command_line(rule):
    shell = directive(BODIES[rule], "shell")
    stage = SHARED.get(rule, rule)
    assert shell.strip().startswith(f'"deg {stage.replace("_", "-")}"')
    assert shell.rstrip().endswith('" &> {log:q}"')
    # Paths may hold spaces and quotes; ids, numbers and the workflow's own words may not.
    unquoted = re.findall(r"\{((?:input|output|params\.settings|params\.state)[^:}]*)\}", shell)
    assert unquoted == []


@pytest.mark.parametrize("rule", sorted({*STAGES, "render_example"} & set(BODIES)))
def test_flags_are_those_of_the_stage(rule):
    example = rule == "render_example"
    where = "deg_core.example.render" if example else f"deg_core.stages.{rule}"
    function = getattr(importlib.import_module(where), "render_video" if example else "run")
    flags = {flag_name(p.name): p.default for p in inspect.signature(function).parameters.values()}
    required = {flag for flag, default in flags.items() if default is inspect.Parameter.empty}
    shell = directive(BODIES[rule], "shell")
    given = set(re.findall(r'" (--[a-z-]+) ', shell))
    made = re.search(r"flags_of\((.*)\)", directive(BODIES[rule], "params"))
    for name in re.findall(r"(\w+)=", made.group(1)) if made else []:
        given.add(flag_name(name))
    assert required <= given <= set(flags)


def test_every_version_belongs_to_a_rule():
    used = set(re.findall(r'VERSIONS\["(\w+)"\]', "".join(BODIES.values())))
    assert used == set(VERSIONS)


@pytest.mark.parametrize("rule", ["train_flow", "train_features", "train_sequence"])
def test_trainings_ask_for_a_card_and_keep_their_state_among_no_outputs(rule):
    body = BODIES[rule]
    section = rule.removeprefix("train_")
    assert f'gpu=gpus_of("{section}")' in directive(body, "resources")
    assert f'state="state/{rule}/' in directive(body, "params")
    assert "state/" not in directive(body, "output")
    assert "retries" not in body  # they multiply on clusters; profiles have them


def test_stages_take_a_card_where_their_rule_asks_for_one():
    """Or jobs that Snakemake starts side by side would wait for each other's card."""
    takes = {}
    for rule, body in BODIES.items():
        module = ROOT / "deg_core" / "stages" / f"{rule}.py"
        if module.is_file():
            takes[rule] = "choose(threads)" in module.read_text("utf-8")
            assert takes[rule] == ("gpu=" in directive(body, "resources")), rule
    assert sum(takes.values()) == 4  # three trainings and extraction


# --- schemas


def test_schema_file_is_up_to_date():
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import make_schema
    finally:
        sys.path.pop(0)
    assert make_schema.TARGET.read_text("utf-8") == make_schema.schema_text()


@pytest.mark.parametrize(
    "path",
    [ROOT / "config.yaml", *sorted((ROOT / "example").glob("*/config.yaml"))],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_settings_of_the_examples_are_valid(path):
    config = load_config(path)
    videos = read_videos(path.parent / config.get("videos", "videos.tsv"), project=path.parent)
    drawn = Path(config["example"]["videos"])
    assert all(video.labels and is_drawn(video, drawn) for video in videos)
    assert len(
        plan(config, videos, {v.video: dict.fromkeys(config["behaviors"], 1) for v in videos})
    )


def test_schema_of_the_table_agrees_with_what_reads_it():
    schema = yaml.safe_load((ROOT / "workflow/schemas/videos.schema.yaml").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    assert tuple(schema["properties"]) == COLUMNS
    assert tuple(schema["required"]) == REQUIRED
    assert schema["properties"]["video"]["pattern"] == f"^{ID.pattern}$"
    assert schema["properties"]["split"]["enum"] == ["", *SPLITS]


# --- profiles

PROFILES = sorted((ROOT / "profiles").glob("*/config.yaml"))


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.parent.name)
def test_profiles_are_complete_and_explained(path):
    text = path.read_text("utf-8")
    profile = yaml.safe_load(text)
    assert profile["rerun-incomplete"] is True
    assert profile["show-failed-logs"] is True
    assert profile["max-checksum-file-size"] == "64MB"
    if "executor" not in profile:  # a scheduler knows its graphics cards itself
        assert profile["resources"]["gpu"] >= 1
    # It would let a broken file count as done.
    assert "keep-incomplete" not in profile
    entries = re.findall(r"^[a-z][a-z-]*:", text, re.MULTILINE)
    assert len(re.findall(r"^# ", text, re.MULTILINE)) >= len(entries) - 1


def test_profiles_are_listed():
    readme = Path(ROOT, "profiles", "README.md").read_text("utf-8")
    for path in PROFILES:
        assert f"| `{path.parent.name}` |" in readme
