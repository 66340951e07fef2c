"""`deg report`: all figures and tables of a project in one page that opens offline."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from deg_core.errors import ConfigError, StateError
from deg_core.progress import log
from deg_core.project import scores, verdicts, workflow
from deg_core.project.folder import open_project, quoted
from deg_core.recording import published, reading


def report(
    folder: Path,
    *,
    out: Path | None,
    environment: Mapping[str, str],
    options: Sequence[str] = (),
) -> int:
    """Write the report of a project; print the scores of its runs, and what to trust.

    Parameters
    ----------
    folder
        The project; its run must have finished.
    out
        The page, an .html file; default: report.html in the project.
    environment
        Of the process.
    options
        Further options of Snakemake, such as another file of settings.

    Returns
    -------
    int
        0.

    Raises
    ------
    ConfigError
        If settings or table cannot be used, or ``out`` is not an .html file.
    StateError
        If results are missing or damaged.
    """
    open_project(folder)
    page = (folder / "report.html" if out is None else out).resolve()
    if page.suffix != ".html":
        raise ConfigError(f"--out: '{out}' must end in .html, the form of the report.")
    page.parent.mkdir(parents=True, exist_ok=True)
    try:
        workflow.ask(folder, options=[*options, "--report", str(page)], environment=environment)
    except StateError as error:
        if "does not exist" not in str(error):
            raise
        raise StateError(
            f"{folder}: results for the report are missing; "
            f"`deg run {quoted(folder)}` computes them."
        ) from error
    published(page)
    results = folder / "results"
    for part in ("figures", "report"):  # Snakemake, which writes the page, has read these
        for path in sorted((results / part).rglob("*")):
            reading(path)
    print("\n".join([*scores.full(results), *verdicts.lines(results)]))
    log(f"{page}: written; it opens in any browser, offline.")
    return 0
