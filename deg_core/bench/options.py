"""What `deg bench` is asked to measure, checked before anything runs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deg_core.config import load_config
from deg_core.errors import ConfigError, VideoError
from deg_core.presets import DEFAULT_PRESETS, LOOKING, VIDEO, resolve, source_of
from deg_core.table import read_videos

PARTS = ("extraction", "clips", "training", "length", "tgm")
PRECISIONS = ("fp32", "bf16", "int8")
STORES = ("raw", "jpeg")
STEPS = (
    "decode", "prepare", "flow", "spatial classifier", "flow classifier", "all networks", "write",
)  # fmt: skip
SMALLEST = 32  # pixels; networks halve a picture five times
Size = tuple[int, int]


@dataclass(frozen=True)
class Options:
    """What is measured, and how often.

    Attributes
    ----------
    video
        The raw video; None renders one.
    project
        Folder of the project whose models are measured, where it has them; None measures untrained
        networks.
    config
        Settings of the project; empty for the defaults.
    parts
        Of `PARTS`.
    presets, sizes, precisions
        Of extraction and training; sizes are height and width, in pixels.
    stores
        Kinds of stores of which the length part measures.
    pairs
        Repetitions of what is measured beside its plain form.
    minutes
        Lengths of video.
    seconds
        What one repetition of the plain extraction, or all steps of a training, should take.
    frames
        Frames of the video that are used at most.
    batch
        Frames that extraction scores at once, and clips per training step, at most.
    repeats
        Repetitions of what has a process of its own each time.
    threads
        Threads to use.
    quick
        Whether this is the small version.
    """

    video: Path | None = None
    project: Path | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[str, ...] = PARTS
    presets: tuple[str, ...] = LOOKING
    sizes: tuple[Size, ...] = ((256, 256), (224, 224), (128, 192))
    precisions: tuple[str, ...] = PRECISIONS
    stores: tuple[str, ...] = STORES
    pairs: int = 5
    minutes: tuple[float, ...] = (1, 10, 60)
    seconds: float = 20.0
    frames: int = 600
    batch: int = 512
    repeats: int = 3
    threads: int = 1
    quick: bool = False

    def plain(self) -> dict[str, Any]:
        """Return what was asked for, for the record."""
        return {
            "video": str(self.video) if self.video else None,
            "project": str(self.project) if self.project else None,
            "presets": list(self.presets), "sizes": [list(size) for size in self.sizes],
            "precisions": list(self.precisions), "pairs": self.pairs,
            "minutes": list(self.minutes), "seconds": self.seconds, "frames": self.frames,
            "repeats": self.repeats, "threads": self.threads, "quick": self.quick,
        }  # fmt: skip


# What `--quick` changes against the defaults: about a minute on one core.
QUICK: dict[str, Any] = {
    "presets": ("fast",), "sizes": ((96, 96),), "stores": ("jpeg",), "pairs": 3, "repeats": 1,
    "minutes": (0.1, 0.5), "seconds": 1.0, "frames": 96, "batch": 8,
}  # fmt: skip


def choose(
    given: Mapping[str, Any], *, quick: bool = False, project: Path | None = None
) -> Options:
    """Put together what the user gave, what a project says, and the defaults.

    Parameters
    ----------
    given
        Fields of `Options`; None counts as not given.
    quick
        Whether the defaults are those of a small version.
    project
        A project folder, whose settings, first video and models count where nothing is given.

    Raises
    ------
    ConfigError
        If a value makes no sense, or the project's settings cannot be used.
    VideoError
        If the video does not exist.
    """
    chosen: dict[str, Any] = dict(QUICK) if quick else {}
    if project is not None:
        chosen |= of_project(project)
    chosen |= {name: value for name, value in given.items() if value is not None}
    options = Options(**chosen, quick=quick)
    check(options)
    return options


def of_project(project: Path) -> dict[str, Any]:
    """Read which presets, size and video a project has.

    Raises
    ------
    ConfigError
        If its settings or its table cannot be used.
    """
    config = load_config(project / "config.yaml")
    videos = read_videos(project / (config.get("videos") or "videos.tsv"), project=project)
    found = [project / video.path for video in videos if (project / video.path).exists()]
    return {
        "project": project,
        "config": config,
        "presets": tuple(
            name
            for name in config.get("presets") or DEFAULT_PRESETS
            if source_of(config, name) == VIDEO
        )
        or tuple(DEFAULT_PRESETS),
        "sizes": (tuple(resolve(config, "import")["size"]),),
        "video": found[0] if found else None,
    }


def size_of(text: str) -> Size:
    """Read a size such as 128x192: height and width in pixels.

    Raises
    ------
    ConfigError
        If it is none, or smaller than the networks allow.
    """
    if not re.fullmatch(r"\d+x\d+", text) or min(map(int, text.split("x"))) < SMALLEST:
        raise ConfigError(
            f"--sizes: expected height and width in pixels, at least {SMALLEST}, such as 128x192, "
            f"got '{text}'."
        )
    height, width = map(int, text.split("x"))
    return height, width


def check(options: Options) -> None:
    """Check what the command line's types do not.

    Raises
    ------
    ConfigError
        If a value makes no sense.
    VideoError
        If the video does not exist.
    """
    if options.video is not None and not options.video.exists():
        raise VideoError(f"{options.video}: no such video; give another, or none to render one.")
    _check_names("--parts", options.parts, PARTS)
    _check_names("--precisions", options.precisions, PRECISIONS)
    _check_names("--stores", options.stores, STORES)
    _check_names("--presets", options.presets, [*LOOKING, *options.config.get("preset_base", {})])
    for name in ("pairs", "repeats", "seconds", "frames", "threads", "batch"):
        _check_positive(f"--{name}", getattr(options, name))
    for minutes in options.minutes:
        _check_positive("--minutes", minutes)


def _check_names(flag: str, given: Sequence[str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise ConfigError(f"{flag}: '{name}' is not known; use of {', '.join(known)}.")
    if not given:
        raise ConfigError(f"{flag}: names nothing; use of {', '.join(known)}.")


def _check_positive(flag: str, value: float) -> None:
    if not value > 0:
        raise ConfigError(f"{flag}: expected more than 0, got {value:g}.")
