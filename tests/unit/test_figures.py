"""The figure scripts: every figure from small inputs, twice, and the cases at the edges."""

import importlib
import inspect
import json
import re
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import figure_inputs as inputs
import numpy as np
import pandas as pd
import pytest
import study_tables
from matplotlib.figure import Figure
from scored_runs import BEHAVIORS as SCORED
from scored_runs import TRAININGS, clean, write_inputs, write_run, write_trainings

from deg_core.errors import StateError
from deg_core.stages import compare_runs, criterion, summarize, summarize_raters, train_flow

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))
NAMES = [path.stem for path in sorted(SCRIPTS.glob("figure_*.py"))]
marks = importlib.import_module("marks")
style = importlib.import_module("style")
tables = importlib.import_module("tables")
MODULES = {name: importlib.import_module(name) for name in NAMES}
BEHAVIORS = ["walk", "rear"]
ODD = ["_rest", "cost $5 & <more>", "毛づくろい（顔）", "NA", "1"]
MANY = [f"sniffs the {i}th part of the other animal's tail" for i in range(40)]
STUDY = study_tables.Study(presets=("fast", "lite"), sizes=(2,), raters=("anna", "ben"))
WRITERS = {
    "figure_confusion": lambda f: {
        "confusion": inputs.write_confusion(
            f / "confusion.csv", counts=dict.fromkeys([*BEHAVIORS, "background"], (60, 20, 5, 15))
        ),
        **inputs.RUN,
    },
    "figure_ethogram": lambda f: {
        **inputs.write_video(f, behaviors=BEHAVIORS), "video": "m1", "run": "fast/0/all",
        "part": "test",
    },
    "figure_flow": lambda f: {"examples": inputs.write_examples(f / "x.npz"), "preset": "fast"},
    "figure_learning_curves": lambda f: {
        "history": inputs.write_history(f / "history.csv", epochs=5), **inputs.RUN
    },
    "figure_thresholds": lambda f: {
        "curves": inputs.write_curves(f / "curves.csv", behaviors=BEHAVIORS),
        "metrics": inputs.write_metrics(f / "metrics.csv", behaviors=BEHAVIORS),
        **inputs.RUN,
    },
}  # fmt: skip


def of_study(name, folder):
    """Write the tables of a study that a figure is drawn from; return its arguments."""
    given = {"preset": "fast", "behaviors": list(STUDY.behaviors)}
    wanted = [key for key in inspect.signature(figure_of(name)).parameters if key != "out"]
    paths = study_tables.write_study(folder, STUDY, [key for key in wanted if key not in given])
    return {key: (given | paths)[key] for key in wanted}


def figure_of(name):
    """Return the function of a script that draws its figure."""
    return getattr(MODULES[name], name)


def arguments_of(name, folder):
    """Write what a figure is drawn from; return the arguments."""
    return WRITERS[name](folder) if name in WRITERS else of_study(name, folder)


def draw(name, folder, **arguments):
    """Draw a figure; return its file."""
    out = folder / f"{name}.svg"
    figure_of(name)(out=out, **arguments)
    return out


def words(path):
    """Return the texts of a figure, which must be well-formed."""
    texts = ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(text.itertext()) for text in texts]


# --- all figures


@pytest.mark.parametrize("name", NAMES)
def test_every_script_has_its_rule_and_caption(name):
    files = sorted((SCRIPTS.parent / "rules").glob("figures_*.smk"))
    rules = "\n\n\n".join(path.read_text() for path in files)
    rule = rules.partition(f"\nrule {name}:\n")[2].partition("\n\n\n")[0]
    assert "style=STYLE," in rule  # an edited style redraws
    if name != "figure_ethogram":  # nothing but the summary is needed
        assert set(re.findall(r"results/(?!figures)\w+", rule)) == {"results/summary"}
    assert f'"../scripts/{name}.py"' in rule
    assert f'caption="../report/{name}.rst"' in rule
    caption = (SCRIPTS.parent / "report" / f"{name}.rst").read_text()
    assert "split" in caption  # over how many, and what the error bar is
    assert "error bar" in caption


@pytest.mark.parametrize("name", NAMES)
def test_redrawing_gives_the_same_bytes(name, tmp_path):
    arguments = arguments_of(name, tmp_path)
    first = draw(name, tmp_path, **arguments).read_bytes()
    assert draw(name, tmp_path, **arguments).read_bytes() == first
    assert b"<svg" in first
    assert b"Matplotlib v" not in first  # would change the bytes with every upgrade
    assert b"<dc:date>" not in first


@pytest.mark.parametrize("name", NAMES)
def test_own_matplotlib_settings_change_nothing(name, tmp_path):
    import matplotlib as mpl

    arguments = arguments_of(name, tmp_path)
    first = draw(name, tmp_path, **arguments).read_bytes()
    own = {"font.size": 20, "axes.facecolor": "black", "svg.fonttype": "path", "figure.dpi": 33}
    with mpl.rc_context(own):
        assert draw(name, tmp_path, **arguments).read_bytes() == first
        assert mpl.rcParams["font.size"] == 20


@pytest.mark.parametrize("name", NAMES)
def test_snakemake_call(name, tmp_path, monkeypatch):
    """Under Snakemake, a script draws what its function draws, and leaves an empty log."""
    arguments = arguments_of(name, tmp_path)
    expected = draw(name, tmp_path, **arguments).read_bytes()
    behaviors = json.dumps(arguments.get("behaviors"), ensure_ascii=False)
    run = {**inputs.RUN, "video": "m1"} if name == "figure_ethogram" else arguments
    given = {key: str(path) for key, path in arguments.items() if isinstance(path, Path)}
    if "labels" in given:
        given["labels"] = [given["labels"]]  # from an input function
    job = SimpleNamespace(
        rule=name, threads=1, input=Inputs(given | {"style": ["style.py"]}),
        output=[str(tmp_path / "again.svg")], log=[str(tmp_path / "log")],
        wildcards=Inputs({k: v for k, v in run.items() if isinstance(v, str)}),
        params=Inputs(part="test", version=1, behaviors=behaviors),
    )  # fmt: skip
    monkeypatch.chdir(tmp_path)  # no project: nothing is recorded
    runpy.run_path(str(SCRIPTS / f"{name}.py"), {"snakemake": job}, run_name="__main__")
    assert (tmp_path / "again.svg").read_bytes() == expected
    assert (tmp_path / "log").read_text() == ""


class Inputs(dict):
    """Named files, by key and by attribute, as Snakemake passes them."""

    __getattr__ = dict.__getitem__


def test_failure_is_logged(tmp_path):
    before = sys.stderr
    with pytest.raises(ValueError, match="bad"), style.logged(str(tmp_path / "log")):
        raise ValueError("bad")
    assert "ValueError: bad" in (tmp_path / "log").read_text()
    assert sys.stderr is before


def test_figures_of_what_the_stages_write(tmp_path):
    """The tables of the stages, and the files above them, are what the figures read."""
    write_run(tmp_path)
    write_inputs(tmp_path)
    summary, runs = tmp_path / "summary", ["fast/0/all"]
    write_trainings(tmp_path, *runs)
    summarize.run(
        runs=runs, tested=runs, trainings=TRAININGS, results=tmp_path,
        benchmarks=tmp_path / "none", out=summary,
    )  # fmt: skip
    compare_runs.run(
        metrics=summary / "metrics.csv", behaviors=list(SCORED), out=summary / "tests.csv"
    )
    summarize_raters.run(runs=[], raters=tmp_path, out=summary / "raters.csv")
    clean(tmp_path, "m3")
    run = {**inputs.RUN, "behaviors": list(SCORED)}
    for name in NAMES:
        wanted = [key for key in inspect.signature(figure_of(name)).parameters if key != "out"]
        paths = {key: summary / f"{key}.csv" for key in wanted if key not in run}
        if name != "figure_flow" and all(path.exists() for path in paths.values()):
            drawn = draw(name, tmp_path, **paths, **{key: run[key] for key in wanted if key in run})
            if "behaviors" in wanted and name != "figure_raters":  # one person labeled
                assert set(SCORED) <= set(words(drawn)), name
    ethogram = draw(
        "figure_ethogram", tmp_path, video="m3", run="fast/0/all",
        predictions=tmp_path / "predictions/fast/0/all/m3.h5",
        ethogram=tmp_path / "ethograms/fast/0/all/m3.csv",
        postprocessing=tmp_path / "thresholds/fast/0/all.postprocess.json",
        labels=tmp_path / "labels/m3.csv",
    )  # fmt: skip
    # 10 of 120 frames are unknown.
    assert any("92% labeled" in text for text in words(ethogram))


# --- style


def test_colors_are_distinct_in_hue_and_neighbors_in_grey():
    colors = [style.color_of(k) for k in range(24)]
    assert len(set(colors)) == 24
    assert style.color_of(24) == colors[0]
    rgb = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colors[:8]]) / 255
    grey = rgb @ (0.299, 0.587, 0.114)
    assert np.abs(np.diff(grey)).min() > 0.12
    assert grey.max() < 0.75  # none vanishes on white paper


@pytest.mark.parametrize(
    ("name", "cut"),
    [
        ("groom", "groom"),
        ("a  b\nc", "a b c"),
        ("abcdefghijkl", "abcdef…jkl"),  # 10 places: 6, the dots, and 9 // 3 = 3 from the end
        ("毛毛毛毛毛毛", "毛毛毛…毛"),  # two places each: 3 * 2 + 1 + 2 = 9
    ],
)
def test_short(name, cut):
    assert style.short(name, 10) == cut


def test_wrap():
    assert style.wrap("sniff the tail", 10) == "sniff the\ntail"
    lines = style.wrap(MANY[7], 10, lines=2).split("\n")
    assert len(lines) == 2
    assert max(map(len, lines)) <= 10
    assert style.wrap("", 10) == ""


def test_number():
    assert [style.number(x) for x in (0.125, 1, None, np.nan)] == ["0.12", "1.00", "–", "–"]


def test_read_summary_keeps_names_that_look_like_something_else(tmp_path):
    names = ["NA", "1", "nan", "1e5"]
    path = inputs.write_metrics(tmp_path / "m.csv", behaviors=names, value=np.nan)
    table = tables.read_summary(path, metric="f1", model="sequence")
    assert table["behavior"].tolist() == [*names, "background"]
    assert table["split"].tolist() == ["0"] * 5
    assert table["value"].isna().all()
    assert table["chance"].tolist() == [0.25] * 5


def test_saved_outlines_are_short(tmp_path):
    with style.drawing():
        figure = Figure(figsize=(1, 1))
        axes = figure.add_axes((0, 0, 1, 1))
        style.bars(axes, [[0, 1 / 3], [0.5, 0.75]], bottom=0.25, height=0.5)
        style.save(figure, tmp_path / "x.svg")
    # One inch is 72 points: 1/3 is 24, 0.5 is 36, 0.75 is 54; y counts from the top.
    outlines = re.findall(r' d="([^"]*)"', (tmp_path / "x.svg").read_text())
    assert "M0 54V18H24V18z".replace("V18z", "V54z") in outlines[2]
    assert "M36 54V18H54V54z" in outlines[2]
    assert not re.search(r"\.\d{3}", "".join(outlines))


# --- ethogram


def ethogram(folder, arguments, **changes):
    return draw("figure_ethogram", folder, **({"video": "m1", "run": "r"} | arguments | changes))


def test_ethogram_scores(tmp_path):
    labels = np.zeros((300, 1), int)
    labels[:10] = 1  # the model has 0-20, 100-120 and 200-220: 10 hits, 50 false alarms
    labels[150:] = -1  # leaves 0-20 and 100-120: 2 * 10 / (10 + 40) = 0.40
    paths = inputs.write_video(tmp_path, behaviors=["walk"], labels=labels)
    texts = words(ethogram(tmp_path, paths, part="val"))
    assert {"walk", "m1 (val)", "human", "model", "probability", "F1 0.40", "> 0.50"} <= set(texts)
    assert "run r, 50% labeled, macro F1 0.40 over 1 of 1 behaviors" in texts


def dashed(folder, **changes):
    """Return the heights, probabilities, of the dashed lines of one behavior."""
    module = MODULES["figure_ethogram"]
    paths = inputs.write_video(folder, behaviors=["walk"], **changes)
    (used,) = module._chosen(paths["postprocessing"], ["walk"])
    nothing = np.zeros(300, np.float32)
    row = module.Row("walk", "#000000", None, nothing > 0, nothing, used)
    axes = Figure().subplots()
    clock = module.Clock.of(300, fps=25.0, n_behaviors=1)
    module._draw_probability(axes, row, 0.0, clock)
    lines = [line for line in axes.lines if line.get_linestyle() == "--"]
    return [1 - line.get_ydata()[0] / 2 for line in lines]


def test_ethogram_shows_the_thresholds_in_use(tmp_path):
    assert dashed(tmp_path) == [0.5]
    assert dashed(tmp_path, low=0.2) == pytest.approx([0.5, 0.2])
    texts = words(ethogram(tmp_path, inputs.write_video(tmp_path, behaviors=["walk"], low=0.45)))
    assert {"> 0.50", "> 0.45"} <= set(texts)
    texts = words(ethogram(tmp_path, inputs.write_video(tmp_path, behaviors=["walk"], low=0.5)))
    assert texts.count("> 0.50") == 1  # both are one


def test_ethogram_of_damaged_thresholds(tmp_path):
    paths = inputs.write_video(tmp_path, behaviors=["walk"])
    paths["postprocessing"].write_text('{"sequence": {"walk": {"threshold": 0.5}}}')
    with pytest.raises(StateError, match=r"postprocess\.json"):
        ethogram(tmp_path, paths)


def test_ethogram_without_labels(tmp_path):
    paths = inputs.write_video(tmp_path, behaviors=BEHAVIORS)
    texts = words(ethogram(tmp_path, paths, labels=None))
    assert "human" not in texts
    assert not any("F1" in text for text in texts)
    assert {"m1", "run r, no labels", "model"} <= set(texts)


def test_ethogram_of_unknown_labels_only(tmp_path):
    unknown = np.full((300, 2), -1)
    paths = inputs.write_video(tmp_path, behaviors=BEHAVIORS, labels=unknown)
    path = ethogram(tmp_path, paths)
    assert words(path).count("F1 –") == 2
    assert "run r, 0% labeled, macro F1 – over 0 of 2 behaviors" in words(path)
    assert "<pattern" in path.read_text()  # the hatching


def test_ethogram_without_bouts(tmp_path):
    paths = inputs.write_video(tmp_path, behaviors=BEHAVIORS, bouts=False)
    assert words(ethogram(tmp_path, paths)).count("F1 –") == 2


def test_ethogram_of_one_frame(tmp_path):
    assert "walk" in words(
        ethogram(tmp_path, inputs.write_video(tmp_path, behaviors=["walk"], n_frames=1))
    )


def test_ethogram_of_odd_names(tmp_path):
    texts = words(ethogram(tmp_path, inputs.write_video(tmp_path, behaviors=ODD)))
    assert set(ODD) <= set(texts)


def test_ethogram_of_labels_in_another_order(tmp_path):
    """Columns are matched by name."""
    paths = inputs.write_video(tmp_path, behaviors=BEHAVIORS)
    table = pd.read_csv(paths["labels"])
    table[["frame", "rear", "walk"]].to_csv(paths["labels"], index=False)
    assert words(ethogram(tmp_path, paths)).count("F1 1.00") == 2


@pytest.mark.parametrize("behaviors", [BEHAVIORS, MANY], ids=["2", "40"])
def test_ethogram_of_ten_minutes_is_small(behaviors, tmp_path):
    paths = inputs.write_video(tmp_path, behaviors=behaviors, n_frames=18_000, fps=30.0)
    path = ethogram(tmp_path, paths)
    assert path.stat().st_size < 500_000
    assert "time (s)" in words(path)
    assert "600" in words(path)  # the last tick


def test_ethogram_clock():
    clock = MODULES["figure_ethogram"].Clock.of(4, fps=2.0, n_behaviors=1)
    assert clock.edges.tolist() == [0, 1, 2, 3, 4]
    assert clock.unit == "s"
    # Frames 1 and 2 last from 0.5 s to 1.5 s.
    assert clock.spans(np.array([False, True, True, False])).tolist() == [[0.5, 1.5]]


def test_ethogram_clock_keeps_short_bouts_of_long_videos():
    n = 10 * 3600 * 30
    clock = MODULES["figure_ethogram"].Clock.of(n, fps=30.0, n_behaviors=40)
    assert len(clock.edges) == 301  # 12,000 columns / 40 behaviors
    assert clock.unit == "min"
    present = np.zeros(n, bool)
    present[n // 2 + 5] = True
    # One frame fills its column of 600 / 300 = 2 minutes.
    assert clock.spans(present).tolist() == [[300.0, 302.0]]


# --- learning curves


def learning_curves(folder, **changes):
    path = inputs.write_history(folder / "history.csv", **changes)
    return words(draw("figure_learning_curves", folder, history=path, **inputs.RUN))


def test_best_epochs(tmp_path):
    texts = learning_curves(tmp_path, epochs=5)
    # The flow's loss falls to the last epoch; the scores are highest one before.
    assert texts.count("epoch (best: 5)") == 1
    assert texts.count("epoch (best: 4)") == 2


def test_best_epoch_is_the_one_that_the_stages_keep():
    metric, direction = criterion.chosen_by([np.ones((1, 1))])  # where any behavior occurs
    flow = train_flow.FlowTask
    assert {
        "flow": (f"val_{flow.metric}", flow.direction),
        "features": (f"val_{metric}", direction),
        "sequence": (f"val_{metric}", direction),
    } == MODULES["figure_learning_curves"].CHOSEN_BY


def test_of_a_curriculum_the_last_phase_chooses(tmp_path):
    path = inputs.write_history(tmp_path / "history.csv", epochs=5)
    table = pd.read_csv(path, dtype={"split": str, "n_train": str})
    table["phase"] = np.where(table["stage"] != "features", None, "both")
    table.loc[(table["stage"] == "features") & (table["epoch"] <= 4), "phase"] = "flow"
    table.to_csv(path, index=False)
    texts = words(draw("figure_learning_curves", tmp_path, history=path, **inputs.RUN))
    assert texts.count("epoch (best: 5)") == 2  # of the flow, and of the last phase
    assert texts.count("epoch (best: 4)") == 1


def test_learning_curves_of_one_epoch(tmp_path):
    assert learning_curves(tmp_path, epochs=1).count("epoch (best: 1)") == 3


def test_learning_curves_of_a_motion_network_without_weights(tmp_path):
    texts = learning_curves(tmp_path, epochs=3, trained_flow=False)
    assert texts.count("nothing was trained here") == 2
    assert texts.count("epoch (best: 2)") == 2


# --- thresholds


def thresholds(folder, *, behaviors=BEHAVIORS, tested=True, **changes):
    tested_runs = [inputs.RUN] if tested else []
    arguments = {
        "curves": inputs.write_curves(folder / "c.csv", behaviors=behaviors, **changes),
        "metrics": inputs.write_metrics(folder / "m.csv", behaviors=behaviors, runs=tested_runs),
    }
    return words(draw("figure_thresholds", folder, **arguments, **inputs.RUN))


def test_thresholds(tmp_path):
    texts = thresholds(tmp_path)
    assert {"walk", "rear", "F1", "precision", "recall"} <= set(texts)
    assert texts.count("0.40") == 2
    assert texts.count("AP 0.75, chance 0.25") == 2


def test_thresholds_of_a_final_run(tmp_path):
    texts = thresholds(tmp_path, tested=False, parts=("validation", "chosen"))
    assert texts.count("no test part") == 2
    assert texts.count("0.40") == 2


def test_thresholds_where_nothing_is_defined(tmp_path):
    texts = thresholds(tmp_path, undefined=True)
    assert texts.count("not in the validation labels") == 2
    assert texts.count("not in the test labels") == 2


@pytest.mark.parametrize("behaviors", [["walk"], ODD, MANY], ids=["one", "odd", "many"])
def test_thresholds_of_many_behaviors(behaviors, tmp_path):
    assert thresholds(tmp_path, behaviors=behaviors).count("0.40") == len(behaviors)


# --- confusion


def confusion(folder, counts):
    path = inputs.write_confusion(folder / "confusion.csv", counts=counts)
    return words(draw("figure_confusion", folder, confusion=path, **inputs.RUN))


def test_confusion_shares_are_of_rows(tmp_path):
    texts = confusion(tmp_path, {"walk": (6000, 2000, 5, 15)})
    # 6000 / 8000, 2000 / 8000, 5 / 20, 15 / 20
    assert texts.count("75%") == 2
    assert texts.count("25%") == 2
    assert {"6,000", "2,000", "5", "15", "walk", "human", "model"} <= set(texts)


def test_confusion_without_a_labeled_frame(tmp_path):
    texts = confusion(tmp_path, {"walk": (80, 20, 0, 0)})
    assert texts.count("–") == 2
    assert {"80%", "20%"} <= set(texts)


@pytest.mark.parametrize("behaviors", [ODD, MANY], ids=["odd", "many"])
def test_confusion_of_many_behaviors(behaviors, tmp_path):
    counts = dict.fromkeys([*behaviors, "background"], (1, 2, 3, 4))
    assert confusion(tmp_path, counts).count("present") >= 2 * len(behaviors)


# --- flow


@pytest.mark.parametrize("kind", ["flow", "difference"])
@pytest.mark.parametrize("moving", [True, False])
@pytest.mark.parametrize("n", [1, 4, 9])
def test_flow(kind, moving, n, tmp_path):
    path = inputs.write_examples(tmp_path / "x.npz", kind=kind, moving=moving, n=n)
    out = draw("figure_flow", tmp_path, examples=path, preset="mine")
    assert {"Motion seen by preset mine", "frame t", "frame t + 1", kind} <= set(words(out))
    columns = 5 if kind == "flow" else 3
    assert out.read_text().count("<image") == min(n, 4) * columns + 1  # and the key


def test_flow_pictures_are_small(tmp_path):
    path = inputs.write_examples(tmp_path / "x.npz", size=(480, 640))
    module = MODULES["figure_flow"]
    assert module._smaller(np.zeros((480, 640, 3), np.uint8)).shape == (120, 160, 3)
    assert module._smaller(np.full((5, 7, 3), 255, np.uint8)).max() == 1.0
    assert draw("figure_flow", tmp_path, examples=path, preset="x").stat().st_size < 500_000


def test_flow_colors():
    wheel = MODULES["figure_flow"]._wheel
    right, nowhere = np.array([[1.0]]), np.array([[0.0]])
    assert wheel(right, nowhere)[0, 0].tolist() == [1, 0, 0]  # to the right: red
    assert wheel(nowhere, nowhere)[0, 0].tolist() == [1, 1, 1]  # still: white
    assert wheel(-right, nowhere)[0, 0] == pytest.approx([0, 1, 1])  # to the left: cyan


def test_flow_of_a_network_that_sees_nothing_is_pale():
    colors, (kind, full) = MODULES["figure_flow"]._motion(np.full((1, 2, 4, 4), 0.01))
    assert (kind, full) == ("flow", 0.25)
    assert colors.min() > 0.94  # length 0.014 of 0.25


def test_flow_error_compares_pixel_centers():
    module = MODULES["figure_flow"]
    row = np.arange(4.0).reshape(1, 1, 4, 1)
    # Half the size: centers at 0.5 and 2.5.
    assert module._resized(row, 2, axis=2).ravel().tolist() == [0.5, 2.5]
    frames = np.repeat(np.arange(0, 80, 20, dtype=np.uint8).reshape(1, 1, 4, 1), 3, axis=-1)
    rebuilt = np.full((1, 1, 2, 3), 10, np.uint8)
    # Frame halved: 10 and 50; errors 0 and 40, the largest of which is black.
    assert module._error(frames, rebuilt)[0, 0, :, 0] == pytest.approx([1, 0], abs=2e-3)


def test_splits_of_a_table_are_counted_by_preset():
    def said(*rows):
        return marks.splits_of(pd.DataFrame(rows, columns=["preset", "split"]))

    assert said(("fast", 0), ("fast", 0), ("lite", 0)) == "1 split"
    assert said(("fast", 0), ("fast", 1), ("lite", 0), ("lite", 1)) == "2 splits"
    assert said(("fast", 0), ("lite", 0), ("lite", 1), ("lite", 2)) == "1 to 3 splits"
    assert said() == "0 splits"
