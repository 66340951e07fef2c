"""Names of the files that trainings keep under state/, and when the last of them go.

Standard library only, for `deg run` clears up without loading torch.
"""

from pathlib import Path

FOLDER = "state"
LAST, PREVIOUS, FINISHED = "last.pt", "previous.pt", "finished.pt"
NAMES = (LAST, FINISHED, PREVIOUS)  # in the order in which they are tried
NOTE = "batch.json"  # the batch size that was found
# Whose models the states of a rule become.
_STAGES = {
    "train_flow": "flow",
    "train_features": "features",
    "train_sequence": "sequence",
    "train_keypoints": "sequence",
}


def has_state(folder: Path) -> bool:
    """Tell whether a training has a state that can be continued; phases have folders of their own.

    Parameters
    ----------
    folder
        The training's.
    """
    return any(path.name in NAMES for path in folder.rglob("*.pt"))


def finish(folder: Path) -> None:
    """Keep the states of a training that has been published, as finished ones.

    Parameters
    ----------
    folder
        The training's.
    """
    for path in [*folder.rglob(LAST)]:
        path.replace(path.with_name(FINISHED))
        path.with_name(PREVIOUS).unlink(missing_ok=True)


def discard_finished(project: Path) -> None:
    """Remove finished states whose model is there, once Snakemake has noted what was done.

    Parameters
    ----------
    project
        Its folder.
    """
    root = project / FOLDER
    for path in [*root.rglob(FINISHED)]:
        rule, *run = path.parent.relative_to(root).parts
        if any(model.exists() for model in _models(project, rule, run)):
            path.unlink(missing_ok=True)
    for note in [*root.rglob(NOTE)]:
        if not has_state(note.parent):
            note.unlink(missing_ok=True)


def _models(project: Path, rule: str, run: list[str]) -> list[Path]:
    """List what a state may have become: its last folder names the run's last part, or a phase."""
    stage = _STAGES.get(rule)
    folder = project / "results" / "models" / str(stage)
    return [Path(f"{folder.joinpath(*names)}.pt") for names in (run, run[:-1]) if stage and names]
