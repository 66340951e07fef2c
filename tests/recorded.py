"""A project of one video whose import and labels are there, and recorded in the ledger."""

import base64
import json
import os

from projects import make_project

from deg_core.data.publish import publish_text
from deg_core.ledger import Ledger, digest, look
from deg_core.project.folder import open_project
from deg_core.project.recover import METADATA

OLDER_S = 40  # than what was made of them are videos and labels


def make(folder, *, made):
    """Make the project; its results hold no more than a line, and are dated ``made``."""
    project = open_project(make_project(folder, n_videos=1))
    (video,), ledger = project.videos, Ledger(folder)
    for name, source in {
        "results/labels/m0.csv": project.place(video.labels),
        "results/import/m0.h5": project.place(video.path),
    }.items():
        publish_text(folder / name, "made of it\n")
        for path, date in ((source, made - OLDER_S), (folder / name, made)):
            os.utime(path, (date, date))
        facts = {ledger.name_of(path): fact(path) for path in (source, folder / name)}
        ledger.write(
            {
                "stage": "import",
                "ended": "2026-01-01T00:00:00",
                "inputs": {ledger.name_of(source): facts[ledger.name_of(source)]},
                "outputs": {name: facts[name]},
            }
        )
    return project


def fact(path):
    """Write down a file as it is, as records do."""
    return look(path).as_json() | {"sha256": digest(path)}


def note(folder, name):
    """Write Snakemake's note on a result, and return where it is."""
    path = folder / METADATA / base64.urlsafe_b64encode(name.encode()).decode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"rule": "import_labels"}))
    return path
