"""Import and extraction of one whole video, once, by the stages' own code."""

from pathlib import Path
from typing import Any

from deg_core.bench.figures import cost_of
from deg_core.settings import ExtractSettings, ImportSettings, from_dict
from deg_core.stages import import_video


def import_once(*, video: str, out: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Import one video; what that took, without the start of the process."""
    chosen = from_dict(ImportSettings, settings)
    cost = cost_of(lambda: import_video.run(raw=Path(video), out=Path(out), settings=chosen))
    return vars(cost) | {"bytes": Path(out).stat().st_size}


def extract_once(
    *,
    store: str,
    statistics: str,
    flow: str,
    features: str,
    out: str,
    settings: dict[str, Any],
    threads: int,
) -> dict[str, Any]:
    """Extract one video; what that took, without the start of the process."""
    from deg_core.stages import extract_features  # loads torch, which an import does not need

    files = {
        "store": Path(store), "background": Path(statistics) / "video.background.png",
        "flow": Path(flow), "features": Path(features), "out": Path(out),
    }  # fmt: skip
    chosen = from_dict(ExtractSettings, settings)
    cost = cost_of(lambda: extract_features.run(**files, settings=chosen, threads=threads))
    return vars(cost)
