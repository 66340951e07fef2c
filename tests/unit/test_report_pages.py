"""Stages describe and report_pages."""

import json
import re

import pandas as pd
import pytest
import videos

from deg_core.data.publish import publish_csv, publish_json
from deg_core.errors import StateError
from deg_core.settings import ImportSettings
from deg_core.splits import Parts, pack
from deg_core.stages import describe, import_video, report_pages
from deg_core.stages.judge import COLUMNS as VERDICTS
from deg_core.stages.summarize_quality import COLUMNS as QUALITY

RUN = {"preset": "lite", "split": "0", "n_train": "all"}
RUN_NAME = "lite/0/all"
RECORD = {
    "python": "3.11.7", "platform": "Linux", "packages": {"torch": "2.6.0", "deg-core": "0.2"},
    "seed": 3, "device": "cpu", "epochs": 8, "best": 0.123456789, "seconds": None,
}  # fmt: skip
TABLE = "video\tpath\tgroup\tpretrain\nm2\traw/m2.mkv\tcage 1\tno\nm1\traw/m1.mkv\t\tyes\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project's folder, in which we are, with results of one run and two videos."""
    monkeypatch.chdir(tmp_path)
    results = tmp_path / "results"
    for name, n in (("m1", 30), ("m2", 45)):
        raw = videos.write_video(
            tmp_path / f"raw/{name}.mkv", videos.noise(n, 24, 32), codec="ffv1"
        )
        store = results / "import" / f"{name}.h5"
        import_video.run(raw=raw, out=store, settings=ImportSettings(size=(16, 16)))
    (tmp_path / "videos.tsv").write_text(TABLE)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "m1.csv").touch()
    publish_json(results / "models/flow/lite.run.json", RECORD)
    publish_json(results / "models/features/lite/0/all.run.json", RECORD | {"seed": 4})
    newer = {"packages": {"torch": "2.7.1", "deg-core": "0.2"}}
    publish_json(results / "models/sequence/lite/0/all.run.json", RECORD | newer)
    return tmp_path


def described(project, trainings='{"lite": ["features", "sequence"]}'):
    summary = project / "results" / "summary"
    changed = {"behaviors": ["größe"], "features (lite)": {"augment": {"hue": 0.0}, "epochs": 8}}
    describe.run(
        runs=[RUN_NAME], table=project / "videos.tsv", results=project / "results",
        parts=pack({"0": Parts(("m1",), (), ())}), trainings=trainings,
        changed=json.dumps(changed), setup=summary / "setup.csv", videos=summary / "videos.csv",
    )  # fmt: skip
    return [pd.read_csv(summary / f"{n}.csv", keep_default_na=False) for n in ("setup", "videos")]


# --- describe


def test_settings_are_listed_by_their_place(project):
    setup, _ = described(project)
    rows = setup[setup["stage"] == "settings"]
    assert dict(zip(rows["item"], rows["value"], strict=True)) == {
        "behaviors": '["größe"]',
        "features (lite).augment.hue": "0.0",
        "features (lite).epochs": "8",
    }


def test_trainings_are_told_with_versions_and_seed(project):
    setup, _ = described(project)
    assert list(setup.columns) == describe.SETUP
    own = setup[setup["stage"] == "features"]
    facts = dict(zip(own["item"], own["value"], strict=True))
    assert facts == {
        "seed": "4", "device": "cpu", "epochs": "8", "best": "0.1235",
        "version of python": "3.11.7",
        "version of platform": "Linux", "version of torch": "2.6.0", "version of deg-core": "0.2",
    }  # fmt: skip
    flow = setup[setup["stage"] == "flow"].iloc[0]
    assert (flow["preset"], flow["split"]) == ("lite", "")


def test_records_of_trainings_that_a_preset_no_longer_has_are_left_out(project):
    setup, _ = described(project, '{"lite": ["sequence"]}')
    assert set(setup["stage"]) == {"settings", "sequence"}


def test_a_record_that_is_not_there_is_named(project):
    (project / "results/models/flow/lite.run.json").unlink()
    with pytest.raises(StateError, match=r"flow/lite\.run\.json: does not exist"):
        described(project)


def test_videos_are_told_with_duration_and_part(project):
    _, table = described(project)
    assert table["video"].tolist() == ["m2", "m1"]
    m2, m1 = table.to_dict("records")
    assert (m1["n_frames"], m1["fps"], m1["seconds"]) == (30, 30, 1)
    assert (m1["width"], m1["height"], m1["codec"]) == (32, 24, "ffv1")
    assert (m1["group"], m1["pretrain"], m1["labeled"], m1["split_0"]) == (
        "m1",
        "yes",
        "yes",
        "train",
    )
    assert (m2["group"], m2["pretrain"], m2["labeled"], m2["split_0"]) == ("cage 1", "no", "no", "")


# --- pages


def verdict_row(behavior, verdict, **values):
    row = dict.fromkeys(VERDICTS, "") | RUN
    return (
        row
        | {"behavior": behavior, "verdict": verdict, "reason": "Because.", "advice": "Do."}
        | values
    )


def quality_row(video, check="size", reason="", part="new"):
    return RUN | {
        "video": video, "part": part, "check": check, "value": 1.0, "low": 0.9, "high": 1.1,
        "flag": "look" if reason else "ok", "reason": reason,
    }  # fmt: skip


def pages(project, verdicts, quality):
    summary = project / "results" / "summary"
    described(project)
    publish_csv(summary / "verdicts.csv", pd.DataFrame(verdicts, columns=VERDICTS))
    publish_csv(summary / "quality.csv", pd.DataFrame(quality, columns=QUALITY))
    out = {name: project / "results" / "report" / f"{name}.html" for name in PAGES}
    report_pages.run(summary=summary, **out)
    return {name: path.read_text(encoding="utf-8") for name, path in out.items()}


PAGES = ("verdicts", "videos", "setup")


def words_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.split("</head>")[1]))


def test_verdicts_in_words_with_their_reasons(project):
    verdicts = [
        verdict_row("站立 <b>", "usable", f1=0.912, low=0.9, high=0.95, bout_f1_50=0.8, chance=0.1,
                    n_positive_train=1200, n_bouts_test=20),
        verdict_row("rear", "not learnable yet", f1=0.2),
        verdict_row("NA", "not tested"),
    ]  # fmt: skip
    made = pages(project, verdicts, [quality_row("m1"), quality_row("m2", reason="darker: 3")])
    page = made["verdicts"]
    words = words_of(page)
    assert "Run lite/0/all Of 3 behaviors: 1 usable, 1 not learnable yet, 1 not tested." in words
    assert "站立 &lt;b&gt; ✓ usable Because. Do. 0.80 0.91 [0.90, 0.95] 0.10 1200 20" in words
    assert "✗ not learnable yet" in words
    assert "NA ? not tested Because. Do. – – –" in words
    assert "of which to trust less: m2; the page on videos" in words
    assert page.index('style="background:#0072b2"') < page.index('style="background:#e69f00"')


def test_flagged_videos_come_first_with_their_reasons(project):
    quality = [
        quality_row("m1", part="train"), quality_row("m2", reason="darker: 3"),
        quality_row("m2", check="contrast", reason="with less contrast: 1"),
    ]  # fmt: skip
    words = words_of(pages(project, [], quality)["videos"])
    assert "Run lite/0/all 1 of 2 videos flagged." in words
    assert words.index("m2 ! look darker: 3; with less contrast: 1 new 2 s") < words.index(
        "m1 ✓ ordinary trained on 1 s"
    )


def test_without_runs_the_pages_say_so(project):
    made = pages(project, [], [])
    assert "nothing is judged" in words_of(made["verdicts"])
    assert "Run" not in words_of(made["videos"])


def test_what_was_run_on_what(project):
    words = words_of(pages(project, [], [])["setup"])
    assert "torch 2.6.0, 2.7.1" in words  # of different trainings
    assert "deg-core 0.2" in words
    assert "features (lite).epochs 8" in words
    assert "lite flow 3 cpu" in words
    assert "lite/0/all features 4 cpu" in words
    assert "2 videos, 2 s altogether." in words


@pytest.mark.parametrize(
    ("seconds", "text"), [("", "–"), ("59.4", "59 s"), ("61", "1 min 1 s"), ("7384", "2 h 3 min")]
)
def test_durations(seconds, text):
    assert report_pages.duration(seconds) == text


def test_pages_need_nothing_beside_them_and_repeat_every_byte(project):
    first = pages(project, [verdict_row("groom", "usable")], [quality_row("m1")])
    assert pages(project, [verdict_row("groom", "usable")], [quality_row("m1")]) == first
    for page in first.values():
        assert not re.search(r"(src|href)=", page)


def test_a_missing_table_is_told(project):
    with pytest.raises(StateError, match=r"verdicts\.csv: does not exist"):
        report_pages.run(
            summary=project / "results", **{name: project / f"{name}.html" for name in PAGES}
        )
