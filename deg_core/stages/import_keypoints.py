"""Turn one video's file of keypoints into features per frame.

Reads a file of DeepLabCut or SLEAP, and length, rate and size of the imported video; writes
keypoints/{video}.h5 in the form of all features: the 44 numbers of `deg_core.data.keypoints`,
nothing of the motion, and no logits, since nothing was learned yet.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deg_core.data import trackers
from deg_core.data.arrays import feature_writer
from deg_core.data.keypoints import FEATURES, expand, interpolate
from deg_core.data.source import read_source
from deg_core.data.video import FrameStore
from deg_core.errors import DegError
from deg_core.progress import log
from deg_core.settings import KeypointSettings, to_json


def run(*, keypoints: Path, store: Path, out: Path, settings: KeypointSettings) -> None:
    """Read keypoints, fill in what the tracker was unsure of, and describe each frame's posture.

    Parameters
    ----------
    keypoints
        File of keypoints: DeepLabCut's csv or h5, or SLEAP's analysis h5.
    store
        Imported video, which says how many frames there are and how large they were.
    out
        HDF5 file to write.
    settings
        Names of the seven points, which animal, and which points to interpolate.

    Raises
    ------
    DegError
        If the file cannot be read, is of another video, or a point is missing or never seen.
    StateError
        If the imported video is damaged, or the features cannot be written.
    """
    with FrameStore(store) as video:
        n_frames, fps = video.n_frames, video.fps
    source = read_source(store)
    size = source.height, source.width
    tracks = trackers.read_tracks(keypoints)
    found = trackers.choose(
        tracks, keypoints, points=settings.points, individual=settings.individual
    )
    of_sleap = tracks.program == trackers.SLEAP
    limit = settings.min_score if of_sleap else settings.min_likelihood
    known = judged(fit(found, n_frames, keypoints, max_missing=settings.max_missing))
    sure = known[..., 2] >= limit
    check_sure(sure, keypoints, names=settings.points, limit=limit)
    log(f"{keypoints}: of {tracks.program}; {1 - sure.mean():.1%} of the points interpolated.")
    filled = interpolate(without_unsure_ends(known, sure), threshold=limit)[..., :2]
    features = expand(filled, size=size, by=settings.scale, standardize=settings.standardize)
    with feature_writer(
        out, n_frames=n_frames, fps=fps, behaviors=(), n_features=len(FEATURES), n_motion=0,
        digest=digest_of(settings),
    ) as writer:  # fmt: skip
        nothing = np.empty((n_frames, 0), np.float32)
        writer.write(0, features.astype(np.float32), nothing, nothing)


def fit(
    points: NDArray[np.float32], n_frames: int, path: Path, *, max_missing: float
) -> NDArray[np.float32]:
    """Make keypoints as long as their video.

    Parameters
    ----------
    points : (n, P, 3) float32
    n_frames
        Frames of the video, T.
    path
        File of the keypoints, for the messages.
    max_missing
        Share of T that may be missing at the end: SLEAP's files end with the last frame in which
        it saw something.

    Returns
    -------
    fitted : (T, P, 3) float32
        NaN in frames that the file lacks.

    Raises
    ------
    DegError
        If there are more frames than the video has, or too few.
    """
    missing = n_frames - len(points)
    if missing < 0 or missing > max_missing * n_frames:
        raise DegError(
            f"{path}: expected {n_frames} frames, as the imported video has, found {len(points)} "
            f"(keypoints.max_missing allows a share of {max_missing:g} to be missing at the end); "
            "track this very video, and let SLEAP export all its frames."
        )
    filler = np.full((missing, *points.shape[1:]), np.nan, np.float32)
    return np.concatenate([points, filler])


def without_unsure_ends(
    points: NDArray[np.float32], sure: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Take away what is unsure in the first and the last frame.

    `interpolate` would believe it there, as the original program does, and draw a line from it to
    the next sure frame. An arena is often empty at first: the nearest sure place is a better guess.

    Parameters
    ----------
    points : (T, P, 3) float32
    sure : (T, P) bool
        Whether the tracker is sure of the point.

    Returns
    -------
    points : (T, P, 3) float32
        NaN where they are taken away.
    """
    kept = points.copy()
    for end in (0, -1):
        kept[end, ~sure[end]] = np.nan
    return kept


def digest_of(settings: KeypointSettings) -> str:
    """Name the features by what they mean: names of points and animals say nothing of that."""
    meaning = {
        "features": list(FEATURES), "scale": settings.scale, "standardize": settings.standardize
    }  # fmt: skip
    return hashlib.sha256(to_json(meaning).encode()).hexdigest()


def judged(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Make likelihoods of (T, P, 3) complete: -1 of what is not there, 1 where none is told."""
    complete = points.copy()
    complete[np.isnan(points[..., 2]), 2] = 1
    complete[np.isnan(points[..., :2]).any(axis=-1), 2] = -1
    return complete


def check_sure(sure: NDArray[np.bool_], path: Path, *, names: Sequence[str], limit: float) -> None:
    """Complain of points that are sure in no frame of (T, P), of which only the ends are known.

    Raises
    ------
    DegError
        If there are any.
    """
    never = [name for name, known in zip(names, sure.any(axis=0), strict=True) if not known]
    if never:
        raise DegError(
            f"{path}: {', '.join(never)} {'are' if len(never) > 1 else 'is'} in none of "
            f"{len(sure)} frames there with a likelihood of at least {limit:g}; lower "
            "`keypoints.min_likelihood` (for SLEAP `min_score`), name another point in "
            "`keypoints.points`, or track it better."
        )
