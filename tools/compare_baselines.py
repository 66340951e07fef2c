"""Compare video, keypoints and clusters on the bundled example: same videos, labels and split.

    python tools/compare_baselines.py FOLDER [--noise 1] [--lost 0.03] [--clusters 20] [--no-video]

Makes a project in FOLDER of the example's videos, writes what a tracker would have found in them
(the points as they are drawn, with noise, and some lost) as DeepLabCut's csv, clusters of the same
keypoints without any label (k-means) as a table like B-SOiD's, runs it, and prints test scores.
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from sklearn.cluster import KMeans

from deg_core.config import load_config
from deg_core.data.keypoints import COORDS, POINTS, expand, interpolate
from deg_core.data.publish import publish_text, read_json
from deg_core.example.motion import FIELD
from deg_core.example.render import SEED, VIDEOS, VideoSpec
from deg_core.example.tracks import AROUND, tracked
from deg_core.project.folder import repository
from deg_core.project.run import run

SCORES = ("f1_macro", "bout_f1_50")


def write_keypoints(path: Path, keypoints: np.ndarray) -> None:
    """Write keypoints as DeepLabCut does: three header rows, then a row per frame."""
    heads = pd.MultiIndex.from_product(
        [["example"], POINTS, COORDS], names=["scorer", "bodyparts", "coords"]
    )
    table = pd.DataFrame(keypoints.reshape(len(keypoints), -1), columns=heads)
    publish_text(path, table.to_csv(float_format="%.4f", lineterminator="\n"))


def cluster(keypoints: dict[str, np.ndarray], *, n: int) -> Iterator[tuple[str, np.ndarray]]:
    """Cluster the postures of all videos together, by their mean and spread around each frame."""
    described = {}
    for video, points in keypoints.items():
        features = expand(interpolate(points)[..., :2], size=(FIELD, FIELD))
        around = pd.DataFrame(features).rolling(2 * AROUND + 1, center=True, min_periods=1)
        described[video] = np.hstack([around.mean(), around.std(ddof=0)])
    joined = np.concatenate(list(described.values()))
    found = KMeans(n, n_init=4, random_state=0).fit_predict(joined)
    lengths = np.cumsum([len(rows) for rows in described.values()])[:-1]
    yield from zip(described, np.split(found, lengths), strict=True)


def make_project(
    folder: Path, presets: list[str], *, noise: float, lost: float, n: int, mapping: str
) -> None:
    """Write settings, table, labels, keypoints and clusters of the project."""
    example = repository() / "example"
    config = load_config(example / "proper" / "config.yaml")
    del config["preset_base"], config["features"]["still"]
    config["presets"], config["example"] = presets, {"videos": "videos", "seed": SEED}
    config["clusters"] = {"mapping": mapping}
    publish_text(folder / "config.yaml", yaml.safe_dump(config, sort_keys=False))
    rows = ["video\tpath\tpretrain\tlabels\tkeypoints\tclusters"]
    keypoints = {
        video: tracked(VideoSpec(video), np.random.default_rng([0, i]), noise=noise, lost=lost)
        for i, video in enumerate(VIDEOS)
    }
    for video, points in keypoints.items():
        write_keypoints(folder / "keypoints" / f"{video}.csv", points)
        text = (example / "labels" / f"{video}.csv").read_text(encoding="utf-8")
        publish_text(folder / "labels" / f"{video}.csv", text)
        files = [f"{kind}/{video}.csv" for kind in ("labels", "keypoints", "clusters")]
        rows.append("\t".join([video, f"videos/{video}.mp4", "yes", *files]))
    for video, found in cluster(keypoints, n=n):
        table = pd.DataFrame({"B-SOiD labels": found})
        publish_text(folder / "clusters" / f"{video}.csv", table.to_csv(lineterminator="\n"))
    publish_text(folder / "videos.tsv", "\n".join([*rows, ""]))


def lines(folder: Path, presets: list[str]) -> Iterator[str]:
    """Write the test scores of all presets as a table, chance levels in brackets."""
    found = {name: read_json(folder / f"results/metrics/{name}/0/all.json") for name in presets}
    behaviors = next(iter(found.values()))["behaviors"]
    yield f"| preset | macro F1 | bout F1 at IoU 0.5 | {' | '.join(behaviors)} |"
    yield "|---" * (3 + len(behaviors)) + "|"
    for name, metrics in found.items():
        overall, single = metrics["sequence"]["overall"], metrics["sequence"]["behaviors"]
        cells = [f"{overall[s]['value']:.3f} ({overall[s]['chance']:.3f})" for s in SCORES]
        cells += [f"{single[b]['f1']['value']:.2f}" for b in behaviors]
        yield f"| `{name}` | {' | '.join(cells)} |"


def main() -> int:
    """Make the project, run it, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--noise", type=float, default=1.0, help="of a point, in pixels of 96")
    parser.add_argument("--lost", type=float, default=0.03, help="share of the points")
    parser.add_argument("--clusters", type=int, default=20)
    parser.add_argument("--mapping", choices=("share", "majority"), default="share")
    parser.add_argument("--no-video", action="store_true", help="leave out the preset lite")
    parser.add_argument("--cores", default="2")
    chosen = parser.parse_args()
    presets = ["keypoints", "clusters"] if chosen.no_video else ["lite", "keypoints", "clusters"]
    make_project(
        chosen.folder, presets, noise=chosen.noise, lost=chosen.lost, n=chosen.clusters,
        mapping=chosen.mapping,
    )  # fmt: skip
    metrics = [f"results/metrics/{preset}/0/all.json" for preset in presets]
    code = run(chosen.folder, options=["--cores", chosen.cores, *metrics], environment=os.environ)
    print("\n".join(lines(chosen.folder, presets)) if code == 0 else "deg run failed")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
