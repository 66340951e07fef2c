"""Presets that look at no picture: what they run, and what makes what of theirs stale."""

import re

import pytest
from stub_project import TABLE

pytestmark = pytest.mark.workflow

ALL = ["fast", "lite", "keypoints", "clusters"]
OVERVIEWS = ("summary/", "figures/", "report/")
MODEL_OF = {"keypoints": "sequence", "clusters": "clusters"}
COMMON = {"predict", "tune_thresholds", "postprocess", "evaluate"}
# What of a branch runs after a change; stages that come after predictions may be more than COMMON.
OF_VIDEO = {
    "import_video", "import_labels", "video_stats", "merge_stats", "train_flow", "train_features",
    "extract_features", "train_sequence",
}  # fmt: skip
BRANCHES = {
    "import_keypoints", "train_keypoints", "predict", "map_clusters", "predict_clusters",
}  # fmt: skip
OF_KEYPOINTS = {"train_keypoints", *COMMON}
OF_CLUSTERS = {"map_clusters", "predict_clusters", *COMMON} - {"predict"}


def name_files(project, *, lacking=()):
    """Write a file of keypoints and one of clusters for every video, and name them in the table."""
    rows = [TABLE.splitlines()[0] + "\tkeypoints\tclusters"]
    for line in TABLE.splitlines()[1:]:
        video, names = line.split("\t")[0], []
        for kind in ("keypoints", "clusters"):
            path = project.folder / f"{kind} of mine" / f"{video}.csv"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{kind} of {video}\n")
            names.append("" if video in lacking else f"{kind} of mine/{video}.csv")
        rows.append("\t".join([line, *names]))
    (project.folder / "videos.tsv").write_text("\n".join([*rows, ""]), encoding="utf-8")


def check_branch(stages, expected):
    """Check that all that is expected runs, no other part of a branch, and nothing of the video."""
    assert expected <= stages
    assert stages & BRANCHES == expected & BRANCHES
    assert not stages & OF_VIDEO


def made(plan):
    """Return the stages of a plan, and their files, without what shows all runs or the table."""
    files = {
        rule: {name for name in names if not name.startswith(OVERVIEWS)}
        for rule, names in plan.items()
    }
    return {rule for rule, names in files.items() if names}, set().union(*files.values())


@pytest.fixture
def both(project):
    """A finished project of two presets that has keypoints and clusters of all videos, too."""
    name_files(project)
    assert made(project.plan()) == (set(), set())  # nobody looks at them yet
    project.configure(presets=ALL)
    return project


def test_only_the_new_branches_run(both):
    stages, files = made(both.plan())
    check_branch(stages, OF_KEYPOINTS | OF_CLUSTERS | {"import_keypoints", "bout_lengths"})
    assert {f"keypoints/m{n}.h5" for n in range(1, 7)} <= files
    assert all("/keypoints/" in f"/{name}" or "/clusters/" in name for name in files)
    for preset, model in MODEL_OF.items():
        assert any(name.startswith(f"models/{model}/{preset}/0/all") for name in files)
        assert f"metrics/{preset}/0/all.json" in files
    assert not any(
        name.startswith(("features/", "models/flow", "models/features")) for name in files
    )
    assert not [
        f for f in both.plan().get("figure_flow", ()) if "lite" not in f and "fast" not in f
    ]


def test_what_makes_what_stale(both):
    both.run()
    assert both.plan() == {}
    check_a_file_edited(both)
    check_settings(both)
    check_a_video_added(both)


def check_a_file_edited(project):
    """Check that keypoints and clusters of a training video reach their own branch only."""
    place = project.folder / "keypoints of mine" / "m1.csv"
    kept = place.read_text()
    place.write_text("tracked anew\n")
    stages, files = made(project.plan())
    check_branch(stages, {"import_keypoints", *OF_KEYPOINTS})
    assert project.plan()["import_keypoints"] == {"keypoints/m1.h5"}
    assert not any("/clusters/" in name for name in files)
    place.write_text(kept)
    place = project.folder / "clusters of mine" / "m6.csv"  # not labeled: predicted only
    kept = place.read_text()
    place.write_text("clustered anew\n")
    assert made(project.plan())[0] == {"predict_clusters", "postprocess"}
    place.write_text(kept)


def check_settings(project):
    """Check each section's reach."""
    reaches = [
        ({"keypoints": {"min_likelihood": 0.5}}, {"import_keypoints", *OF_KEYPOINTS}),
        ({"clusters": {"mapping": "majority"}}, OF_CLUSTERS),
        ({"sequence": {"keypoints": {"epochs": 3}}}, OF_KEYPOINTS),
    ]
    for change, expected in reaches:
        project.configure(**change)
        stages, files = made(project.plan())
        check_branch(stages, expected)
        assert not any("/lite/" in name or "/fast/" in name for name in files)
        project.configure(**dict.fromkeys(change))
    project.configure(features={"common": {"epochs": 3}})
    assert not any("keypoints" in name or "clusters" in name for name in made(project.plan())[1])
    project.configure(features=None)
    assert made(project.plan()) == (set(), set())


def check_a_video_added(project):
    """Check that a video without labels trains nothing."""
    (project.folder / "raw" / "new.avi").write_bytes(b"new")
    (project.folder / "new.csv").write_text("keypoints, or clusters\n")
    with (project.folder / "videos.tsv").open("a", encoding="utf-8") as table:
        table.write("m7\traw/new.avi\tno\tnew.csv\tnew.csv\n")
    stages, files = made(project.plan())
    assert stages >= {
        "import_video", "extract_features", "import_keypoints", "predict", "predict_clusters",
        "postprocess",
    }  # fmt: skip
    assert not stages & {
        "train_flow",
        "train_keypoints",
        "map_clusters",
        "tune_thresholds",
        "evaluate",
    }
    assert all("m7" in name for name in files)


def test_labels_of_a_video_reach_both(both):
    both.run()
    path = both.folder / "labels" / "m5.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("10,30", "10,31"), encoding="utf-8")
    stages = made(both.plan())[0]
    assert {"train_keypoints", "map_clusters"} <= stages
    assert "import_keypoints" not in stages


def test_a_failed_mapping_does_not_hide(both):
    both.run()
    both.configure(clusters={"prior_frames": 5})
    before = both.plan()
    assert both.snakemake("--keep-going", fail="map-clusters").returncode == 1
    assert made(both.plan())[0] >= {"map_clusters"}
    assert made(both.plan()) == made(before)


def test_summaries_are_told_which_trainings_a_preset_has(project):
    """What lies on disk does not tell: the preset may have looked at the video before."""
    name_files(project)
    project.configure(presets=["fast", "mine"], preset_base={"mine": "keypoints"}, sweep=None)
    done = project.snakemake("--dry-run", "--forceall", "--printshellcmds")
    for stage in ("summarize", "describe"):
        (command,) = set(re.findall(rf"deg {stage} .*", done.stdout + done.stderr))
        assert """--trainings '{"fast":["features","sequence"],"mine":["sequence"]}'""" in command


def test_keypoints_alone_need_no_flow_and_no_features(project):
    name_files(project)
    project.configure(presets=["keypoints"], sweep=None)
    project.run()
    assert project.plan() == {}
    done = project.snakemake("--dry-run", "--forceall", "--printshellcmds")
    called = set(re.findall(r"Shell command: deg ([\w-]+)", done.stdout + done.stderr))
    assert {"import-keypoints", "train-sequence", "predict", "summarize"} <= called
    assert not called & {"train-flow", "train-features", "extract-features", "map-clusters"}


@pytest.mark.parametrize("preset", ["keypoints", "clusters"])
def test_videos_without_a_file_stop_at_once(project, preset):
    name_files(project, lacking=["m2", "m6"])
    project.configure(presets=["lite", preset])
    done = project.snakemake("--dry-run")
    assert done.returncode == 2
    said = done.stdout + done.stderr
    assert f"preset {preset} looks at the column '{preset}', which is empty for m2, m6" in said
    assert "Traceback" not in said


def test_a_file_that_is_not_there_stops_at_once(project):
    name_files(project)
    (project.folder / "keypoints of mine" / "m3.csv").unlink()
    done = project.snakemake("--dry-run")
    assert done.returncode == 2
    assert "video m3: no file keypoints of mine/m3.csv" in done.stdout + done.stderr
