"""What other programs would make of the drawn mouse: a tracker's keypoints, and clusters of them.

Writes, per video, a csv of keypoints like DeepLabCut's and one of clusters. `make study` calls it
(`deg render-tracks`), since Snakemake asks for these files before it draws anything.
"""

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from deg_core.data.keypoints import POINTS, expand, interpolate
from deg_core.data.publish import publish_text
from deg_core.example.motion import FIELD
from deg_core.example.render import keypoints_of
from deg_core.example.spec import VideoSpec

NOISE = 1.0  # pixels of the field
LOST = 0.03  # share of the points that the tracker takes for something else
N_CLUSTERS = 15
AROUND = 7  # frames to each side over which a cluster's features are averaged


def render_tracks(*, videos: list[str], folder: Path, seed: int, n_frames: int) -> None:
    """Write keypoints and clusters of the videos of a study of the mouse.

    Parameters
    ----------
    videos
        Names of the videos; they are clustered together.
    folder
        Where ``<video>.keypoints.csv`` and ``<video>.clusters.csv`` appear.
    seed
        Seed of the study.
    n_frames
        Length of the videos.

    Raises
    ------
    StateError
        If a file cannot be written.
    """
    specs = [VideoSpec(video, seed=seed, n_frames=n_frames) for video in videos]
    found = {spec.video: tracked(spec, source_of(spec)) for spec in specs}
    for video, points in found.items():
        publish_text(folder / f"{video}.keypoints.csv", keypoints_text(points))
    for video, numbers in clusters_of(found, seed=seed).items():
        rows = ["frame,cluster", *(f"{t},{number}" for t, number in enumerate(numbers)), ""]
        publish_text(folder / f"{video}.clusters.csv", "\n".join(rows))


def source_of(spec: VideoSpec) -> np.random.Generator:
    """Return the source of a tracker's errors in one video of a study."""
    return np.random.default_rng([spec.seed, zlib.crc32(spec.video.encode()), 1])


def tracked(
    spec: VideoSpec, rng: np.random.Generator, *, noise: float = NOISE, lost: float = LOST
) -> np.ndarray:
    """Look at a video as a tracker does: with noise, and some points lost.

    Parameters
    ----------
    spec
        The video.
    rng
        Source of both.
    noise
        Standard deviation in pixels of the field.
    lost
        Share of the points that the tracker takes for something else, and is not sure of.

    Returns
    -------
    keypoints : (T, 7, 3) float64
        x, y and likelihood of the points named in `deg_core.data.keypoints.POINTS`.
    """
    points = keypoints_of(spec)
    wrong = rng.random(points.shape[:2]) < lost
    points += rng.normal(0, noise, points.shape)
    points[wrong] += rng.normal(0, 15, (wrong.sum(), 2))
    likelihood = rng.uniform(np.where(wrong, 0, 0.95), np.where(wrong, 0.8, 1))
    return np.concatenate([points, likelihood[..., None]], axis=-1)


def keypoints_text(keypoints: np.ndarray) -> str:
    """Write keypoints, (T, 7, 3), as DeepLabCut does: three header rows, then a row per frame."""
    parts = [point for point in POINTS for _ in range(3)]
    coords = ["x", "y", "likelihood"] * len(POINTS)
    heads = [["scorer", *["study"] * len(parts)], ["bodyparts", *parts], ["coords", *coords]]
    lines = [",".join(head) for head in heads]
    for t, row in enumerate(keypoints.reshape(len(keypoints), -1)):
        lines.append(",".join([str(t), *(f"{value:.3f}" for value in row)]))
    return "\n".join([*lines, ""])


def clusters_of(keypoints: Mapping[str, np.ndarray], *, seed: int) -> dict[str, Sequence[int]]:
    """Cluster the postures of all videos, without labels: k-means of mean and spread around each.

    Parameters
    ----------
    keypoints
        Those of each video, (T, 7, 3).
    seed
        Where k-means starts.

    Returns
    -------
    dict
        The cluster of each frame, by video.
    """
    described = {}
    for video, points in keypoints.items():
        features = expand(interpolate(points)[..., :2], size=(FIELD, FIELD))
        width = (1, 2 * AROUND + 1)  # OpenCV's columns and rows
        mean = cv2.blur(features, width)
        spread = np.sqrt(np.maximum(cv2.blur(features**2, width) - mean**2, 0))
        described[video] = np.hstack([mean, spread])
    joined = np.concatenate(list(described.values())).astype(np.float32)
    cv2.setRNGSeed(seed)
    stop = (cv2.TERM_CRITERIA_MAX_ITER, 100, 0.0)
    _, numbers, _ = cv2.kmeans(joined, N_CLUSTERS, None, stop, 4, cv2.KMEANS_PP_CENTERS)
    ends = np.cumsum([len(rows) for rows in described.values()])[:-1]
    parts = np.split(numbers.ravel(), ends)
    return {video: part.tolist() for video, part in zip(described, parts, strict=True)}
