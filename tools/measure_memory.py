"""Measure the peak memory of import and extraction against the length of a video.

    python tools/measure_memory.py [MINUTES ...]      default: 1 10

Renders videos of the example's animal, runs `deg import-video` and `deg extract-features` on them
with an untrained `lite` model, each in a process of its own, and prints a table.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from deg_core.example.render import FPS, render_video
from deg_core.learn.device import choose
from deg_core.models import files, flow, two_stream
from deg_core.presets import resolve
from deg_core.settings import FeatureSettings, FlowSettings, from_dict, to_dict
from deg_core.stages.networks import Motion

NORMALIZATION = {"mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]}


def write_models(folder: Path) -> tuple[Path, Path]:
    """Publish untrained models of preset `lite`; their cost is that of trained ones."""
    flow_file, feature_file = folder / "flow.pt", folder / "features.pt"
    settings = from_dict(FlowSettings, resolve({}, "flow", "lite"))
    network = flow.build(settings)
    files.save(
        flow_file, stage="train_flow", network=network, settings=to_dict(settings),
        normalization=NORMALIZATION,
    )  # fmt: skip
    motion = Motion.load(flow_file, torch.device("cpu"))
    settings = from_dict(FeatureSettings, resolve({}, "features", "lite"))
    files.save(
        feature_file, stage="train_features", network=two_stream.build(settings, motion.network, 5),
        settings=to_dict(settings), behaviors=list("abcde"), flow_sha256=motion.sha256,
        normalization=NORMALIZATION,
    )  # fmt: skip
    return flow_file, feature_file


# A process starts with its parent's peak on its account, and this one has torch loaded.
WATCH = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""


def measured(command: list[str]) -> tuple[float, float]:
    """Run a command; return its peak memory in MB and its seconds."""
    started = time.monotonic()
    watched = [sys.executable, "-c", WATCH, *map(str, command)]
    done = subprocess.run(watched, check=True, capture_output=True, text=True)
    return float(done.stdout), time.monotonic() - started


def measure(
    minutes: float, folder: Path, models: tuple[Path, Path]
) -> dict[str, tuple[float, float]]:
    """Import and extract one video of some minutes."""
    video, store, out = (folder / f"{minutes}{end}" for end in (".mp4", ".h5", ".features.h5"))
    background = folder / "background.png"
    render_video("memory", video, n_frames=round(minutes * 60 * FPS))
    deg = [sys.executable, "-m", "deg_core.cli"]
    size = json.dumps({"size": [96, 96]})
    imported = measured(
        [*deg, "import-video", "--raw", video, "--out", store, "--settings", size]
    )  # fmt: skip
    stats = ["--store", store, "--out", folder / "stats.json", "--background", background]
    measured([*deg, "video-stats", *stats, "--settings", "{}"])
    extracted = measured(
        [*deg, "extract-features", "--store", store, "--background", background,
         "--flow", models[0], "--features", models[1], "--out", out, "--settings", "{}",
         "--threads", "2"]
    )  # fmt: skip
    return {"import": imported, "extract": extracted}


def main(minutes: list[float]) -> None:
    """Print one line per length."""
    choose(2)
    print("minutes  import MB  seconds  extract MB  seconds")
    with tempfile.TemporaryDirectory() as name:
        models = write_models(Path(name))
        for length in minutes:
            found = measure(length, Path(name), models)
            columns = [f"{megabytes:9.0f}  {seconds:8.1f}" for megabytes, seconds in found.values()]
            row = [f"{length:7g}", *columns]
            print("  ".join(row), flush=True)


if __name__ == "__main__":
    main([float(text) for text in sys.argv[1:]] or [1, 10])
