"""The figures of `deg bench` as tables, and these as Markdown; the same figures, the same text."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from deg_core.bench.layout import Table, as_markdown
from deg_core.bench.options import PRECISIONS, STEPS

Record = Mapping[str, Any]


def tables_of(part: str, results: Record) -> list[Table]:
    """Return the tables of one part.

    Parameters
    ----------
    part
        One of those that ``results`` holds.
    results
        What `deg bench` found.
    """
    return [table for table in TABLES[part](results[part]) if table.rows]


def machine_line(machine: Record) -> str:
    """Describe in a sentence what the figures were measured on."""
    used = f"{machine['threads']} thread{'s' * (machine['threads'] > 1)} used"
    cores = f"{machine['cores']} core{'s' * (machine['cores'] > 1)}"
    supports = ", ".join(machine["supports"]) or "nothing fast at low precision"
    return (
        f"Measured on {machine['processor']}, {cores}, {used}, {machine['memory_gb']:g} GB, "
        f"{machine['device']}, {machine['system']}, Python {machine['python']}, torch "
        f"{machine['torch']} ({supports}); load of other programs when it began "
        f"{machine['load']:g}."
    )


def texts_of(results: Record) -> dict[str, str]:
    """Return the Markdown of each part, the machine's description first."""
    found = {}
    for part in (part for part in TABLES if part in results):
        told = [machine_line(results["machine"]), as_markdown(tables_of(part, results))]
        told += [f"Not measured: {each['what']} ({each['why']})" for each in results["failed"]
                 if each["part"] == part]  # fmt: skip
        found[part] = "\n\n".join(text for text in told if text)
    return found


# --- the parts

SPEED = ("frames_per_s", "cpu_ms")
GAIN = ("wall_ratio", "cpu_ratio")
GAINS = ("× plain", "× plain, CPU")
FRAMES_PER_HOUR = 30 * 3600


def _extraction(found: Sequence[Record]) -> Iterator[Table]:
    rows = [row for each in found for row in _rows_of_extraction(each)]
    said = {name: _listed(found, name) for name in ("weights", "store", "batch")}
    yield Table(
        "Extraction, from the store to HDF5",
        [
            "preset", "size", "way", "frames", "frames/s", "CPU ms a frame", *GAINS,
            "largest difference", "smallest cosine",
        ],
        rows,
        [
            f"{_times(found)}, all ways taken in turn; weights: {said['weights']}; {said['store']} "
            f"store; batches of {said['batch']} frames; without reading the models.",
            *_left_out(found),
        ],
    )  # fmt: skip
    taken = [
        [each["preset"], _size(each["size"]), way, *_cells(path["steps_cpu_ms"], STEPS)]
        for each in found
        for way, path in _ways(each)
    ]
    yield Table(
        "Where the processor time of extraction goes, ms a frame",
        ["preset", "size", "way", *STEPS],
        taken,
        ["One step after the other, nothing overlapping."],
    )


def _rows_of_extraction(each: Record) -> Iterator[list[str]]:
    head, frames = [each["preset"], _size(each["size"])], str(each["frames"])
    yield [*head, "plain", frames, *_cells(each["plain"], SPEED), "1", "1", "", ""]
    for way, path in _ways(each):
        apart = [f"{path['largest_difference']:.1e}", f"{path['smallest_cosine']:.6f}"]
        yield [*head, way, frames, *_cells(path, (*SPEED, *GAIN)), *apart]


def _ways(each: Record) -> list[tuple[str, Record]]:
    """List the number formats of one extraction, in the order of the options."""
    return [(name, each["paths"][name]) for name in PRECISIONS if name in each["paths"]]


def _left_out(found: Sequence[Record]) -> Iterator[str]:
    """Say which number formats could not be measured, each once, and why."""
    reasons = dict(item for each in found for item in each.get("left_out", {}).items())
    for name, why in reasons.items():
        yield f"Not measured: {name} ({why})."


def _clips(found: Sequence[Record]) -> Iterator[Table]:
    rows = [
        [
            each["store"], _size(each["size"]), *_cells(each, ("clips_per_cpu_s", "clips_per_s")),
            _number(each["bytes_per_frame"] * FRAMES_PER_HOUR / 1e9),
        ]
        for each in found
    ]  # fmt: skip
    yield Table(
        "Random clips of 11 frames, read from the store",
        ["store", "size", "clips per CPU s", "clips/s", "GB per hour at 30 frames/s"],
        rows,
        [f"{_times(found)}; files in memory."],
    )


def _training(found: Sequence[Record]) -> Iterator[Table]:
    learning = [each for each in found if each["learns"]]
    idle = [f"{each['stage']} of {each['preset']}" for each in found if not each["learns"]]
    memory = ["peak_mb", *(["card_mb"] if any("card_mb" in each for each in learning) else [])]
    rows = [
        [
            each["preset"], each["stage"], each["precision"], str(each["batch"]),
            *_cells(each, ("steps_per_s", "cpu_s", *GAIN)),
            _number(each["batch"] * each["steps_per_s"]["median"]),
            *(_number(each[name]) for name in memory),
        ]
        for each in learning
    ]  # fmt: skip
    notes = [
        f"{_times(found)}; frames of {_listed(found, 'size')}; plain: the same step with both "
        "networks as they are, in fp32; peak memory is that of the whole process, once."
    ]
    columns = ["preset", "training", "format", "batch", "steps/s", "CPU s a step", *GAINS]
    columns.append("samples/s")
    yield Table(
        "Training steps",
        [*columns, "peak MB", "peak MB on the card"][: len(columns) + len(memory)],
        rows,
        notes + [f"Nothing to learn: {', '.join(idle)}."] * bool(idle),
    )


def _length(found: Sequence[Record]) -> Iterator[Table]:
    columns = ("s", "CPU s", "s per minute", "peak MB", "peak to the shortest")
    for stage, title in (("import", "Import"), ("extract", "Extraction")):
        rows = []
        for each in found:
            took = each[stage]
            shortest = min((e for e in found if e["store"] == each["store"]), key=_minutes)
            growth = took["peak_mb"]["median"] / shortest[stage]["peak_mb"]["median"]
            rows.append([
                each["store"], _number(each["minutes"]), *_cells(took, ("wall_s", "cpu_s")),
                _number(took["wall_s"]["median"] / each["minutes"]), *_cells(took, ("peak_mb",)),
                _number(growth), str(took["wall_s"]["n"]),
            ])  # fmt: skip
        about = " and ".join(dict.fromkeys(f"{e['preset']} at {_size(e['size'])}" for e in found))
        yield Table(
            f"{title} against the length of the video",
            ["store", "minutes", *columns, "repetitions"],
            rows,
            [
                f"Medians of the repetitions, each in a process of its own, without its start; "
                f"{about}, rendered; peak memory is that of the whole process."
            ],
        )


def _minutes(each: Record) -> float:
    return each["minutes"]


def _tgm(found: Sequence[Record]) -> Iterator[Table]:
    rows = []
    for each in found:
        shape = " x ".join(str(each["shape"][name]) for name in ("n", "d", "t"))
        for form, gain in (("grouped", ["1", "1"]), ("dense", _cells(each, GAIN))):
            own, plain = each[form], each["grouped"]["added_mb"]["median"]
            rows.append([
                shape, form, *_cells(own, ("wall_s", "cpu_s")), *gain, *_cells(own, ("added_mb",)),
                _number(own["added_mb"]["median"] / plain),
            ])  # fmt: skip
    layers = " and ".join(
        dict.fromkeys(
            "{c_in} copies to {c_out}, {length} frames".format(**e["shape"]) for e in found
        )
    )
    yield Table(
        "One temporal mixture layer, a training step",
        [
            "N x D x T", "form", "s", "CPU s", "× grouped", "× grouped, CPU", "added MB",
            "memory to grouped",
        ],
        rows,
        [f"{_times(found)}, both forms taken in turn; memory in a process of its own; {layers}."],
    )  # fmt: skip


TABLES: dict[str, Callable[[Sequence[Record]], Iterator[Table]]] = {
    "extraction": _extraction, "clips": _clips, "training": _training, "length": _length,
    "tgm": _tgm,
}  # fmt: skip


# --- cells


def _number(value: float) -> str:
    """Write a number with three digits that say something, and never an exponent."""
    size = abs(float(f"{value:.3g}"))  # 0.9999 is written as 1.00, not as 1.000
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:.{digits}f}"


def _cells(found: Record, names: Sequence[str]) -> list[str]:
    """Write the medians of some figures; what there is none of stays empty."""
    return [_number(found[name]["median"]) if name in found else "" for name in names]


def _listed(found: Sequence[Record], name: str) -> str:
    """List the different values that records have."""
    values = [_size(e[name]) if name == "size" else str(e[name]) for e in found]
    return " and ".join(dict.fromkeys(values))


def _size(size: Sequence[int]) -> str:
    return f"{size[0]}x{size[1]}"


def _times(found: Any) -> str:
    """Say how many repetitions the medians are of."""
    numbers = sorted(set(_counts(found)))
    if not numbers:
        return "Nothing measured"
    several = f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else f"{numbers[0]}"
    return f"Medians of {several} repetitions"


def _counts(found: Any) -> Iterator[int]:
    """Yield the numbers of repetitions of all figures in a record."""
    if isinstance(found, Mapping):
        if "median" in found:
            yield found["n"]
        else:
            for value in found.values():
                yield from _counts(value)
    elif isinstance(found, list):
        for value in found:
            yield from _counts(value)
