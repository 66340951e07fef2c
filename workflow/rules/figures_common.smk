"""Which figures there are, and the functions that tell their rules inputs and labels; no rule."""

MANY_FIGURES = 100  # videos, above which `figures.ethograms: auto` draws those of the test only
ETHOGRAMS = resolve(SETTINGS, "figures")["ethograms"]
if ETHOGRAMS == "auto":
    ETHOGRAMS = "all" if len(VIDEOS) <= MANY_FIGURES else "test"
SCRIPTS = ["style", "tables", "marks"]
STYLE = [str(Path(workflow.basedir, "workflow", "scripts", f"{name}.py")) for name in SCRIPTS]
BEHAVIORS = to_json(SETTINGS["behaviors"])

# Runs whose scores figures of a preset show: all training videos, and test videos.
SHOWN_RUNS = [run for run in FULL_RUNS if run in TESTED_RUNS]
SHOWN_PRESETS = list(dict.fromkeys(run.preset for run in SHOWN_RUNS))
OF_A_PRESET = ["behaviors", "examples", "bouts", "edges", "transitions", "calibration"]


def study_figures():
    """List the figures of the study, all of them drawn from the summary, in a reader's order."""
    single = {
        "data": LABELED,
        "performance": TESTED_RUNS,
        "comparison": len(SHOWN_PRESETS) > 1,
        "sequence_gain": any(run in LOOKING_RUNS for run in SHOWN_RUNS),
        "training_size": TESTED_RUNS != SHOWN_RUNS,
        "advice": TESTED_RUNS != SHOWN_RUNS,
        "models": RUNS,
    }
    some = {"raters": has_raters(), "postprocessing": has_choice()}
    kinds = [*OF_A_PRESET, *(kind for kind, shown in some.items() if shown)]
    files = {
        "{name}": {"name": [name for name, shown in single.items() if shown]},
        "{kind}/{preset}": {"kind": kinds, "preset": SHOWN_PRESETS},
        "flow/{preset}": {"preset": LOOKING_PRESETS},
    }
    made = [expand(f"results/figures/{file}.svg", **values) for file, values in files.items()]
    return sum(made, figures_of(FULL_RUNS))


def figures_of(runs):
    """List the figures of single runs that are drawn from the summary."""
    drawn = {"confusion": TESTED_RUNS, "thresholds": RUNS, "learning_curves": TRAINED_RUNS}
    return [
        f"results/figures/{kind}/{run.name}.svg"
        for kind, having in drawn.items()
        for run in runs
        if run in having
    ]


def other_figures():
    """List the figures of the sweep's runs, and the ethograms, which need predictions, too."""
    files = figures_of([run for run in RUNS if run not in FULL_RUNS])
    for run in FULL_RUNS:
        videos = drawn_videos_of(run)
        files += expand("results/figures/ethograms/{run}/{video}.svg", run=run.name, video=videos)
    return files


def has_raters():
    """Tell whether any test video was labeled by several people."""
    videos = dict.fromkeys(video for run in SHOWN_RUNS for video in PLAN[run].test)
    return any(len(BRIEFS[video].people) > 1 for video in videos)


def has_choice():
    """Tell whether the postprocessing of any behavior is chosen on validation."""
    settings = resolve(SETTINGS, "postprocess")
    own = [one.get("method") for one in settings["per_behavior"]]
    return "auto" in [settings["method"], *own]


def drawn_videos_of(run):
    """List the videos of which a full run's ethogram is drawn; see `figures.ethograms`."""
    if ETHOGRAMS == "none":
        return []
    return videos_of(run, "test" if ETHOGRAMS == "test" else "predicted")


@quick
def frame_labels_of(wildcards):
    """Input function: a video's imported labels; no file where the video has none."""
    return [f"results/labels/{wildcards.video}.csv"] if wildcards.video in BRIEFS else []


@quick
def about_ethogram(wildcards):
    """Labels of an ethogram in the report."""
    return {"video": wildcards.video, "part": used_for(wildcards)}


def about_run(figure):
    """Labels of one run's figure in the report."""
    names = {"preset": "{preset}", "split": "{split}", "training videos": "{n_train}"}
    return {"figure": figure} | names


STUDY_FIGURES = study_figures()
FLOW_EXAMPLES = expand("results/summary/flow/{preset}.npz", preset=LOOKING_PRESETS)
