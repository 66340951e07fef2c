"""What the targets ask for: every file that any stage makes; no rule."""


def products():
    """List every file that any stage makes: the target, see the rules `all` and `figures`."""
    return products_of(RUNS) + (SUMMARY if RUNS else []) + FIGURES


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
            preset=presets,
            part=[".pt", ".history.csv", ".run.json", ".examples.npz"],
        ),
    ]
    for run in runs:
        files += products_of_run(run)
    return files


def products_of_run(run):
    """List every file that the stages make for one run."""
    predicted = videos_of(run, "predicted")
    extracted = dict.fromkeys([*videos_of(run, "train", "val"), *predicted])
    tested = [run.name] if run in TESTED_RUNS else []
    files = {
        "results/models/{stage}/{run}{part}": {
            "stage": ["features", "sequence"],
            "part": [".pt", ".history.csv", ".run.json"],
        },
        "results/features/{run}/{video}.h5": {"video": extracted},
        "results/predictions/{run}/{video}.h5": {"video": predicted},
        "results/thresholds/{run}{part}": {"part": [".json", ".lengths.json"]},
        "results/ethograms/{run}/{video}{part}": {
            "video": predicted,
            "part": [".csv", ".bouts.csv"],
        },
    }
    made = [expand(pattern, run=run.name, **values) for pattern, values in files.items()]
    return sum(made, expand("results/metrics/{run}.json", run=tested))
