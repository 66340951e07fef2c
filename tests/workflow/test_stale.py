"""What makes what stale: each row of the table in the README, asked of Snakemake itself."""

import shutil

import pytest
from stub_project import LABELS, ROOT, TABLE, Stub

pytestmark = pytest.mark.workflow

# How probabilities become bouts, and the table of it.
CHOSEN = {"choose_postprocessing", "summarize_postprocessing"}
# What rests on scores, and on ethograms beside what several people labeled.
OF_SCORES = {"evaluate", "summarize", "advise", "compare_runs"}
SCORED = OF_SCORES | {"compare_raters", "summarize_raters"}
# What compares videos with those of a training.
CHECKS = {"quality_reference", "check_quality"}
# Tables and pages over all videos or all runs, which are made again as figures are.
PAGES = {"summarize_flow", "summarize_quality", "judge", "describe", "report_pages"}
RULES = {
    *SCORED, "import_video", "import_labels", "video_stats", "merge_stats", "train_flow",
    "train_features", "extract_features", "train_sequence", "predict", "tune_thresholds",
    "bout_lengths",
    *CHECKS, *CHOSEN, "postprocess", "summarize_labels",
}  # fmt: skip
FIGURES = {
    "figure_data", "figure_performance", "figure_behaviors", "figure_comparison",
    "figure_sequence_gain", "figure_training_size", "figure_advice", "figure_examples",
    "figure_bouts", "figure_edges", "figure_transitions", "figure_calibration",
    "figure_confusion", "figure_thresholds", "figure_learning_curves", "figure_ethogram",
    "figure_models", "figure_flow",
}  # fmt: skip
# What rests on labels, and on no training.
FROM_LABELS = {"import_labels", "bout_lengths", "summarize_labels"}
OF_A_RUN = {
    "train_features", "extract_features", "train_sequence", "predict", "tune_thresholds",
    "choose_postprocessing", "postprocess",
}  # fmt: skip
# Split 0 trains on m2, m1, m5 in this order, chooses with m3 and tests with m4; `final` trains on
# m2, m1, m4, m5 and chooses with m3. The sweep's run trains on m2 and m1.
FULL = ["fast/0/all", "lite/0/all", "fast/final/all", "lite/final/all"]
RUNS = [*FULL, "lite/0/2"]


def rules(plan: dict[str, set[str]]) -> set[str]:
    """Return the rules of a plan, figures and pages apart: what rests on scores is drawn again."""
    return set(plan) - FIGURES - PAGES


def new_files(plan: dict[str, set[str]]) -> set[str]:
    """Return what the stages make, without the summary and the figures, which show all runs."""
    tables = {rule for rule in rules(plan) if rule.startswith("summarize")}
    tables |= {"advise", "compare_runs"}
    return {name for rule in rules(plan) - tables for name in plan[rule]}


def runs_of(plan: dict[str, set[str]], rule: str) -> set[str]:
    """Return the runs of which a rule makes anything."""
    return {run for run in RUNS for name in plan.get(rule, ()) if f"/{run}" in name}


# --- nothing


def test_nothing(stub):
    assert stub.plan() == {}
    assert stub.plan("infer") == {}


def test_touched_files(stub):
    for path in [*stub.folder.glob("raw/*"), *stub.folder.glob("labels/*")]:
        path.touch()
    for name in ("config.yaml", "videos.tsv"):
        (stub.folder / name).touch()
    assert stub.plan() == {}


def test_reordered_keys_rows_and_comments(stub):
    text = (
        "# another comment\nfigures: {ethograms: test}\n"
        "sweep: {presets: [lite], train_sizes: [2]}\n"
        "splits: {final: true, count: 1}\npresets: [fast, lite]  # and another\n"
        "behaviors: [groom, rear]\n"
    )
    (stub.folder / "config.yaml").write_text(text, encoding="utf-8")
    header, *rows = TABLE.splitlines()
    (stub.folder / "videos.tsv").write_text("\n".join([header, *rows[::-1]]), encoding="utf-8")
    assert stub.plan() == {}


def test_defaults_written_out(project):
    project.configure(stats={"stride": 10}, thresholds={"fallback": 0.5}, features={"common": None})
    assert project.plan() == {}


def test_fresh_clone(stub):
    for path in stub.repository.rglob("*"):
        inside = path.relative_to(stub.repository).parts[0]
        if inside in {"Snakefile", "workflow", "profiles", "labels", "raw", "config.yaml"}:
            path.touch()
    assert rules(stub.plan()) == set()


def test_cores_and_memory(project):
    assert project.plan("--cores", "1", "--set-resources", "train_flow:mem_mb=999") == {}


def test_raw_video_that_vanished(project):
    (project.folder / "raw" / "mouse 1.mp4").unlink()
    assert project.plan() == {}


# --- labels and videos


def test_labels_of_one_video_edited(stub):
    text = LABELS.replace("10,30", "10,31")
    (stub.folder / "labels" / "m5.csv").write_text(text, encoding="utf-8")
    plan = stub.plan()
    assert plan["import_labels"] == {"labels/m5.csv"}
    # All but the sweep's run, which does not see m5.
    assert runs_of(plan, "train_features") == set(FULL)
    assert runs_of(plan, "evaluate") == {"fast/0/all", "lite/0/all"}
    assert rules(plan) == RULES - {"import_video", "video_stats", "merge_stats", "train_flow"}


def test_labels_of_a_test_video_edited(project):
    text = LABELS.replace("10,30", "10,31")
    (project.folder / "labels" / "m4.csv").write_text(text, encoding="utf-8")
    plan = project.plan()
    assert plan["import_labels"] == {"labels/m4.csv"}
    assert runs_of(plan, "train_features") == {"fast/final/all", "lite/final/all"}
    assert runs_of(plan, "tune_thresholds") == {"fast/final/all", "lite/final/all"}
    assert runs_of(plan, "evaluate") == {"fast/0/all", "lite/0/all", "lite/0/2"}


def test_labels_of_several_people(project):
    """Who else labeled a test video matters to the comparison; the model does not learn it."""
    project.configure(labels={"annotator": "anna"})
    project.run()
    other = LABELS.replace("anna", "bob").replace("10,30", "12,30")
    (project.folder / "labels" / "m4.csv").write_text(LABELS + other.partition("\n")[2])
    plan = project.plan()
    assert runs_of(plan, "compare_raters") == {"fast/0/all", "lite/0/all", "lite/0/2"}
    assert plan["summarize_raters"] == {"summary/raters.csv"}
    commands = project.snakemake("--dry-run", "--printshellcmds").stdout
    assert "--videos m4 --label-files labels/m4.csv --ethograms results/ethograms/" in commands


def test_raters_of_videos_that_are_not_tested(project):
    text = LABELS.replace("10,30", "10,31")
    (project.folder / "labels" / "m5.csv").write_text(text, encoding="utf-8")
    plan = project.plan()
    # The sweep's run does not see m5; the others train on it, and so predict otherwise.
    assert runs_of(plan, "compare_raters") == {"fast/0/all", "lite/0/all"}
    assert plan["advise"] == {"summary/learning.csv", "summary/advice.csv"}
    assert plan["compare_runs"] == {"summary/tests.csv"}


def test_labels_of_one_video_added(project):
    (project.folder / "labels" / "m6.csv").write_text(LABELS, encoding="utf-8")
    plan = project.plan()
    assert plan["import_labels"] == {"labels/m6.csv"}
    assert rules(plan) == RULES - {"import_video", "video_stats", "merge_stats", "train_flow"}


def test_unlabeled_video_added(stub):
    (stub.folder / "raw" / "new one.avi").write_bytes(b"new")
    with (stub.folder / "videos.tsv").open("a", encoding="utf-8") as table:
        table.write("m7\traw/new one.avi\tno\n")
    assert stub.plan() == {
        "import_video": {"import/m7.h5"},
        "video_stats": {"stats/m7.json", "stats/m7.background.png"},
        "extract_features": {f"features/{run}/m7.h5" for run in FULL},
        "predict": {f"predictions/{run}/m7.h5" for run in FULL},
        "postprocess": {
            f"ethograms/{run}/m7{end}" for run in FULL for end in (".csv", ".bouts.csv")
        },
        "check_quality": {f"quality/{run}/m7.json" for run in FULL},
        "summarize_quality": {"summary/quality.csv"},
        "describe": {"summary/setup.csv", "summary/videos.csv"},
        "report_pages": {f"report/{page}.html" for page in ("verdicts", "videos", "setup")},
    }


def test_video_removed(project):
    table = project.folder / "videos.tsv"
    rows = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text("".join(rows[:-1]), encoding="utf-8")  # m6, not labeled
    assert set(project.plan()) == {"summarize_quality", "describe", "report_pages"}


def test_video_joins_what_motion_is_learned_from(project):
    table = project.folder / "videos.tsv"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("mouse 6.mp4\tno", "mouse 6.mp4\tyes"), encoding="utf-8")
    assert rules(project.plan()) == RULES - FROM_LABELS - {"import_video", "video_stats"}


def test_another_raw_video_takes_the_place_of_one(project):
    (project.folder / "raw" / "mouse 6.mp4").write_bytes(b"another video")
    plan = project.plan()
    assert plan["import_video"] == {"import/m6.h5"}
    assert rules(plan) == {
        "import_video", "video_stats", "extract_features", "predict", "postprocess",
        "check_quality",
    }  # fmt: skip


def test_behaviors_reordered(project):
    project.configure(behaviors=["rear", "groom"])
    untouched = {"import_video", "video_stats", "merge_stats", "train_flow"}
    assert rules(project.plan()) == RULES - untouched


def test_exclusive_groups(project):
    project.configure(exclusive_groups=[["rear", "groom"]])
    untouched = {"import_video", "video_stats", "merge_stats", "train_flow"}
    assert rules(project.plan()) == RULES - untouched


def test_another_annotator(project):
    project.configure(labels={"annotator": "anna"})
    plan = project.plan()
    assert {f"labels/m{n}.csv" for n in range(1, 6)} == plan["import_labels"]
    assert not set(plan) & {"import_video", "video_stats", "merge_stats", "train_flow"}


# --- settings

# What a change of each section makes again, figures apart.
BELOW = {
    "import": ({"size": [64, 64]}, RULES),
    "stats": ({"stride": 3}, RULES - FROM_LABELS - {"import_video"}),
    "flow": (
        {"common": {"epochs": 3}},
        RULES - FROM_LABELS - {"import_video", "video_stats", "merge_stats"},
    ),
    "features": (
        {"common": {"epochs": 3}},
        {
            "train_features", "extract_features", "train_sequence", "predict", "tune_thresholds",
            *CHECKS, *CHOSEN, "postprocess", *SCORED,
        },
    ),
    "augment": (
        {"degrees": 1},
        RULES - FROM_LABELS - {"import_video", "video_stats", "merge_stats"},
    ),
    "extract": (
        {"dtype": "float16"},
        {
            "extract_features", "train_sequence", "predict", "tune_thresholds", *CHECKS, *CHOSEN,
            "postprocess", *SCORED,
        },
    ),
    "sequence": (
        {"common": {"epochs": 3}},
        {"train_sequence", "predict", "tune_thresholds", *CHECKS, *CHOSEN, "postprocess", *SCORED},
    ),
    "thresholds": ({"n_grid": 100}, {"tune_thresholds", *CHECKS, *CHOSEN, "postprocess", *SCORED}),
    "postprocess": ({"percentile": 5}, {*CHECKS, *CHOSEN, "postprocess", *SCORED}),
    "evaluate": ({"shuffles": 10}, OF_SCORES),
}  # fmt: skip


def check_setting(project: Stub, section: str) -> None:
    """Check what a change of one section makes again, and that it does so for every run."""
    change, expected = BELOW[section]
    project.configure(**{section: change})
    plan = project.plan()
    assert rules(plan) == expected
    for rule in expected & OF_A_RUN:
        assert runs_of(plan, rule) == set(RUNS)


@pytest.mark.parametrize("section", ["thresholds", "postprocess", "sequence"])
def test_setting(stub, section):
    check_setting(stub, section)


@pytest.mark.parametrize("section", sorted(set(BELOW) - {"thresholds", "postprocess", "sequence"}))
def test_setting_in_a_folder(project, section):
    check_setting(project, section)


def test_joint_thresholds_leave_the_tuned_ones(project):
    project.configure(thresholds={"joint": True})
    assert rules(project.plan()) == {*CHECKS, *CHOSEN, "postprocess", *SCORED}


def test_what_is_unusual_is_a_matter_of_its_own(stub):
    stub.configure(quality={"margin": 1.0})
    plan = stub.plan()
    assert rules(plan) == CHECKS
    assert runs_of(plan, "check_quality") == set(FULL)  # and not the sweep's
    assert set(plan) & PAGES == {"summarize_quality", "describe", "report_pages"}


def test_settings_of_one_preset(stub):
    own = {"fast": {"epochs": 3}}
    stub.configure(flow=own, features=own, sequence=own)
    plan = stub.plan()
    assert {"train_flow", "train_features", "train_sequence"} < set(plan)
    files = new_files(plan)
    assert all("/fast/" in name or name.startswith("models/flow/fast.") for name in files)


def test_weights_to_start_from(project):
    weights = project.folder / "pre.pt"
    weights.write_text("trained elsewhere")
    project.configure(features={"fast": {"weights": "pre.pt"}})
    plan = project.plan()
    assert "train_features" in plan
    assert all("/fast/" in name for name in new_files(plan))
    project.run()
    assert project.plan() == {}
    weights.write_text("trained elsewhere, for longer")
    assert new_files(project.plan()) == new_files(plan)


# --- int8

INT8 = {
    "extract_features", "train_sequence", "predict", "tune_thresholds", *CHECKS, *CHOSEN,
    "postprocess", *SCORED,
}  # fmt: skip


def of_int8(plan: dict[str, set[str]]) -> set[str]:
    """Return the runs whose extractor is to be quantised."""
    ends = (".xml", ".bin", ".run.json")
    names = plan.get("quantize", set())
    runs = {run for run in RUNS if f"models/quantized/{run}.xml" in names}
    assert names == {f"models/quantized/{run}{end}" for run in runs for end in ends}
    return runs


def test_int8_is_made_only_where_it_is_chosen(project):
    assert not (project.folder / "results" / "models" / "quantized").exists()
    project.configure(extract={"precision": "int8"})
    plan = project.plan()
    assert of_int8(plan) == set(RUNS)
    assert rules(plan) == {"quantize", *INT8}
    commands = project.snakemake("--dry-run", "--printshellcmds").stdout
    assert "--quantized results/models/quantized/lite/0/2.xml" in commands
    project.run()
    assert project.plan() == {}
    check_what_makes_int8_again(project)
    project.configure(extract={"precision": "auto"})
    assert rules(project.plan()) == INT8


def check_what_makes_int8_again(project: Stub) -> None:
    """Check changes of settings, a lost file, and labels that judge, each by itself."""
    for change in ({"batch_size": 8}, {"dtype": "float16"}):
        project.configure(extract={"precision": "int8", **change})
        assert rules(project.plan()) == INT8
    project.configure(extract={"precision": "int8", "int8_max_loss": 0.02})
    assert of_int8(project.plan()) == set(RUNS)
    project.configure(extract={"precision": "int8"})
    assert project.plan() == {}
    (project.folder / "results/models/quantized/fast/0/all.bin").unlink()
    plan = project.plan()
    assert of_int8(plan) == {"fast/0/all"}
    assert runs_of(plan, "extract_features") == {"fast/0/all"}
    project.run()


def test_what_int8_may_lose_matters_to_int8_only(stub):
    stub.configure(extract={"int8_max_loss": 0.5})
    assert set(stub.plan()) == {"describe", "report_pages"}  # what was changed against the defaults


def test_int8_that_was_refused_does_not_hide(project):
    project.configure(extract={"precision": "int8"})
    before = project.plan()
    done = project.snakemake("--keep-going", fail="quantize")
    assert done.returncode == 1
    assert project.plan() == before
    # Nobody's features are changed by half: the old ones stay until int8 is there.
    assert (project.folder / "results/features/fast/0/all/m1.h5").exists()


# --- branches


def test_preset_added(stub):
    stub.configure(presets=["fast", "lite", "mine"], preset_base={"mine": "lite"})
    files = new_files(stub.plan())
    assert "models/sequence/mine/final/all.pt" in files
    assert all("/mine/" in name or name.startswith("models/flow/mine.") for name in files)


def test_split_added(stub):
    stub.configure(splits__count=2)
    files = new_files(stub.plan())
    assert "metrics/lite/1/2.json" in files
    assert all("/1/" in name for name in files)


def test_size_added(stub):
    stub.configure(sweep__train_sizes=[1, 2])
    files = new_files(stub.plan())
    assert "metrics/lite/0/1.json" in files
    assert all("/lite/0/1" in name for name in files)


def test_branch_removed(project):
    project.configure(presets=["lite"], splits__final=False)
    tables = {"summarize", "summarize_postprocessing", "summarize_raters", "advise", "compare_runs"}
    assert rules(project.plan()) == tables


def test_new_branches_reach_summary_and_figures(project):
    project.configure(splits__count=2)
    plan = project.plan()
    assert plan["summarize"] == {
        f"summary/{table}.csv"
        for table in (
            "metrics", "over_splits", "curves", "confusion", "calibration", "history", "models",
            "bouts", "edges", "statistics", "transitions", "examples",
        )
    }  # fmt: skip
    assert plan["figure_performance"] == {"figures/performance.svg"}
    assert "figures/ethograms/lite/1/all/m1.svg" in plan["figure_ethogram"]


def test_final_model_is_not_scored(project):
    assert not (project.folder / "results" / "metrics" / "fast" / "final").exists()
    assert (project.folder / "results" / "ethograms" / "fast" / "final" / "all" / "m6.csv").exists()


def test_runs_of_the_sweep_predict_what_they_are_judged_by(project):
    predicted = project.folder / "results" / "predictions" / "lite" / "0" / "2"
    assert sorted(path.name for path in predicted.iterdir()) == ["m3.h5", "m4.h5"]


def test_no_runs_learn_motion_only(project):
    project.configure(splits={"count": 0}, sweep={})
    for path in (project.folder / "labels").iterdir():
        path.unlink()
    assert project.plan() == {}
    project.delete("models/flow/fast.pt")
    assert set(project.plan()) == {"train_flow", "summarize_flow", "figure_flow"}


# --- figures


@pytest.mark.parametrize("figure", ["figure_bouts", "figure_ethogram"])
def test_script_of_a_figure(stub, figure):
    script = stub.repository / "workflow" / "scripts" / f"{figure}.py"
    script.write_text(script.read_text(encoding="utf-8") + "# thicker lines\n", encoding="utf-8")
    assert set(stub.plan()) == {figure}


def test_style_of_all_figures(project):
    style = project.repository / "workflow" / "scripts" / "style.py"
    style.write_text(style.read_text(encoding="utf-8") + "# larger letters\n", encoding="utf-8")
    assert set(project.plan()) == FIGURES


def keep_only_the_summary(project: Stub) -> None:
    """Delete everything that was computed but the tables."""
    for path in (project.folder / "results").iterdir():
        if path.name != "summary":
            project.delete(path.name)


def planned(project: Stub, *targets: str) -> set[str]:
    """Return the rules that Snakemake would run for some targets, itself apart."""
    done = project.snakemake("--dry-run", "--quiet", "rules", "--", *targets)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.partition("Job stats:")[2].partition("\n\n")[0].splitlines()[3:]
    return {line.split()[0] for line in lines} - {"total", *targets}


def test_figures_of_a_study_are_drawn_from_the_summary_alone(project):
    assert planned(project, "figures") == set()
    keep_only_the_summary(project)
    assert planned(project, "figures") == FIGURES - {"figure_ethogram"}
    done = project.snakemake("figures")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in (project.folder / "results").iterdir()} == {"summary", "figures"}
    assert planned(project, "figures") == set()


def test_one_figure_is_drawn_without_labels_videos_and_what_snakemake_knows(project):
    keep_only_the_summary(project)
    shutil.rmtree(project.folder / ".snakemake")
    shutil.rmtree(project.folder / "labels")
    project.configure(splits={"count": 0}, sweep={})
    assert planned(project, "results/figures/performance.svg") == {"figure_performance"}


def test_a_figure_that_was_deleted_is_drawn_again(project):
    project.delete("figures/bouts/fast.svg")
    assert project.plan() == {"figure_bouts": {"figures/bouts/fast.svg"}}
    assert planned(project, "figures") == {"figure_bouts"}


def test_what_is_not_known_has_no_figure(project):
    """One preset, no sweep: nothing to compare, and no curve."""
    project.configure(presets=["lite"], sweep={})
    listed = planned_figures(project)
    assert not listed & {"comparison.svg", "training_size.svg", "advice.svg"}
    assert "performance.svg" in listed
    assert not [name for name in listed if name.startswith(("raters/", "postprocessing/"))]


def test_figures_of_raters_and_of_a_choice(project):
    other = LABELS.replace("anna", "bob").partition("\n")[2]
    (project.folder / "labels" / "m4.csv").write_text(LABELS + other)
    project.configure(labels={"annotator": "anna"}, postprocess={"method": "auto"})
    listed = planned_figures(project)
    assert {f"{kind}/{preset}.svg" for kind in ("raters", "postprocessing")
            for preset in ("fast", "lite")} <= listed  # fmt: skip


def planned_figures(project: Stub) -> set[str]:
    """Return the figures that the project lists, without their folder."""
    done = project.snakemake("--summary")
    assert done.returncode == 0, done.stdout + done.stderr
    names = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    return {name.removeprefix("results/figures/") for name in names if "results/figures/" in name}


# --- failures


def test_failed_stage_does_not_hide(stub):
    stub.configure(sequence={"common": {"epochs": 3}})
    before = stub.plan()
    done = stub.snakemake(fail="train-sequence")
    assert done.returncode == 1
    assert "told to fail" in done.stdout + done.stderr  # the profile shows the log
    # What lost its outputs, and all that rests on it, is still to be made, whatever is asked for.
    assert stub.plan() == before
    assert "train_sequence" in stub.plan("infer")


def test_a_change_is_settled_by_one_run(project):
    project.configure(thresholds={"n_grid": 100})
    project.run()
    assert project.plan() == {}


def test_deleted_file_in_the_middle_is_made_again(project):
    project.delete("features/fast/0/all/m2.h5")
    assert "extract_features" in project.plan()


def test_results_moved_to_another_place(project):
    moved = project.folder.parent / "moved"
    project.folder.rename(moved)
    try:
        assert Stub(moved, project.repository, project.python).plan() == {}
    finally:
        moved.rename(project.folder)


# --- what stops at once


def refused(stub: Stub) -> str:
    """Return the sentence with which Snakemake refuses to plan; nothing may have been made."""
    before = sorted(stub.folder.rglob("results/**/*"))
    done = stub.snakemake()
    assert done.returncode == 2
    assert "Traceback" not in done.stderr + done.stdout
    assert sorted(stub.folder.rglob("results/**/*")) == before
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("deg: ")]
    return sentence.removeprefix("deg: ")


def test_misspelt_key(stub):
    stub.configure(featurs={"common": {"epochs": 3}})
    assert refused(stub) == "config.yaml: unknown key 'featurs'; did you mean 'features'?"


def test_impossible_splits(stub):
    for n in (3, 4, 5):
        (stub.folder / "labels" / f"m{n}.csv").unlink()
    assert refused(stub).startswith("videos.tsv: split 0 needs at least 3 labeled groups, ")


def test_behavior_that_cannot_be_everywhere(project):
    project.configure(behaviors=["groom", "rear", "jump"])
    text = refused(project)
    assert text.startswith("config.yaml: behavior 'jump' is not positive in any labeled video")


def test_missing_video(stub):
    (stub.folder / "raw" / "mouse 2.mp4").unlink()
    stub.delete("import/m2.h5")
    assert refused(stub).startswith("videos.tsv: video m2: there is no file raw/mouse 2.mp4;")


def test_damaged_label_file(project):
    (project.folder / "labels" / "m2.csv").write_text("kind,behavior\nbout", encoding="utf-8")
    assert refused(project).startswith("labels/m2.csv")


def test_broken_video_stops_its_own_branch_only(stub):
    (stub.folder / "raw" / "mouse 6.mp4").write_bytes(b"broken")
    done = stub.snakemake(fail="import-video")
    assert done.returncode == 1
    assert stub.plan()["import_video"] == {"import/m6.h5"}


# --- the bundled example


def test_example_of_a_fresh_checkout(tmp_path, stub_python):
    repository = tmp_path / "checkout"
    shutil.copytree(ROOT / "example", repository / "example", ignore=lambda *_: ["videos"])
    for name in ("workflow", "profiles"):
        shutil.copytree(ROOT / name, repository / name)
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, repository)
    checkout = Stub(repository, repository, stub_python)
    plan = checkout.plan()
    assert {f"example/videos/demo_{n:02}.mp4" for n in range(1, 11)} == plan["render_example"]
    assert set(plan) >= RULES
    checkout.run("--until", "video_stats", "import_labels")
    assert not set(checkout.plan()) & {"render_example", "import_video", "import_labels"}
    # Drawn videos may go once they are imported.
    shutil.rmtree(repository / "example" / "videos")
    assert not set(checkout.plan()) & {"render_example", "import_video", "import_labels"}
