"""What makes what stale: each row of the table in the README, asked of Snakemake itself."""

import shutil

import pytest
from stub_project import LABELS, ROOT, TABLE, Stub

pytestmark = pytest.mark.workflow

RULES = {
    "import_video", "import_labels", "video_stats", "merge_stats", "train_flow", "train_features",
    "extract_features", "train_sequence", "predict", "tune_thresholds", "bout_lengths",
    "postprocess", "evaluate", "summarize",
}  # fmt: skip
FIGURES = {
    "figure_performance", "figure_confusion", "figure_thresholds", "figure_learning_curves",
    "figure_ethogram", "figure_flow",
}  # fmt: skip
SCORED = {"evaluate", "summarize"}
OF_A_RUN = {
    "train_features", "extract_features", "train_sequence", "predict", "tune_thresholds",
    "postprocess",
}  # fmt: skip
# Split 0 trains on m2, m1, m5 in this order, chooses with m3 and tests with m4; `final` trains on
# m2, m1, m4, m5 and chooses with m3. The sweep's run trains on m2 and m1.
FULL = ["fast/0/all", "lite/0/all", "fast/final/all", "lite/final/all"]
RUNS = [*FULL, "lite/0/2"]


def rules(plan: dict[str, set[str]]) -> set[str]:
    """Return the rules of a plan, figures apart: what rests on scores is drawn again."""
    return set(plan) - FIGURES


def new_files(plan: dict[str, set[str]]) -> set[str]:
    """Return what the stages make, without the summary and the figures, which show all runs."""
    return {name for rule in rules(plan) - {"summarize"} for name in plan[rule]}


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
    }


def test_video_removed(project):
    table = project.folder / "videos.tsv"
    rows = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text("".join(rows[:-1]), encoding="utf-8")  # m6, not labeled
    assert project.plan() == {}


def test_video_joins_what_motion_is_learned_from(project):
    table = project.folder / "videos.tsv"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("mouse 6.mp4\tno", "mouse 6.mp4\tyes"), encoding="utf-8")
    untouched = {"import_video", "import_labels", "video_stats", "bout_lengths"}
    assert rules(project.plan()) == RULES - untouched


def test_another_raw_video_takes_the_place_of_one(project):
    (project.folder / "raw" / "mouse 6.mp4").write_bytes(b"another video")
    plan = project.plan()
    assert plan["import_video"] == {"import/m6.h5"}
    assert rules(plan) == {
        "import_video", "video_stats", "extract_features", "predict", "postprocess"
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
    "stats": ({"stride": 3}, RULES - {"import_video", "import_labels", "bout_lengths"}),
    "flow": (
        {"common": {"epochs": 3}},
        RULES
        - {"import_video", "import_labels", "video_stats", "merge_stats", "bout_lengths"},
    ),
    "features": (
        {"common": {"epochs": 3}},
        {
            "train_features", "extract_features", "train_sequence", "predict", "tune_thresholds",
            "postprocess", *SCORED,
        },
    ),
    "augment": (
        {"degrees": 1},
        RULES
        - {"import_video", "import_labels", "video_stats", "merge_stats", "bout_lengths"},
    ),
    "extract": (
        {"dtype": "float16"},
        {
            "extract_features", "train_sequence", "predict", "tune_thresholds", "postprocess",
            *SCORED,
        },
    ),
    "sequence": (
        {"common": {"epochs": 3}},
        {"train_sequence", "predict", "tune_thresholds", "postprocess", *SCORED},
    ),
    "thresholds": ({"n_grid": 100}, {"tune_thresholds", "postprocess", *SCORED}),
    "postprocess": ({"percentile": 5}, {"postprocess", *SCORED}),
    "evaluate": ({"shuffles": 10}, SCORED),
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
    assert rules(project.plan()) == {"summarize"}


def test_new_branches_reach_summary_and_figures(project):
    project.configure(splits__count=2)
    plan = project.plan()
    assert plan["summarize"] == {
        f"summary/{table}.csv" for table in ("metrics", "curves", "confusion", "history")
    }
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
    assert set(project.plan()) == {"train_flow", "figure_flow"}


# --- figures


@pytest.mark.parametrize("figure", ["figure_performance", "figure_ethogram"])
def test_script_of_a_figure(stub, figure):
    script = stub.repository / "workflow" / "scripts" / f"{figure}.py"
    script.write_text(script.read_text(encoding="utf-8") + "# thicker lines\n", encoding="utf-8")
    assert set(stub.plan()) == {figure}


def test_style_of_all_figures(project):
    style = project.repository / "workflow" / "scripts" / "style.py"
    style.write_text(style.read_text(encoding="utf-8") + "# larger letters\n", encoding="utf-8")
    assert set(project.plan()) == FIGURES


def test_figures_are_drawn_from_the_summary_alone(project):
    for path in (project.folder / "results").iterdir():
        if path.name != "summary":
            project.delete(path.name)
    shutil.rmtree(project.folder / ".snakemake")
    shutil.rmtree(project.folder / "labels")
    project.configure(splits={"count": 0}, sweep={})
    done = project.snakemake("--dry-run", "results/figures/performance.svg")
    assert "Job stats:\njob                   count\n" in done.stdout
    assert "\ntotal                     1\n" in done.stdout


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
