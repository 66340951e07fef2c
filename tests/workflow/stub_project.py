"""A project whose stages are stubs: what Snakemake plans is real, what the stages write is not."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]

# Stands in for the command line: makes the files named by its arguments that are not there yet,
# which are the outputs, since Snakemake removes these before it calls. Each time others, as
# numbers of another training would be.
DEG = """#!/bin/sh
stage=$1
if [ "$stage" = "$FAIL" ]; then echo "told to fail" >&2; exit 1; fi
if [ "$stage" = summarize ]; then
  for table in metrics over_splits curves confusion calibration history models bouts edges \
    statistics transitions examples; do set -- "$@" results/summary/$table.csv; done
fi
for path in "$@"; do
  case $path in
    results/models/quantized/*.xml) set -- "$@" "${path%.xml}.bin" ;;
  esac
done
for path in "$@"; do
  case $path in
    results/* | example/videos/*) [ -e "$path" ] || echo "$stage $$ $path" > "$path" ;;
  esac
done
"""
SCRIPT = """from pathlib import Path
for path in [*snakemake.output, *snakemake.log]:
    Path(path).write_text("stub")
"""
CONFIG: dict[str, Any] = {
    "behaviors": ["groom", "rear"],
    "presets": ["fast", "lite"],
    "splits": {"count": 1, "final": True},
    "sweep": {"train_sizes": [2], "presets": ["lite"]},
    "figures": {"ethograms": "test"},
}
# m6 is not labeled; m1 and m2 are what motion is learned from.
TABLE = "video\tpath\tpretrain\n" + "".join(
    f"m{n}\traw/mouse {n}.mp4\t{'yes' if n < 3 else 'no'}\n" for n in range(1, 7)
)
LABELS = """kind,behavior,start_frame,stop_frame,annotator
scored,*,0,90,anna
bout,groom,10,30,anna
bout,rear,40,60,anna
"""


@dataclass(frozen=True)
class Stub:
    """A project folder and the copy of the repository that serves it.

    ``changed`` says what a test did to computed files, which are then put back.
    """

    folder: Path
    repository: Path
    python: Path
    changed: list[str] = field(default_factory=list)

    def snakemake(self, *options: str, fail: str = "") -> subprocess.CompletedProcess[str]:
        """Call Snakemake as a user does; ``fail`` names a stage that is to fail."""
        if not {"--summary", "--dry-run"} & set(options):
            self.changed.append("ran")
        here = [] if self.folder == self.repository else self._elsewhere()
        command = [self.python, "-m", "snakemake", *here, "--cores", "4", *options]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=dict(os.environ) | {"FAIL": fail},
            capture_output=True,
            text=True,
            check=False,
        )

    def _elsewhere(self) -> list[str]:
        return ["-s", f"{self.repository / 'Snakefile'}", "--directory", f"{self.folder}"]

    def run(self, *options: str) -> None:
        """Run the workflow to its end."""
        done = self.snakemake("--quiet", "--scheduler", "greedy", *options)
        assert done.returncode == 0, done.stdout + done.stderr

    def plan(self, *options: str) -> dict[str, set[str]]:
        """Ask what is to be made again: the files of each rule, without results/."""
        done = self.snakemake("--summary", *options)
        assert done.returncode == 0, done.stdout + done.stderr
        header, *lines = (line.split("\t") for line in done.stdout.splitlines() if "\t" in line)
        plan: dict[str, set[str]] = {}
        for line in lines:
            row = dict(zip(header, line, strict=True))
            if row["plan"] != "no update":
                name = row["output_file"].removeprefix("results/")
                plan.setdefault(row["rule"], set()).add(name)
        return plan

    def delete(self, path: str) -> None:
        """Delete one file or folder of the results."""
        self.changed.append(path)
        target = self.folder / "results" / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()

    def configure(self, **changes: Any) -> None:
        """Set keys of config.yaml; nested keys are written with two underscores."""
        config = yaml.safe_load((self.folder / "config.yaml").read_text(encoding="utf-8"))
        for key, value in changes.items():
            *blocks, last = key.split("__")
            block = config
            for name in blocks:
                block = block.setdefault(name, {})
            block[last] = value
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def make_python(folder: Path) -> Path:
    """Make an environment like this one, except that its `deg` is the stub."""
    done = subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", folder], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    python = folder / "bin" / "python"
    packages = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    # Not only its path: editable installs, as of this project, are .pth files in there.
    Path(packages, "all.pth").write_text(
        f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n", encoding="utf-8"
    )
    script = folder / "bin" / "deg"
    script.write_text(DEG, encoding="utf-8")
    script.chmod(0o755)
    return python


def copy_repository(folder: Path) -> None:
    """Copy what Snakemake reads, with figures that draw nothing."""
    shutil.copytree(ROOT / "workflow", folder / "workflow")
    shutil.copytree(ROOT / "profiles", folder / "profiles")
    shutil.copy(ROOT / "Snakefile", folder)
    for script in (folder / "workflow" / "scripts").glob("figure_*.py"):
        script.write_text(SCRIPT, encoding="utf-8")


def write_project(folder: Path, config: Mapping[str, Any] = CONFIG) -> None:
    """Write the settings, table, raw videos and labels of a project."""
    for name in ("raw", "labels"):
        (folder / name).mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(config)), encoding="utf-8")
    (folder / "videos.tsv").write_text(TABLE, encoding="utf-8")
    for n in range(1, 7):
        (folder / "raw" / f"mouse {n}.mp4").write_bytes(b"x" * 100)
        if n < 6:
            (folder / "labels" / f"m{n}.csv").write_text(LABELS, encoding="utf-8")
