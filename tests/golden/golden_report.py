"""Cases of the stages behind the report's pages: quality of videos, verdicts, what was run."""

import hashlib
import json
import os
from pathlib import Path

import golden_inputs as inputs
import numpy as np
import pandas as pd
import videos

from deg_core.data.publish import publish_csv, publish_json
from deg_core.data.store import FrameStore
from deg_core.settings import ImportSettings, QualitySettings
from deg_core.splits import Parts, pack
from deg_core.stages import (
    check_quality,
    describe,
    import_video,
    judge,
    quality_reference,
    report_pages,
    summarize_quality,
)

RUN = "fast/0/all"
KEY = dict(zip(judge.RUN, RUN.split("/"), strict=True))


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def write_videos(folder: Path) -> None:
    """Write imported videos with their sources' facts, features and predictions of one length."""
    inputs.write_scored(folder)
    for video in inputs.FRAMES:
        frames = inputs.frames_of(video)
        raw = videos.write_video(folder / "raw" / f"{video}.mkv", frames, fps=25, codec="ffv1")
        store = folder / "import" / f"{video}.h5"
        import_video.run(raw=raw, out=store, settings=ImportSettings(size=(16, 16)))
        assert FrameStore(store).n_frames == inputs.FRAMES[video]
        inputs.write_features(folder / "features", video)
    chosen = {
        name: {"method": "none", "parameters": {"threshold": 0.4 + 0.1 * k}}
        for k, name in enumerate(inputs.BEHAVIORS)
    }
    publish_json(folder / "c.json", {"behaviors": inputs.BEHAVIORS, "sequence": chosen})


def refer(folder: Path) -> dict:
    write_videos(folder)
    quality_reference.run(
        train_videos=inputs.TRAIN, val_videos=inputs.VAL, imports=folder / "import",
        features=folder / "features", predictions=folder / "predictions",
        postprocessing=folder / "c.json", settings=QualitySettings(frames=20),
        reference=folder / "reference.npz", out=folder / "reference.json",
    )  # fmt: skip
    return json.loads((folder / "reference.json").read_text())


def case_quality_reference(folder: Path) -> dict:
    found = refer(folder)
    with np.load(folder / "reference.npz") as file:
        norms = [float(np.linalg.norm(file[name])) for name in ("features", "scale")]
        owners = file["owner"].tolist()
    return found | {"norms": norms, "owners": owners}


def case_check_quality(folder: Path) -> dict:
    refer(folder)
    found = {}
    for video, part in (("g1", "train"), ("g3", "val")):
        check_quality.run(
            video=video, part=part, store=folder / f"import/{video}.h5",
            features=folder / f"features/{video}.h5",
            predictions=folder / f"predictions/{video}.h5",
            postprocessing=folder / "c.json", reference=folder / "reference.npz",
            known=folder / "reference.json", settings=QualitySettings(frames=20, margin=0.1),
            out=folder / "q.json",
        )  # fmt: skip
        found[video] = json.loads((folder / "q.json").read_text())
    return found


def write_checks(folder: Path) -> None:
    """Write the checks of two videos; one has a flag."""
    for video, reason in (("g1", ""), ("g2", "darker: 3, expected 8 to 9")):
        check = {"check": "brightness", "value": 3.5, "low": None, "high": 9.0, "reason": reason,
                 "flag": "look" if reason else "ok"}  # fmt: skip
        content = {"video": video, "part": "new", "checks": [check]}
        publish_json(folder / "quality" / RUN / f"{video}.json", content)


def case_summarize_quality(folder: Path) -> dict:
    write_checks(folder)
    summarize_quality.run(
        runs=[RUN], videos=["g1", "g2"], folder=folder / "quality", out=folder / "q.csv"
    )
    return {"text": digest((folder / "q.csv").read_bytes())}


def write_scores(folder: Path) -> None:
    """Write scores of two behaviors: one is found well, the bouts of the other are not."""
    about = {**KEY, "model": "sequence", "n_frames": 90, "n_bouts": 12, "direction": "higher"}
    rows = [
        {**about, "behavior": name, "metric": metric, "value": value, "low": value - 0.125,
         "high": value + 0.0625, "chance": 0.125}
        for name, metric, value in (
            ("bright", "f1", 0.875), ("bright", "bout_f1_50", 0.875), ("move", "f1", 0.75),
            ("move", "bout_f1_50", 0.25), ("move", "precision", 0.75), ("move", "recall", 0.75),
        )
    ]  # fmt: skip
    publish_csv(folder / "metrics.csv", pd.DataFrame(rows))
    chosen = [{**about, "behavior": n, "chosen": "yes", "frame_f1": 0.75} for n in inputs.BEHAVIORS]
    publish_csv(folder / "postprocessing.csv", pd.DataFrame(chosen))
    labeled = [
        {"video": video, "group": video, "labeled": "yes", "behavior": n, "n_positive": 2000}
        for video in inputs.FRAMES
        for n in inputs.BEHAVIORS
    ]
    publish_csv(folder / "data.csv", pd.DataFrame(labeled))
    judge.run(
        runs=[RUN], summary=folder, behaviors=list(inputs.BEHAVIORS), out=folder / "verdicts.csv",
        parts=pack({"0": Parts(train=("g1",), val=(), test=("g2", "g3"))}),
    )  # fmt: skip


def case_judge(folder: Path) -> dict:
    write_scores(folder)
    table = pd.read_csv(folder / "verdicts.csv", keep_default_na=False)
    return {"rows": table.astype(str).to_dict("records")}


def write_setup(folder: Path) -> None:
    """Write what one run was made with, and of which videos."""
    write_videos(folder)
    rows = "".join(f"{video}\traw/{video}.mkv\tyes\n" for video in inputs.FRAMES)
    (folder / "videos.tsv").write_text("video\tpath\tpretrain\n" + rows)
    record = {"seed": 0, "python": "3.11", "packages": {"torch": "2.6"}, "best": 0.123456}
    for stage in ("flow/fast", f"features/{RUN}", f"sequence/{RUN}"):
        publish_json(folder / "models" / f"{stage}.run.json", record)
    before = Path.cwd()
    os.chdir(folder)  # a video table's label files are looked for in the project
    try:
        describe.run(
            runs=[RUN], table=Path("videos.tsv"), results=Path(), setup=Path("setup.csv"),
            parts=pack({"0": Parts(tuple(inputs.TRAIN), tuple(inputs.VAL), ())}),
            trainings=json.dumps({"fast": ["features", "sequence"]}),
            changed=json.dumps({"sequence (fast)": {"lr": 0.5}}), videos=Path("videos.csv"),
        )  # fmt: skip
    finally:
        os.chdir(before)


def case_describe(folder: Path) -> dict:
    write_setup(folder)
    # The sizes of files depend on the version of FFmpeg.
    table = pd.read_csv(folder / "videos.csv", keep_default_na=False).drop(columns="megabytes")
    return {
        "setup": digest((folder / "setup.csv").read_bytes()),
        "videos": table.astype(str).to_dict("records"),
    }


def case_report_pages(folder: Path) -> dict:
    write_scores(folder)
    write_setup(folder)
    table = pd.read_csv(folder / "videos.csv", keep_default_na=False).assign(megabytes=1)
    publish_csv(folder / "videos.csv", table)
    write_checks(folder)
    summarize_quality.run(
        runs=[RUN], videos=["g1", "g2"], folder=folder / "quality", out=folder / "quality.csv"
    )
    pages = {name: folder / f"{name}.html" for name in ("verdicts", "videos", "setup")}
    report_pages.run(summary=folder, **pages)
    return {name: digest(path.read_bytes()) for name, path in pages.items()}
