"""What the targets ask for: every file that any stage makes; no rule."""

STUDY = expand(
    "results/summary/{table}.csv", table=["raters", "learning", "advice", "tests", "postprocessing"]
)


def products(wildcards):
    """Input function: every file that any stage makes, see the rule `all`."""
    data = ["results/summary/data.csv"] if LABELED else []
    return (
        products_of(RUNS)
        + (SUMMARY + STUDY + REPORT if RUNS else [])
        + data
        + FLOW_EXAMPLES
        + STUDY_FIGURES
        + other_figures()
    )


def products_of_inference(wildcards):
    """Input function: what the stages up to the ethograms make for the runs of new videos."""
    return products_of(INFERRING_RUNS)


def products_of(runs):
    """List every file that the stages up to the ethograms and metrics make for some runs."""
    presets = dict.fromkeys(run.preset for run in runs) or PRESETS
    files = [
        *expand("results/import/{video}.h5", video=VIDEOS),
        *expand("results/labels/{video}.csv", video=LABELED),
        *expand("results/stats/{video}{part}", video=VIDEOS, part=[".json", ".background.png"]),
        "results/stats/rgb.json",
        *expand(
            "results/models/flow/{preset}{part}",
            preset=[preset for preset in presets if preset in LOOKING_PRESETS],
            part=[".pt", ".history.csv", ".run.json", ".examples.npz"],
        ),
        *expand(
            "results/keypoints/{video}.h5",
            video=VIDEOS if any(preset in KEYPOINT_PRESETS for preset in presets) else [],
        ),
    ]
    for run in runs:
        files += products_of_run(run)
    return files


def products_of_run(run):
    """List every file that the stages make for one run."""
    predicted, looking = videos_of(run, "predicted"), run in LOOKING_RUNS
    extracted = dict.fromkeys([*videos_of(run, "train", "val"), *predicted])
    tested, checked = [run.name] if run in TESTED_RUNS else [], run in CHECKED_RUNS
    mapped = [".json"] if run.preset in CLUSTER_PRESETS else []
    files = {
        "results/models/{stage}/{run}{part}": {
            "stage": TRAININGS[SOURCES[run.preset]],
            "part": [".pt", ".history.csv", ".run.json"],
        },
        "results/models/quantized/{run}{part}": {"part": QUANTIZED_PARTS if looking else []},
        "results/models/clusters/{run}{part}": {"part": mapped},
        "results/features/{run}/{video}.h5": {"video": extracted if looking else []},
        "results/predictions/{run}/{video}.h5": {"video": predicted},
        "results/thresholds/{run}{part}": {"part": [".json", ".lengths.json", ".postprocess.json"]},
        "results/ethograms/{run}/{video}{part}": {
            "video": predicted,
            "part": [".csv", ".bouts.csv"],
        },
        "results/quality/{run}.reference{part}": {"part": [".npz", ".json"] if checked else []},
        "results/quality/{run}/{video}.json": {"video": VIDEOS if checked else []},
    }
    made = [expand(pattern, run=run.name, **values) for pattern, values in files.items()]
    tables = [f".{table}.csv" for table in [*DESCRIBED, "examples"]]
    scores = expand("results/metrics/{run}{part}", run=tested, part=[".json", *tables])
    raters = expand("results/raters/{run}.csv", run=tested)
    return sum(made, scores + raters)
