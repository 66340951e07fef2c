"""`deg demo`: the bundled example, from drawing its videos to the report."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from deg_core.errors import ConfigError
from deg_core.presets import suited
from deg_core.project import report, workflow
from deg_core.project.folder import CONFIG, repository
from deg_core.project.machine import count_gpus, has_imagenet_weights
from deg_core.project.run import run


def demo(*, options: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the example and say where to look.

    Parameters
    ----------
    options
        For Snakemake.
    environment
        Of the process.

    Returns
    -------
    int
        Snakemake's exit code.

    Raises
    ------
    ConfigError
        If the package was installed without the example.
    """
    root = repository()
    if not (root / CONFIG).is_file():
        raise ConfigError(
            "the example is part of the repository, not of the installed package; "
            "clone the repository and run `make demo` in it."
        )
    print(which_preset(root, environment=environment), flush=True)
    code = run(root, options=options, environment=environment)
    if code == 0 and not workflow.is_dry(options):
        report.report(root, out=None, environment=environment, options=options)
        print(where_to_look(root))
    return code


def which_preset(root: Path, *, environment: Mapping[str, str]) -> str:
    """Say which preset the example runs, and why."""
    presets = yaml.safe_load((root / CONFIG).read_text(encoding="utf-8"))["presets"]
    advised, reason = suited(
        gpus=count_gpus(environment), weights=has_imagenet_weights(environment)
    )
    named = f"The example runs the preset {' and '.join(presets)}"
    if presets == advised:
        return f"{named}: {reason}."
    return (
        f"{named}, which learns within minutes on any machine; `deg new` would choose "
        f"{' and '.join(advised)} for a project of yours, since {reason}."
    )


def where_to_look(root: Path) -> str:
    """List what a finished example is worth a look, with one video's files as a sample."""
    results = root / "results"
    ethogram = next(iter(sorted(results.glob("figures/**/*ethogram*"))), results / "figures")
    bouts = next(iter(sorted(results.glob("ethograms/**/*.bouts.csv"))), results / "ethograms")
    return "\n".join(
        [
            "",
            "Where to look:",
            f"  {root / 'report.html'}: every figure and table, in a browser",
            f"  {ethogram}: labels against predictions of one video, over time",
            f"  {bouts}: the bouts of one video, in frames and seconds",
            f"  {results / 'metrics'}: all scores of each run, beside their chance level",
        ]
    )
