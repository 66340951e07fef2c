"""The pages of the report: verdicts in plain words, videos with flags, what was run on what.

Reads the tables verdicts, quality, setup and videos under summary/; writes three HTML files.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from deg_core.data.html import Cell, heading, page, paragraph, table
from deg_core.data.publish import damage_of, publish_text
from deg_core.ethogram import verdict
from deg_core.ethogram.palette import color_of
from deg_core.ethogram.quality import LOOK
from deg_core.stages.run_tables import RUN, read_table

TAGS = {
    verdict.USABLE: ("good", "✓ "),
    verdict.REVIEW: ("middle", "! "),
    verdict.NOT_YET: ("bad", "✗ "),
    verdict.UNTESTED: ("none", "? "),
}
SHORT = {"train": "trained on", "val": "chosen with", "test": "tested", "new": "new"}


def run(*, summary: Path, verdicts: Path, videos: Path, setup: Path) -> None:
    """Write the pages of the report.

    Parameters
    ----------
    summary
        Folder of the tables.
    verdicts
        Page of the verdicts to write.
    videos
        Page of the videos and their flags to write.
    setup
        Page of what was run on what to write.

    Raises
    ------
    StateError
        If a table is missing or damaged.
    """
    names = ("verdicts", "quality", "setup", "videos")
    tables = {name: read_table(summary / f"{name}.csv") for name in names}
    with damage_of(summary):
        pages = {
            verdicts: verdict_page(tables["verdicts"], tables["quality"]),
            videos: video_page(tables["quality"], tables["videos"]),
            setup: setup_page(tables["setup"], tables["videos"]),
        }
    for path, text in pages.items():
        publish_text(path, text)


def runs_in(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each run's name and rows, in the order of the table."""
    names = rows[RUN].agg("/".join, axis=1) if len(rows) else pd.Series(dtype=str)
    for name in dict.fromkeys(names):
        yield name, rows[names == name]


# --- verdicts


def verdict_page(verdicts: pd.DataFrame, quality: pd.DataFrame) -> str:
    """Write what may be done with each behavior's predictions."""
    blocks = [
        paragraph(
            "What the predictions of each behavior may be used for, judged on videos that neither "
            "training nor thresholds have seen. Bouts decide: bout F1 counts a predicted bout as "
            "right if it overlaps a labeled one by half; F1 counts frames; chance is the score of "
            "labels shifted in time. In brackets, the 95 % interval over the test videos."
        )
    ]
    if verdicts.empty:
        blocks.append(paragraph("No run of this project has test videos, so nothing is judged."))
    for name, rows in runs_in(verdicts):
        blocks += [heading(f"Run {name}"), paragraph(tally(rows)), verdict_table(rows)]
        flagged = flagged_videos(quality, name)
        if flagged:
            blocks.append(
                paragraph(
                    f"Videos unlike those of the training, of which to trust less: "
                    f"{', '.join(flagged)}; the page on videos says why."
                )
            )
    return page("What to trust", blocks)


def tally(rows: pd.DataFrame) -> str:
    """Count the verdicts, as a sentence."""
    counts = rows["verdict"].value_counts()
    found = [f"{counts[name]} {name}" for name in TAGS if name in counts]
    return f"Of {len(rows)} behaviors: {', '.join(found)}."


def verdict_table(rows: pd.DataFrame) -> str:
    """Lay out one run's behaviors."""
    lines = []
    for k, row in enumerate(rows.to_dict("records")):
        tag, mark = TAGS.get(row["verdict"], ("none", ""))
        lines.append(
            [
                Cell(row["behavior"], swatch=color_of(k)),
                Cell(mark + row["verdict"], tag=tag),
                Cell(row["reason"], "words"),
                Cell(row["advice"], "words"),
                Cell(scored(row["bout_f1_50"], row["bout_low"], row["bout_high"]), "number"),
                Cell(scored(row["f1"], row["low"], row["high"]), "number"),
                Cell(digits(row["chance"]), "number"),
                Cell(row["n_positive_train"], "number"),
                Cell(row["n_bouts_test"], "number"),
            ]
        )
    header = [
        "behavior", "verdict", "why", "what would help", "bout F1", "F1", "chance",
        "frames trained", "bouts tested",
    ]  # fmt: skip
    return table(header, lines)


def scored(value: str, low: str, high: str) -> str:
    """Write a score with its interval, where it has one."""
    interval = f" [{digits(low)}, {digits(high)}]" if low and high else ""
    return digits(value) + interval


def digits(value: str) -> str:
    """Write a number with two digits, or a dash for nothing."""
    return f"{float(value):.2f}" if value else "–"


# --- videos


def flagged_videos(quality: pd.DataFrame, run_name: str) -> list[str]:
    """List the videos of a run that have a flag."""
    if quality.empty:
        return []
    own = quality[RUN].agg("/".join, axis=1) == run_name
    return list(dict.fromkeys(quality[own & (quality["flag"] == LOOK)]["video"]))


def video_page(quality: pd.DataFrame, videos: pd.DataFrame) -> str:
    """Write which videos are unlike those of the training, and why."""
    blocks = [
        paragraph(
            "Each video beside those that a run was trained on. A flag does not say that a "
            "prediction is wrong, but that nobody has tested the model on such a video: look at "
            "its ethogram before you use it (deg movie), and label some of such videos."
        )
    ]
    known = {row["video"]: row for row in videos.to_dict("records")}
    for name, rows in runs_in(quality):
        flagged = flagged_videos(quality, name)
        n = rows["video"].nunique()
        words = f"{len(flagged)} of {n} videos flagged." if flagged else f"No flag in {n} videos."
        blocks += [heading(f"Run {name}"), paragraph(words), video_table(rows, known)]
    return page("Videos", blocks)


def video_table(rows: pd.DataFrame, known: dict[str, dict[str, str]]) -> str:
    """Lay out one run's videos, those with flags first."""
    lines = []
    for video, checks in rows.groupby("video", sort=False):
        flags = checks[checks["flag"] == LOOK]
        lines.append(
            [
                Cell(str(video)),
                Cell(
                    "! look" if len(flags) else "✓ ordinary", tag="middle" if len(flags) else "good"
                ),
                "; ".join(flags["reason"]),
                SHORT.get(checks["part"].iloc[0], checks["part"].iloc[0]),
                duration(known.get(str(video), {}).get("seconds", "")),
            ]
        )
    lines.sort(key=lambda line: line[1].tag != "middle")
    return table(
        ["video", "flag", "why: compared with the known videos", "part", "duration"], lines
    )


def duration(seconds: str) -> str:
    """Write a duration as hours, minutes and seconds."""
    if not seconds:
        return "–"
    minutes, rest = divmod(round(float(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes} min"
        if hours
        else f"{minutes} min {rest} s"
        if minutes
        else f"{rest} s"
    )


# --- setup


def setup_page(setup: pd.DataFrame, videos: pd.DataFrame) -> str:
    """Write what was run on what: versions, settings, trainings and videos."""
    changed = setup[setup["stage"] == "settings"]
    facts = setup[setup["stage"] != "settings"]
    versions = facts[facts["item"].str.startswith("version of ")]
    blocks = [heading("Versions"), versions_table(versions)]
    blocks += [heading("Settings that differ from the defaults, those of the presets included")]
    rows = changed[["item", "value"]].values.tolist()
    blocks += [table(["setting", "value"], rows) if rows else paragraph("None.")]
    blocks += [heading("Trainings"), trainings_table(facts.drop(versions.index))]
    total = pd.to_numeric(videos["seconds"]).sum()
    blocks += [
        heading("Videos"),
        paragraph(f"{len(videos)} videos, {duration(str(total))} altogether."),
        table([column.replace("_", " ") for column in videos.columns], videos.values.tolist()),
    ]
    return page("What was run on what", blocks)


def versions_table(rows: pd.DataFrame) -> str:
    """List each package once, with all versions that any training ran with."""
    names = rows["item"].str.removeprefix("version of ")
    found: Sequence[tuple[str, str]] = [
        (str(name), ", ".join(dict.fromkeys(own["value"])))
        for name, own in rows.groupby(names, sort=False)
    ]
    return table(["", "version"], found)


def trainings_table(facts: pd.DataFrame) -> str:
    """Lay out the trainings, one per line, with what their records say."""
    items = list(dict.fromkeys(facts["item"]))
    lines = []
    for key, rows in facts.groupby([*RUN, "stage"], sort=False):
        found = dict(zip(rows["item"], rows["value"], strict=True))
        name = "/".join(part for part in key[:3] if part)
        lines.append([name, key[3], *(found.get(item, "") for item in items)])
    return table(["run", "stage", *(item.replace("_", " ") for item in items)], lines)
