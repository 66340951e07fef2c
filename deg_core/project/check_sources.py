"""What is wrong with the files of keypoints and clusters that presets in use look at."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from deg_core.data.clusters import read_clusters
from deg_core.data.trackers import choose, read_tracks
from deg_core.presets import CLUSTERS, DEFAULT_PRESETS, KEYPOINTS, resolve, source_of
from deg_core.project.findings import Finding, caught
from deg_core.project.folder import Project, table_path
from deg_core.settings import ClusterSettings, KeypointSettings, from_dict
from deg_core.sources import source_problems
from deg_core.stages.import_keypoints import fit
from deg_core.stages.map_clusters import check_length


def examine_sources(project: Project, lengths: Mapping[str, int]) -> Iterator[Finding]:
    """Check that the files are there, can be read, and are as long as their videos.

    Parameters
    ----------
    project
        The project, whose settings are right.
    lengths
        Frames of each video that could be read; files of the others are checked without it.
    """
    table = table_path(project.folder, project.config)
    yield from map(Finding, source_problems(project.config, project.videos, table))
    presets = project.config.get("presets") or DEFAULT_PRESETS
    looked_at = {source_of(project.config, preset) for preset in presets}
    for video in project.videos:
        n_frames = lengths.get(video.video)
        if KEYPOINTS in looked_at and video.keypoints is not None:
            yield from caught(_keypoints(project, project.place(video.keypoints), n_frames))
        if CLUSTERS in looked_at and video.clusters is not None:
            yield from caught(_clusters(project, project.place(video.clusters), n_frames))


def _keypoints(project: Project, path: Path, n_frames: int | None) -> Iterator[Finding]:
    settings = from_dict(KeypointSettings, resolve(project.config, KEYPOINTS))
    points = choose(read_tracks(path), path, points=settings.points, individual=settings.individual)
    if n_frames is not None:
        fit(points, n_frames, path, max_missing=settings.max_missing)
    yield from ()


def _clusters(project: Project, path: Path, n_frames: int | None) -> Iterator[Finding]:
    settings = from_dict(ClusterSettings, resolve(project.config, CLUSTERS))
    found = read_clusters(path, column=settings.column)
    if n_frames is not None:
        check_length(found, n_frames, path)
    yield from ()
