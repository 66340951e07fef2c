"""A project whose few files were made by recorded jobs: import, prediction, summary."""

from pathlib import Path

from projects import HEADER

from deg_core.data.publish import publish_text
from deg_core.recording import job, reading

CONFIG = "behaviors: [groom]\n"


def make(folder: Path, monkeypatch) -> Path:
    """Make the project, in which the process then is: its words are relative, as a rule's are."""
    (folder / "raw").mkdir(parents=True)
    (folder / "labels").mkdir()
    (folder / "config.yaml").write_text(CONFIG)
    rows = [f"m{n}\traw/m{n}.mp4\tm{n}\tyes\t{'labels/m1.csv' if n == 1 else ''}\t" for n in (1, 2)]
    (folder / "videos.tsv").write_text(HEADER + "\n".join([*rows, ""]))
    for n in (1, 2):
        (folder / "raw" / f"m{n}.mp4").write_bytes(f"video {n}".encode() * 10)
    (folder / "labels" / "m1.csv").write_text("labels of m1\n")
    monkeypatch.chdir(folder)
    for n in (1, 2):
        import_video(n)
        predict(n)
    summarize()
    return folder


def call(stage, *inputs, **outputs):
    """Run a job that copies the names of its inputs, and its settings, into its outputs."""
    words = ["deg", stage, *inputs, *map(str, outputs)]
    settings = {"seed": 4} if stage == "predict" else {}
    with job(stage, version=2, words=words, arguments={"settings": settings, "threads": 1}):
        for path in inputs:
            reading(path)
        for path, text in outputs.items():
            publish_text(Path(path), text)


def import_video(n):
    call("import_video", f"raw/m{n}.mp4", **{f"results/import/m{n}.h5": f"frames {n}"})


def predict(n, text="probabilities"):
    outputs = {f"results/predictions/m{n}.h5": f"{text} {n}", f"results/ethograms/m{n}.csv": text}
    call("predict", f"results/import/m{n}.h5", "labels/m1.csv", **outputs)


def summarize():
    files = [f"results/predictions/m{n}.h5" for n in (1, 2)]
    call("summarize", *files, **{"results/summary/metrics.csv": "f1\n0.9\n"})
