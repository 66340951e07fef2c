"""Which videos train, choose and test: a pure function of table, labels and seed.

Reads no file. Groups are ranked by a hash, so that a group that is added moves hardly any other;
that order is left only as far as needed to have every behavior in every part.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import count
from operator import or_
from typing import Any

from deg_core.division import Division, divide
from deg_core.errors import ConfigError, StateError
from deg_core.presets import DEFAULT_PRESETS, resolve
from deg_core.settings import SplitSettings, from_dict, to_json
from deg_core.table import Video, fixed_parts

FINAL = "final"
ALL = "all"
RUN = ["preset", "split", "n_train"]  # columns that name a run in tables
PARTS = ("test", "val", "train")  # in hash order, the first groups are tested with
LETTERS = {"train": "t", "val": "v", "test": "e"}  # of a part in `pack`; "-" is none
SIZES = (1, 2, 4, 8, 12, 16)  # of the training part, for a sweep of `auto`

# positive frames of each behavior, per labeled video
Positive = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Parts:
    """The labeled videos of one split.

    Parameters
    ----------
    train
        In the order in which smaller trainings take them.
    val, test
        In the same order; ``test`` is empty for the final model.
    """

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """The videos of all parts."""
        return self.train + self.val + self.test


@dataclass(frozen=True)
class Run:
    """One model: a preset, a split and a number of training videos.

    Parameters
    ----------
    preset
        Name of the preset.
    split
        ``0`` to N-1, or ``final``.
    n_train
        A number of training videos, or ``all``.
    """

    preset: str
    split: str
    n_train: str

    @property
    def name(self) -> str:
        """The run as part of paths, for example ``fast/0/all``."""
        return f"{self.preset}/{self.split}/{self.n_train}"


def runs(config: Mapping[str, Any], n_train: Mapping[str, int] | None = None) -> list[Run]:
    """List the runs that a configuration asks for.

    Parameters
    ----------
    config
        A configuration that was checked.
    n_train
        Number of training videos of each split, for a sweep of ``auto``; without, all of `SIZES`
        are listed.
    """
    presets = config.get("presets") or DEFAULT_PRESETS
    splits = from_dict(SplitSettings, resolve(config, "splits"))
    sweep = resolve(config, "sweep")
    numbers = [str(number) for number in range(splits.count)]
    return [
        *(Run(preset, split, ALL) for preset in presets for split in numbers),
        *(Run(preset, FINAL, ALL) for preset in presets if splits.final),
        *(
            Run(preset, split, str(size))
            for preset in sweep["presets"] or presets
            for split in numbers
            for size in _sizes_of_sweep(sweep["train_sizes"], (n_train or {}).get(split))
        ),
    ]


def _sizes_of_sweep(chosen: Sequence[int] | str, n_train: int | None) -> Sequence[int]:
    """Return the sizes to try; ``auto`` leaves out those that a split of n videos does not have."""
    if isinstance(chosen, str):
        return [size for size in SIZES if n_train is None or size < n_train]
    return chosen


def plan(
    config: Mapping[str, Any], videos: Sequence[Video], positive: Positive
) -> dict[Run, Parts]:
    """Say which videos each run trains on, chooses with and is tested on.

    Parameters
    ----------
    config
        A configuration that was checked.
    videos
        The video table.
    positive
        Positive frames of each behavior, for each labeled video.

    Returns
    -------
    dict
        In the order of `runs`.

    Raises
    ------
    ConfigError
        If a split is impossible (see `partition`), or smaller than a size of the sweep.
    """
    settings = from_dict(SplitSettings, resolve(config, "splits"))
    splits = {
        split: partition(
            videos, positive, split=split, behaviors=config["behaviors"], settings=settings
        )
        for split in dict.fromkeys(run.split for run in runs(config))
    }
    wanted = runs(config, {split: len(parts.train) for split, parts in splits.items()})
    return {run: _shorten(splits[run.split], run) for run in wanted}


def pack(splits: Mapping[str, Parts], parts: Sequence[str] = PARTS) -> str:
    """Write which video is in which part of each split, as one line of JSON.

    A video's id stands there once, with a letter per split: of 2,000 videos and 20 splits that is
    less than an argument of a command may have, which lists of ids are not.

    Parameters
    ----------
    splits
        The parts of each split.
    parts
        Which of them are told; a video in none of these is left out.
    """
    found: dict[str, list[str]] = {}
    for place, divided in enumerate(splits.values()):
        for part in parts:
            for video in getattr(divided, part):
                found.setdefault(video, ["-"] * len(splits))[place] = LETTERS[part]
    videos = {video: "".join(letters) for video, letters in found.items()}
    return to_json({"splits": list(splits), "videos": videos})


def unpack(text: str) -> dict[str, dict[str, list[str]]]:
    """Read what `pack` wrote: split to the videos of each part, by name; others are empty.

    Raises
    ------
    StateError
        If it is something else.
    """
    try:
        packed = json.loads(text)
        return {
            split: {
                part: sorted(v for v, found in packed["videos"].items() if found[place] == letter)
                for part, letter in LETTERS.items()
            }
            for place, split in enumerate(packed["splits"])
        }
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise StateError(
            f"--parts: expected a JSON object of splits and of each video's letters, got "
            f"{text[:40]}; run the stage with Snakemake."
        ) from error


def _shorten(parts: Parts, run: Run) -> Parts:
    if run.n_train == ALL:
        return parts
    size = int(run.n_train)
    if size > len(parts.train):
        raise ConfigError(
            f"config.yaml: sweep.train_sizes asks for {size} training videos, but split "
            f"{run.split} has {len(parts.train)}; remove that size or label more videos."
        )
    return Parts(parts.train[:size], parts.val, parts.test)


def partition(
    videos: Sequence[Video],
    positive: Positive,
    *,
    split: str,
    behaviors: Sequence[str],
    settings: SplitSettings,
) -> Parts:
    """Divide the labeled videos into train, val and test.

    Parameters
    ----------
    videos
        The video table. A group is fixed to a part if one of its videos is, and a val or test part
        that has fixed groups consists of these alone.
    positive
        Positive frames of each behavior, for each labeled video.
    split
        ``0``, ``1``, ... or ``final``, which has no test part; it leaves out what the table
        fixes to `test`, so that such videos are never trained on.
    behaviors
        Names of the behaviors.
    settings
        Shares, seed, and what to do if a behavior cannot be everywhere.

    Raises
    ------
    ConfigError
        If there are too few labeled groups for the shares, or a behavior cannot be in every part
        and ``settings.missing`` is ``error``.

    Notes
    -----
    A share of n groups is max(1, round(share * n)) of them. In hash order, the first groups are the
    test part, the next the validation part. Only if a behavior is then missing somewhere, groups
    change places (see `division.divide`).
    """
    fixed = fixed_parts(videos)
    members = _members(videos, positive)
    if split == FINAL:
        members = {group: ids for group, ids in members.items() if fixed.get(group) != "test"}
    order = sorted(members, key=lambda group: _rank(settings.seed, split, group))
    places = {group: fixed[group] for group in order if group in fixed}
    free = [group for group in order if group not in places]
    sizes = _sizes(len(free), list(places.values()), split=split, settings=settings)
    if not sizes:
        raise _too_few(order, list(places.values()), split=split, settings=settings)
    names = list(sizes)
    carried = {group: _carried(ids, positive, behaviors) for group, ids in members.items()}
    division = Division(
        sizes=tuple(sizes.values()),
        carried=tuple(carried[group] for group in free),
        present=tuple(
            reduce(or_, (carried[group] for group in places if places[group] == part), 0)
            for part in names
        ),
        n_behaviors=len(behaviors),
    )
    places |= {group: names[index] for group, index in zip(free, divide(division), strict=True)}
    if settings.missing == "error":
        _check_coverage(places, carried, names, behaviors=behaviors, split=split)
    return Parts(
        **{
            part: tuple(v for group in order if places[group] == part for v in members[group])
            for part in PARTS
        }
    )


def _members(videos: Sequence[Video], positive: Positive) -> dict[str, list[str]]:
    """Return the labeled videos of each group, whatever the order of the rows."""
    members: dict[str, list[str]] = {}
    for video in sorted(videos, key=lambda video: video.video):
        if video.video in positive:
            members.setdefault(video.group, []).append(video.video)
    return members


def _rank(seed: int, split: str, group: str) -> str:
    return hashlib.sha256(f"{seed}/{split}/{group}".encode()).hexdigest()


def _carried(ids: Sequence[str], positive: Positive, behaviors: Sequence[str]) -> int:
    """Return the behaviors of a group as bits: bit k is set if behavior k is ever positive."""
    return sum(
        1 << k
        for k, name in enumerate(behaviors)
        if any(positive[video].get(name, 0) > 0 for video in ids)
    )


def _sizes(
    n_free: int, taken: Sequence[str], *, split: str, settings: SplitSettings
) -> dict[str, int]:
    """Return how many free groups each part takes; empty if a part were left without any."""
    total = n_free + len(taken)
    shares = {"val": settings.val}
    if split != FINAL and (settings.test > 0 or "test" in taken):
        shares = {"test": settings.test} | shares
    sizes = {
        part: 0 if part in taken else max(1, round(share * total)) for part, share in shares.items()
    }
    sizes["train"] = n_free - sum(sizes.values())
    enough = sizes["train"] >= (0 if "train" in taken else 1)
    return sizes if enough else {}


def _too_few(
    groups: Sequence[str], taken: Sequence[str], *, split: str, settings: SplitSettings
) -> ConfigError:
    n_free = len(groups) - len(taken)
    more = next(
        more for more in count(1) if _sizes(n_free + more, taken, split=split, settings=settings)
    )
    names = sorted(groups)
    found = f"{len(names)} ({', '.join(names[:6])}{', ...' * (len(names) > 6)})"
    fixed = f", {len(taken)} of them fixed by the table" if taken else ""
    remedy = (
        "label videos of more groups, or lower splits.val and splits.test"
        if groups
        else "put label files into labels/, or set splits.count to 0 to learn the motion only"
    )
    return ConfigError(
        f"videos.tsv: split {split} needs at least {len(groups) + more} labeled groups, so that "
        f"every part has one, but there are {found if groups else 'none'}{fixed}; {remedy}."
    )


def _check_coverage(
    places: Mapping[str, str],
    carried: Mapping[str, int],
    parts: Sequence[str],
    *,
    behaviors: Sequence[str],
    split: str,
) -> None:
    for k, name in enumerate(behaviors):
        groups = [group for group in sorted(places) if carried[group] >> k & 1]
        missing = [part for part in parts if part not in {places[group] for group in groups}]
        if missing:
            raise ConfigError(_missing(name, groups, missing, len(parts), split))


def _missing(
    name: str, groups: Sequence[str], missing: Sequence[str], n_parts: int, split: str
) -> str:
    remedy = "set splits.missing to allow to train without, or remove the behavior"
    if not groups:
        return (
            f"config.yaml: behavior '{name}' is not positive in any labeled video (0 groups), but "
            f"split {split} needs it in {n_parts} parts; correct its name, label it, or {remedy}."
        )
    found = f"{len(groups)} group{'s' * (len(groups) > 1)} ({', '.join(groups[:6])})"
    if len(groups) < n_parts:
        return (
            f"config.yaml: behavior '{name}' is positive in {found} only, but split {split} needs "
            f"it in {n_parts} groups, one per part; label it in more groups, or {remedy}."
        )
    return (
        f"config.yaml: split {split} cannot have behavior '{name}' in {' and '.join(missing)}, "
        f"although it is positive in {found}: the fixed parts or the other behaviors do not leave "
        f"room; label it in more groups, raise splits.val or splits.test, or {remedy}."
    )
