"""Draw the figures of finished projects anew from their summaries, without a new Python for each.

    python tools/draw_figures.py [--force] PROJECT ...

Does what `deg run PROJECT figures` does, but takes the tables as they are: Snakemake decides which
figures are stale. Loading the libraries takes twice as long as drawing a figure, so they are loaded
once, and each script runs in a copy of this process (a fork: Linux and macOS).
"""

import argparse
import os
import re
import runpy
import sys
import sysconfig
from pathlib import Path
from types import SimpleNamespace

from snakemake.benchmark import benchmarked
from snakemake.cli import main as snakemake
from snakemake.exceptions import WorkflowError
from snakemake.script import PythonScript

from deg_core.project.folder import repository

SCRIPTS = repository() / "workflow" / "scripts"


def run_script(job: PythonScript, edit: bool = False) -> None:
    """Run a rule's script in a copy of this process; takes the place of ``evaluate``.

    Raises
    ------
    WorkflowError
        If the script fails; its log says why.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            known = ("input", "output", "params", "wildcards", "log", "threads")
            facts = {name: getattr(job, name) for name in known}
            given = SimpleNamespace(rule=job.rulename, **facts)
            runpy.run_path(job.local_path, {"snakemake": given}, run_name="__main__")
            code = 0
        finally:
            os._exit(code)
    with benchmarked(child, job.bench_record):
        status = os.waitpid(child, 0)[1]
    if status != 0:
        raise WorkflowError(f"{job.rulename} failed; see {job.log}")


def figure_rules() -> list[str]:
    """List the rules that draw the figures of a study, and the one that asks for them."""
    files = sorted((repository() / "workflow" / "rules").glob("figures*.smk"))
    return [
        name
        for file in files
        for name in re.findall(r"^rule (figure\w*):", file.read_text("utf-8"), re.MULTILINE)
    ]


def draw(project: Path, *, cores: str, force: bool) -> int:
    """Draw the figures of one project that are missing or stale, or all; return an exit code."""
    command = ["--snakefile", str(repository() / "Snakefile"), "--directory", str(project)]
    command += ["--workflow-profile", str(repository() / "profiles" / "default")]
    # No other rule: a copy of a summary has new dates, and is not to be computed again by that.
    command += ["--cores", cores, "--allowed-rules", *figure_rules(), "--", "figures"]
    if force:
        for figure in sorted((project / "results" / "figures").rglob("*.svg")):
            figure.unlink()
    try:
        snakemake(command)
    except SystemExit as done:
        return int(done.code or 0)
    return 0


def main() -> int:
    """Load once what the scripts need, then draw one project after the other."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("projects", nargs="+", type=Path, metavar="PROJECT")
    parser.add_argument("--cores", default="all")
    parser.add_argument("--force", action="store_true", help="also figures that are up to date")
    chosen = parser.parse_args()
    sys.path.insert(0, str(SCRIPTS))
    __import__("marks")  # and with it style, tables, matplotlib, pandas
    os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), *os.get_exec_path()])
    PythonScript.evaluate = run_script
    folders = [project.resolve() for project in chosen.projects]
    return max(draw(folder, cores=chosen.cores, force=chosen.force) for folder in folders)


if __name__ == "__main__":
    raise SystemExit(main())
