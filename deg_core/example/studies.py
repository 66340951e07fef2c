"""The data sets of the study under ``studies/``: their videos' names, their labels, their tables.

``python -m deg_core.example.studies studies`` writes the label files and tables anew; they are
committed, the videos are drawn when they are first needed.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from deg_core.data.publish import publish_text
from deg_core.example import fly, swim
from deg_core.example.render import ANNOTATOR, LABEL_HEAD, label_rows, label_text
from deg_core.example.spec import VideoSpec


@dataclass(frozen=True)
class Study:
    """One data set.

    Parameters
    ----------
    name
        Its folder; videos are called ``<name>_01`` and so on.
    scene
        What is drawn, one of `deg_core.example.render.SCENES`.
    n_videos, n_frames
        How many videos, and how long.
    tracks
        Whether keypoints and clusters are written beside the videos.
    seed
        Seed of everything.
    """

    name: str
    scene: str
    n_videos: int = 8
    n_frames: int = 600
    tracks: bool = False
    seed: int = 5

    @property
    def videos(self) -> list[str]:
        """Names of the videos."""
        return [f"{self.name}_{i:02d}" for i in range(1, self.n_videos + 1)]


STUDIES = (Study("arena", "mouse", tracks=True), Study("fly", "fly"), Study("swim", "swim"))


def labels_text(study: Study, video: str) -> str:
    """Return the label file of a video: all frames scored, by one person or several."""
    spec = VideoSpec(video, seed=study.seed, n_frames=study.n_frames)
    if study.scene == "mouse":
        return label_text(video, seed=spec.seed, n_frames=spec.n_frames)
    if study.scene == "fly":
        rows = label_rows(fly.labels_of(spec), fly.BEHAVIORS, ANNOTATOR)
        return "\n".join([LABEL_HEAD, *rows, ""])
    rows = [
        row
        for person, labels in swim.ratings_of(spec).items()
        for row in label_rows(labels, swim.BEHAVIORS, person)
    ]
    return "\n".join([LABEL_HEAD, *rows, ""])


def table_text(study: Study) -> str:
    """Return the study's videos.tsv; paths are relative to its folder."""
    columns = ["video", "path", "pretrain", "labels"]
    columns += ["keypoints", "clusters"] if study.tracks else []
    rows = ["\t".join(columns)]
    for video in study.videos:
        cells = [video, f"videos/{video}.mp4", "yes", f"labels/{video}.csv"]
        if study.tracks:
            cells += [f"tracks/{video}.{kind}.csv" for kind in ("keypoints", "clusters")]
        rows.append("\t".join(cells))
    return "\n".join([*rows, ""])


def write_studies(folder: Path) -> None:
    """Write ``videos.tsv`` and ``labels/<video>.csv`` of every study.

    Parameters
    ----------
    folder
        Where to; the repository keeps them in ``studies``.

    Raises
    ------
    StateError
        If a file cannot be written.
    """
    for study in STUDIES:
        publish_text(folder / study.name / "videos.tsv", table_text(study))
        for video in study.videos:
            text = labels_text(study, video)
            publish_text(folder / study.name / "labels" / f"{video}.csv", text)


if __name__ == "__main__":
    write_studies(Path(sys.argv[1]))
