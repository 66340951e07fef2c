"""What the pages of the report rest on, and functions of their rules and the figures'; no rule."""

import hashlib

from deg_core.splits import pack

# Runs by whose features videos can be compared; those that are for new videos, too.
CHECKED_RUNS = [run for run in FULL_RUNS if run in LOOKING_RUNS]
JUDGED_RUNS = [run for run in FULL_RUNS if run in TESTED_RUNS]
# What verdicts rest on.
JUDGING_TABLES = ["metrics", "postprocessing", "data", "raters", "advice"]
PAGES = ["verdicts", "videos", "setup"]
REPORT = [
    *expand("results/summary/{table}.csv", table=["quality", "verdicts", "setup", "videos"]),
    *expand("results/report/{page}.html", page=PAGES),
]


def checks(wildcards):
    """Input function: the checks of all videos by the runs that compare them."""
    return [
        f"results/quality/{run.name}/{video}.json"
        for run in CHECKED_RUNS
        for video in sorted(VIDEOS)
    ]


@cache
def parts_of(run):
    """Say in which part a run, told by its name, has each of its videos."""
    parts = ("test", "val", "train")
    return {video: part for part in parts for video in getattr(PARTS[run], part)}


@quick
def used_for(wildcards):
    """Parameter: the part in which the wildcards' run uses a video; `new` if in none."""
    return parts_of(name_of(wildcards)).get(wildcards.video, "new")


def divided(*parts):
    """Parameter: which video is in which of some parts of each split, as one line of JSON."""
    return pack({run.split: PLAN[run] for run in FULL_RUNS}, parts)


def all_changed():
    """Parameter: all settings that differ from their defaults, as one line of JSON."""
    sections = {name: [None] for name in SECTIONS} | {name: PRESETS for name in PER_PRESET}
    found = {"behaviors": SETTINGS["behaviors"], "presets": PRESETS}
    if SETTINGS.get("exclusive_groups"):
        # As sets: another order of groups or members is no change.
        found["exclusive_groups"] = sorted(map(sorted, SETTINGS["exclusive_groups"]))
    for section, presets in sections.items():
        for preset in presets:
            name = f"{section} ({preset})" if preset else section
            found[name] = changed(SECTIONS[section], resolve(SETTINGS, section, preset))
    return to_json(found)


def digest_of_table():
    """Parameter: what the video table says, whatever the order of its rows and columns."""
    rows = sorted(map(str, VIDEOS.values()))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()
