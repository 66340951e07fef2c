"""The case of the figures: the data that each draws, in place of its bytes.

The bytes of an SVG also depend on matplotlib's version, which no user's results do.
"""

import importlib
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import figure_inputs
import numpy as np
import study_tables

BEHAVIORS = ["bright", "move"]
SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"


@contextmanager
def drawn() -> Iterator[list]:
    """Collect the figures that are saved, in place of writing them."""
    sys.path.insert(0, str(SCRIPTS))
    style = importlib.import_module("style")
    save, figures = style.save, []
    style.save = lambda figure, out: figures.append(figure)
    try:
        yield figures
    finally:
        style.save = save
        sys.path.remove(str(SCRIPTS))


def case_figures(folder: Path) -> dict[str, Any]:
    """Digest what each figure draws: the data of its artists, and its texts."""
    behaviors, run = BEHAVIORS, figure_inputs.RUN
    counts = dict.fromkeys([*behaviors, "background"], (60, 20, 5, 15))
    metrics = figure_inputs.write_metrics(folder / "metrics.csv", behaviors=behaviors)
    video = figure_inputs.write_video(folder, behaviors=behaviors)
    arguments = {
        "figure_confusion": run
        | {"confusion": figure_inputs.write_confusion(folder / "c.csv", counts=counts)},
        "figure_ethogram": video | {"video": "m1", "run": "fast/0/all", "part": "test"},
        "figure_flow": {
            "examples": figure_inputs.write_examples(folder / "x.npz"), "preset": "fast"
        },
        "figure_learning_curves": run
        | {"history": figure_inputs.write_history(folder / "h.csv", epochs=5)},
        "figure_thresholds": run | {
            "curves": figure_inputs.write_curves(folder / "u.csv", behaviors=behaviors),
            "metrics": metrics,
        },
    }  # fmt: skip
    names = sorted(path.stem for path in SCRIPTS.glob("figure_*.py"))
    found = {}
    with drawn() as figures:
        arguments |= {name: of_study(name, folder) for name in names if name not in arguments}
        assert sorted(arguments) == names
        for name, chosen in arguments.items():
            draw = getattr(importlib.import_module(name), name)
            draw(out=folder / "unused.svg", **chosen)
            found[name] = figure_digest(figures.pop())
    return found


def of_study(name: str, folder: Path) -> dict[str, Any]:
    """Write the tables of an invented study that a figure is drawn from; return its arguments."""
    study = study_tables.Study(sizes=(2,), raters=("anna", "ben"))
    given = {"preset": "fast", "behaviors": list(study.behaviors)}
    wanted = inspect.signature(getattr(importlib.import_module(name), name)).parameters
    tables = [key for key in wanted if key not in {*given, "out"}]
    paths = study_tables.write_study(folder / "study", study, tables)
    return {key: (given | paths)[key] for key in wanted if key != "out"}


def figure_digest(figure: Any) -> dict[str, Any]:
    words = [text.get_text() for text in figure.texts]
    kinds: dict[str, list[np.ndarray]] = {"lines": [], "patches": [], "images": [], "points": []}
    for axes in figure.axes:
        artists = [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts]
        words += [text.get_text() for text in artists]
        kinds["lines"] += [np.asarray(line.get_xydata(), float) for line in axes.lines]
        kinds["patches"] += [patch.get_path().vertices for patch in axes.patches]
        kinds["images"] += [np.asarray(image.get_array(), float) for image in axes.images]
        kinds["points"] += [np.asarray(c.get_offsets(), float) for c in axes.collections]
    return {
        "axes": len(figure.axes),
        "texts": [word for word in words if word],
        **{kind: [len(arrays), total(arrays)] for kind, arrays in kinds.items()},
    }


def total(arrays: list[np.ndarray]) -> float:
    """Sum up the arrays, each number weighted by its place, so that order counts, too."""
    flat = np.concatenate([np.asarray(a, float).ravel() for a in arrays] or [np.zeros(0)])
    return float(np.nansum(flat * (1 + np.arange(len(flat)) % 7)))
