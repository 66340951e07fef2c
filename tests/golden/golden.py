"""Golden numbers: made by the cases, kept as JSON, compared with what they were."""

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from golden_cases import CASES

from deg_core.data.publish import publish_json

HERE = Path(__file__).parent
# Relative, by stage or part of one. What training makes of rounding was measured with and without
# vector instructions; these are a few times as large.
TOLERANCE = {
    "train_flow": 2e-3, "train_flow.examples": 5e-3, "train_features": 5e-5,
    "train_features.joint": 1e-3, "train_features.resnet": 2e-3, "train_sequence": 2e-5,
    "example": 1e-3, "advise": 1e-2, "quantize": 2e-2,
}  # fmt: skip
OTHERWISE = 1e-4
SMALLEST = 1e-6  # below which a float is as good as 0

Digest = dict[str, Any]


def digest_of(stage: str, folder: Path) -> Digest:
    """Run a stage's case on the processor with one thread; plain values, as JSON has them."""
    before, threads = os.environ.get("DEG_DEVICE"), torch.get_num_threads()
    os.environ["DEG_DEVICE"] = "cpu"
    torch.set_num_threads(1)
    try:
        publish_json(folder / "digest.json", CASES[stage](folder))
    finally:
        torch.set_num_threads(threads)
        os.environ.pop("DEG_DEVICE")
        if before is not None:
            os.environ["DEG_DEVICE"] = before
    return json.loads((folder / "digest.json").read_text())


def path_of(stage: str) -> Path:
    """Say where a stage's numbers are kept."""
    return HERE / f"{stage}.json"


def read_golden(stage: str) -> Digest:
    """Read ``version`` and ``digest`` of a stage; version 0 if there is no file yet."""
    path = path_of(stage)
    return json.loads(path.read_text()) if path.exists() else {"version": 0, "digest": {}}


def differences(found: Any, golden: Any, *, rel: float, place: str = "") -> Iterator[str]:
    """Yield a line for each value that is not what it was."""
    if isinstance(found, dict) and isinstance(golden, dict):
        for key in sorted({*found, *golden}):
            inner = f"{place}.{key}".lstrip(".")
            if key not in found or key not in golden:
                yield f"{inner}: only {'now' if key in found else 'before'}"
            else:
                yield from differences(found[key], golden[key], rel=rel, place=inner)
    elif isinstance(found, list) and isinstance(golden, list) and len(found) == len(golden):
        for i, pair in enumerate(zip(found, golden, strict=True)):
            yield from differences(*pair, rel=rel, place=f"{place}[{i}]")
    elif not same(found, golden, rel):
        yield f"{place}: was {golden}, is {found}"


def same(found: Any, golden: Any, rel: float) -> bool:
    numbers = [isinstance(x, float | int) and not isinstance(x, bool) for x in (found, golden)]
    if all(numbers) and float in (type(found), type(golden)):
        return math.isclose(found, golden, rel_tol=rel, abs_tol=SMALLEST)
    return type(found) is type(golden) and found == golden


def changes(stage: str, found: Digest) -> list[str]:
    """List what changed in a stage's numbers since its file was written."""
    before, lines = read_golden(stage)["digest"], []
    for part in sorted({*found, *before}):
        rel = TOLERANCE.get(f"{stage}.{part}", TOLERANCE.get(stage, OTHERWISE))
        one, other = ({part: digest[part]} if part in digest else {} for digest in (found, before))
        lines += differences(one, other, rel=rel)
    return lines
