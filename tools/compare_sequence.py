"""Compare sequence models on the same features: test scores and seconds, over several seeds.

    python tools/compare_sequence.py PROJECT PRESET/SPLIT/SIZE [--networks ...] [--seeds 3]

The run's features, labels, division of the videos, thresholds and postprocessing are those of the
project; only the sequence model differs. Prints a table; writes all figures as JSON, see --out.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deg_core.config import load_config
from deg_core.data.publish import publish_json, read_json
from deg_core.presets import resolve
from deg_core.registry import SEQUENCE_NETWORKS
from deg_core.settings import (
    EvaluateSettings,
    PostprocessSettings,
    SequenceSettings,
    ThresholdSettings,
    from_dict,
)
from deg_core.stages import (
    choose_postprocessing,
    evaluate,
    postprocess,
    predict,
    train_sequence,
    tune_thresholds,
)

ALONE = "features alone"
TABLES = ("bouts", "edges", "statistics", "transitions", "examples")  # of evaluate
SCORES = ("f1_macro", "bout_f1_50")


@dataclass(frozen=True)
class Run:
    """A finished run of a project, and what its config says."""

    results: Path
    name: str
    config: dict[str, Any]
    train: list[str]
    val: list[str]
    test: list[str]
    threads: int

    def section(self, cls: type, name: str) -> Any:
        """Read the settings of one section."""
        preset = self.name.split("/")[0]
        return from_dict(cls, resolve(self.config, name, preset))


def open_run(project: Path, name: str, threads: int) -> Run:
    """Read which videos a run trained on and was tested on."""
    results = project / "results"
    record = read_json(results / "models/sequence" / f"{name}.run.json")
    tested = read_json(results / "metrics" / f"{name}.json")
    return Run(
        results, name, load_config(project / "config.yaml"), record["train_videos"],
        record["val_videos"], tested["run"]["videos"], threads,
    )  # fmt: skip


def score(run: Run, settings: SequenceSettings, folder: Path) -> dict[str, Any]:
    """Train one sequence model and take it to the test scores; nothing in the project changes."""
    features, labels = run.results / "features" / run.name, run.results / "labels"
    record, model = folder / "record.json", folder / "model.pt"
    train_sequence.run(
        train_videos=run.train, val_videos=run.val, features=features, labels=labels,
        settings=settings, groups=json.dumps(run.config.get("exclusive_groups", [])),
        state=folder / "state", threads=run.threads, model=model, history=folder / "history.csv",
        record=record,
    )  # fmt: skip
    trained = read_json(record)
    videos, started = [*run.val, *run.test], time.monotonic()
    for video in videos:
        predict.run(
            features=features / f"{video}.h5", model=model, out=folder / f"{video}.h5",
            threads=run.threads,
        )  # fmt: skip
    predicting = time.monotonic() - started
    thresholds, lengths = folder / "thresholds.json", f"thresholds/{run.name}.lengths.json"
    tune_thresholds.run(
        videos=run.val, predictions=folder, labels=labels, out=thresholds,
        settings=run.section(ThresholdSettings, "thresholds"),
    )  # fmt: skip
    chosen = folder / "postprocess.json"
    choose_postprocessing.run(
        videos=run.val, predictions=folder, labels=labels, thresholds=thresholds,
        lengths=run.results / lengths, settings=run.section(PostprocessSettings, "postprocess"),
        tuning=run.section(ThresholdSettings, "thresholds"), out=chosen,
    )  # fmt: skip
    for video in run.test:
        postprocess.run(
            predictions=folder / f"{video}.h5", postprocessing=chosen,
            ethogram=folder / f"{video}.csv", bouts=folder / f"{video}.bouts.csv",
        )  # fmt: skip
    evaluate.run(
        videos=run.test, predictions=folder, ethograms=folder, labels=labels,
        postprocessing=chosen, out=folder / "metrics.json",
        settings=run.section(EvaluateSettings, "evaluate"),
        **{name: folder / f"{name}.csv" for name in TABLES},
    )  # fmt: skip
    found = read_json(folder / "metrics.json")
    return {
        "val_f1": trained["best"], "parameters": trained["parameters"],
        "seconds": trained["seconds"], "predict_seconds": round(predicting, 1),
        **{name: found["sequence"]["overall"][name]["value"] for name in SCORES},
        ALONE: {name: found["feature_extractor"]["overall"][name]["value"] for name in SCORES},
    }  # fmt: skip


def table(results: dict[str, list[dict[str, Any]]]) -> str:
    """Write mean and range over the seeds, best validation first."""
    lines = [
        "| sequence model | test macro F1 | bout F1 at IoU 0.5 | validation F1 | parameters | "
        "training, s | prediction, s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    order = sorted(results, key=lambda n: -statistics.mean(r["val_f1"] for r in results[n]))
    for name in order:
        rows = results[name]
        cells = [spread([r[key] for r in rows]) for key in (*SCORES, "val_f1")]
        seconds = [
            f"{statistics.median(r[key] for r in rows):.0f}"
            for key in ("seconds", "predict_seconds")
        ]
        lines.append(f"| {name} | {' | '.join([*cells, str(rows[0]['parameters']), *seconds])} |")
    alone = next(iter(results.values()))[0][ALONE]
    cells = [f"{alone[name]:.3f}" for name in SCORES]
    return "\n".join([*lines, f"| {ALONE} | {' | '.join(cells)} | | | | |"])


def spread(values: Sequence[float]) -> str:
    """Write a mean with its range."""
    return f"{statistics.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def main() -> None:
    """Read the command line, train, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("project", type=Path)
    parser.add_argument("run", help="for example lite/0/all")
    parser.add_argument("--networks", nargs="+", default=list(SEQUENCE_NETWORKS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("sequence_models.json"))
    chosen = parser.parse_args()
    run = open_run(chosen.project, chosen.run, chosen.threads)
    settings = run.section(SequenceSettings, "sequence")
    results: dict[str, list[dict[str, Any]]] = {}
    for network in chosen.networks:
        for seed in range(chosen.seeds):
            with tempfile.TemporaryDirectory() as folder:
                found = score(run, replace(settings, network=network, seed=seed), Path(folder))
            results.setdefault(network, []).append(found)
            print(network, seed, found, flush=True)
    publish_json(chosen.out, results)
    print("\n" + table(results))


if __name__ == "__main__":
    main()
