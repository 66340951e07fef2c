"""Stage import_labels: turn a person's label file into one row per frame.

Reads a label file and the length of the imported video; writes ``results/labels/<video>.csv``.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from deg_core.data.labels import read_label_file, unknown_names, write_frame_labels
from deg_core.data.video import FrameStore
from deg_core.errors import ConfigError
from deg_core.ethogram.groups import check_labels, classes, complete
from deg_core.groups import Groups, from_text, indices
from deg_core.progress import log
from deg_core.settings import LabelSettings


def run(
    *, labels: Path, store: Path, out: Path, settings: LabelSettings, groups: str = "[]"
) -> None:
    """Check a label file against its video and write it frame by frame.

    Parameters
    ----------
    labels
        Label file: a table of intervals, or DeepEthogram's table of frames.
    store
        Imported video, which says how many frames there are.
    out
        Table to write: 1 present, 0 absent, -1 unknown. Where a behavior of an exclusive group is
        present, the others of that group are absent, also where nobody scored them.
    settings
        Names of the behaviors, and whose labels to use.
    groups
        Exclusive groups, as a JSON list of lists of names.

    Raises
    ------
    ConfigError
        If there is no behavior, or a group names none.
    LabelError
        If the labels cannot be read, contradict themselves or the groups, or do not fit the video.
    StateError
        If the imported video is damaged, or the table cannot be written.
    """
    if not settings.behaviors:
        raise ConfigError("config.yaml: `behaviors` is empty; list at least one behavior.")
    with FrameStore(store) as video:
        n_frames = video.n_frames
    values = read_label_file(
        labels, behaviors=settings.behaviors, n_frames=n_frames, annotator=settings.annotator
    )
    names = from_text(groups)
    check_labels(labels, values, behaviors=settings.behaviors, groups=names)
    columns = indices(names, settings.behaviors)
    values = complete(values, columns)
    ignored = unknown_names(labels, settings.behaviors)
    if ignored:
        log(f"{labels}: not in `behaviors` of config.yaml, left out: {', '.join(ignored)}.")
    for gap in _gaps(settings.behaviors, values, columns):
        log(f"{labels}: {gap}")
    write_frame_labels(out, settings.behaviors, values)


def _gaps(behaviors: Sequence[str], labels: np.ndarray, groups: Groups) -> Iterator[str]:
    """Say what the labels, (T, K) int8, of a video teach nothing about."""
    unknown = (labels < 0).all(axis=0)
    if unknown.any():
        yield f"unknown in every frame: {', '.join(np.array(behaviors)[unknown])}."
    for group in groups:
        # Members that nobody scored were named already.
        if (classes(labels, group) < 0).all() and not unknown[list(group)].all():
            names = ", ".join(behaviors[k] for k in group)
            yield f"in no frame is it known which of {names} is present, or that none is."
