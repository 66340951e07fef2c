"""Which figures there are, and the functions that tell their rules inputs and labels; no rule."""

ETHOGRAMS = resolve(SETTINGS, "figures")["ethograms"]
STYLE = str(Path(workflow.basedir, "workflow", "scripts", "style.py"))


def all_figures():
    """List every figure, in the order in which a reader looks at them."""
    files = ["results/figures/performance.svg"] if TESTED_RUNS else []
    runs = {"confusion": TESTED_RUNS, "thresholds": RUNS, "learning_curves": RUNS}
    for kind, drawn in runs.items():
        files += [f"results/figures/{kind}/{run.name}.svg" for run in drawn]
    for run in FULL_RUNS:
        videos = drawn_videos_of(run)
        files += expand("results/figures/ethograms/{run}/{video}.svg", run=run.name, video=videos)
    presets = dict.fromkeys(run.preset for run in RUNS) or PRESETS
    return files + expand("results/figures/flow/{preset}.svg", preset=presets)


def drawn_videos_of(run):
    """List the videos of which a full run's ethogram is drawn; see `figures.ethograms`."""
    if ETHOGRAMS == "none":
        return []
    return videos_of(run, "test" if ETHOGRAMS == "test" else "predicted")


def frame_labels_of(wildcards):
    """Input function: a video's imported labels; no file where the video has none."""
    labeled = [wildcards.video] if wildcards.video in LABELED else []
    return expand("results/labels/{video}.csv", video=labeled)


def part_of(wildcards):
    """Parameter: the part in which the wildcards' run uses a video; empty if in none."""
    parts = [p for p in ("train", "val", "test") if wildcards.video in videos_of(wildcards, p)]
    return " and ".join(parts)


def about_ethogram(wildcards):
    """Labels of an ethogram in the report."""
    return {"video": wildcards.video, "part": part_of(wildcards) or "new"}


FIGURES = all_figures()
