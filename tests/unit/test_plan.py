"""A dry-run's output in words."""

import pytest

from deg_core.project import plan, workflow
from deg_core.project.plan import Job

BEFORE_NOW = (
    "Params have changed since last execution: Union of exclusive params before and now across "
    "all output: before: {before} now: {now} "
)
OUTPUT = """\
Building DAG of jobs...

[Fri Nov 20 13:57:11 2026]
rule import_labels:
    input: labels/m3.csv, results/import/m3.h5
    output: results/labels/m3.csv
    log: logs/import_labels/m3.log
    jobid: 2
    reason: Updated input files: labels/m3.csv
    wildcards: video=m3
    resources: tmpdir=/tmp
Shell command: deg import-labels
[Fri Nov 20 13:57:11 2026]
rule train_features:
    input: results/labels/m3.csv
    output: results/models/features/fast/0/all.pt, results/models/features/fast/0/all.run.json
    jobid: 1
    reason: Input files updated by another job: results/labels/m3.csv
    wildcards: preset=fast, split=0, n_train=all
localrule merge_stats:
    input: results/stats/m3.json
    output: results/stats/rgb.json
    jobid: 5
    reason: Missing output files: results/stats/rgb.json; Input files updated by another job: x
rule all:
    input: results/models/features/fast/0/all.pt
    jobid: 0
    reason: Input files updated by another job: results/models/features/fast/0/all.pt
Job stats:
job             count
"""


def test_jobs_are_found_with_target_and_reason():
    assert plan.parse(OUTPUT) == [
        Job("import_labels", "m3", "Updated input files: labels/m3.csv"),
        Job(
            "train_features",
            "fast/0/all",
            "Input files updated by another job: results/labels/m3.csv",
        ),
        Job(
            "merge_stats",
            "rgb.json",
            "Missing output files: results/stats/rgb.json; Input files updated by another job: x",
        ),
    ]


def test_nothing_to_be_done_is_no_job():
    assert plan.parse("Building DAG of jobs...\nNothing to be done.\n") == []


def test_in_words_causes_come_before_what_follows():
    assert plan.in_words(plan.parse(OUTPUT)) == [
        "import_labels: 1 job (m3): labels/m3.csv changed",
        "merge_stats: 1 job (rgb.json): not computed yet",
        "follows from that: train_features 1",
    ]


def test_jobs_of_one_rule_and_reason_share_a_line():
    jobs = [Job("predict", f"m{i}", "Missing output files: x") for i in range(6)]
    assert plan.in_words(jobs) == [
        "predict: 6 jobs (m0, m1, m2, m3 and 2 more): not computed yet",
    ]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Missing output files: a, b; Code has changed since last execution", "not computed yet"),
        ("Incomplete output files: a", "left unfinished by a run that was stopped"),
        ("Input files updated by another job: a", plan.FOLLOWS),
        ("Updated input files: a, b; Input files updated by another job: c", "a, b changed"),
        ("Updated input files: a/x; y", "a/x; y changed"),
        ("Code has changed since last execution", "the workflow's command is another one than"),
        ("Set of input files has changed since last execution", "has other inputs than last time"),
        ("Forced execution", "asked for"),
        ("Something new in Snakemake", "Something new in Snakemake"),
        ("", "needed"),
    ],
)
def test_reasons(reason, words):
    assert plan.reason_in_words(reason).startswith(words)


def test_changed_settings_are_named():
    before = repr('{"a":"it\'s \\"ü\\"","augment":{"hue":0.1,"x":1},"epochs":20}')
    now = repr('{"a":"it\'s \\"ü\\"","augment":{"hue":0.2,"x":1},"epochs":30,"more":null}')
    assert plan.reason_in_words(BEFORE_NOW.format(before=before, now=now)) == (
        "settings changed: augment.hue 0.1 -> 0.2, epochs 20 -> 30, more null -> null"
    )


def test_other_changed_parameters_are_not_guessed():
    for before, now in [("1", "2"), ("'20 bytes'", "'30 bytes'"), ("'\"x\"'", "'\"y\"'")]:
        words = plan.reason_in_words(BEFORE_NOW.format(before=before, now=now))
        assert words.startswith("its settings, its inputs' sizes or the version")


def test_settings_and_other_reasons_stand_side_by_side():
    changed = BEFORE_NOW.format(before=repr('{"a":1}'), now=repr('{"a":2}'))
    assert plan.reason_in_words(f"Updated input files: x; {changed}") == (
        "x changed; settings changed: a 1 -> 2"
    )


def test_differences():
    assert plan.differences({"a": 1}, {"a": 1}) == []
    assert plan.differences({"a": [1]}, {"b": {"c": 1}}) == ["a [1] -> null", 'b null -> {"c": 1}']


def test_snakemake_is_asked(tmp_path, monkeypatch):
    def ask(folder, *, options, environment):
        assert (folder, "--dry-run" in options, environment) == (tmp_path, True, {"A": "b"})
        return OUTPUT

    monkeypatch.setattr(workflow, "ask", ask)
    assert len(plan.planned(tmp_path, environment={"A": "b"})) == 3
