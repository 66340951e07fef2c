"""`deg import-model`: a checkpoint of DeepEthogram becomes a model file that `weights` can name.

Reads a checkpoint and the config.yaml of its run; writes one model file, or, for a feature
extractor, two.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from deg_core.config import read_yaml
from deg_core.data.publish import sha256
from deg_core.errors import ConfigError, DegError, ModelError
from deg_core.models import agreement, files
from deg_core.models.compat import checkpoint
from deg_core.models.compat.convert import Converted, Part, convert
from deg_core.models.compat.recognise import section
from deg_core.presets import resolve
from deg_core.settings import SECTIONS, from_dict

PRESETS = ("fast", "medium", "slow")  # those of the original program


def import_model(
    file: Path,
    *,
    out: Path,
    preset: str | None = None,
    behaviors: Sequence[str] | None = None,
    activation: str | None = None,
    config: Path | None = None,
    transfer: bool = False,
) -> int:
    """Import a checkpoint and print what it was, and what to write into config.yaml.

    Parameters
    ----------
    file
        ``checkpoint.pt`` or a ``.ckpt``; nothing in it is executed.
    out
        Model file to write. A feature extractor's motion network is written beside it, as
        ``<name>.flow.pt``.
    preset
        The preset whose network it must be; None: any.
    behaviors
        Names of the behaviors, without background; None: as the run's configuration has them.
    activation
        ``sigmoid`` or ``softmax``; None: as the run's configuration has it.
    config
        Configuration of the run; None: the config.yaml beside the file or one folder up.
    transfer
        Whether the last layers are not wanted, and need no names.

    Returns
    -------
    int
        0.

    Raises
    ------
    ModelError
        If the checkpoint cannot be read or used, is of another preset, or a file is in the way.
    StateError
        If a file cannot be written.
    """
    _check_free(out)
    content = checkpoint.read(file)
    run, source = read_run(file, config)
    try:
        found = convert(
            content.state_dict, run, behaviors=behaviors, activation=activation, transfer=transfer
        )
    except DegError as error:
        raise ModelError(f"{file}: {error}") from error
    if preset and found.preset not in (None, preset):
        raise ModelError(
            f"{file}: expected a network of the preset {preset}, found {found.name}, which is of "
            f"{found.preset}; pass --preset {found.preset}, or give another file."
        )
    if len(found.parts) == 2:
        _check_free(flow_path(out))
    written = write(found.parts, out)
    epoch = "" if content.epoch is None else f", epoch {content.epoch}"
    print(f"{file}: {found.name}, {len(content.state_dict)} tensors{epoch}")
    print(f"configuration of its run: {source or 'none'}")
    print("\n".join(account(found, written, transfer=transfer)))
    print("\n".join(advice(found, written, run, preset=preset or found.preset, transfer=transfer)))
    return 0


def _check_free(path: Path) -> None:
    if path.is_dir():
        raise ModelError(
            f"{path}: expected the name of a file to write, found a folder; pass --out "
            f"{path / 'NAME.pt'}."
        )
    if path.exists():
        raise ModelError(f"{path}: this file exists; choose another --out, or move it away.")


def flow_path(out: Path) -> Path:
    """Return where the motion network of a feature extractor is written."""
    return out.with_name(f"{out.stem}.flow.pt")


# --- the configuration of the run


def read_run(file: Path, config: Path | None) -> tuple[Mapping[str, Any], Path | None]:
    """Read the configuration of the run that a checkpoint comes from, and say where it was.

    Raises
    ------
    ModelError
        If it cannot be read, or the one that was named is not of the original program.
    """
    if config is not None:
        run = _yaml(config)
        if not is_run(run):
            raise ModelError(
                f"{config}: expected a configuration of DeepEthogram, with keys such as project "
                "and augs; give the config.yaml of the run or the project_config.yaml."
            )
        return run, config
    folders = Path(file).absolute().parents
    for path in (folder / "config.yaml" for folder in folders[:2]):
        if path.is_file():
            run = _yaml(path)
            if is_run(run):  # it might be one of ours
                return run, path
    return {}, None


def is_run(content: Any) -> bool:
    """Tell a configuration of the original program from anything else."""
    return isinstance(content, Mapping) and not {"project", "augs"}.isdisjoint(content)


def _yaml(path: Path) -> Any:
    try:
        return read_yaml(path)
    except ConfigError as error:
        what = str(error).removeprefix(str(path)).lstrip(":, ")[:200].rstrip(". ")
        raise ModelError(
            f"{path}: expected the configuration of a training, in YAML, but it cannot be read "
            f"({what}); pass another one as --config."
        ) from error


# --- what is written and told


def write(parts: Sequence[Part], out: Path) -> dict[str, Path]:
    """Write the model files; the last part is the one that was asked for.

    Returns
    -------
    dict
        The file of each stage.
    """
    last, behind = parts[-1], {}
    try:
        if len(parts) == 2:
            motion = flow_path(out)
            files.save(motion, stage=parts[0].stage, network=parts[0].network, **parts[0].facts)
            behind = {"flow_sha256": sha256(motion)}
        files.save(out, stage=last.stage, network=last.network, **last.facts, **behind)
    except BaseException:
        if len(parts) == 2:
            flow_path(out).unlink(missing_ok=True)  # one without the other is of no use
        raise
    places = (flow_path(out), out)[-len(parts) :]
    return {part.stage: path for part, path in zip(parts, places, strict=True)}


def account(found: Converted, written: Mapping[str, Path], *, transfer: bool) -> Iterator[str]:
    """Say what the files hold."""
    for part in found.parts:
        tensors = len(part.network.state_dict())
        yield f"{written[part.stage]}: a model of {part.stage}, {tensors} tensors"
        if "normalization" in part.facts and part is found.parts[0]:
            both = part.facts["normalization"]
            shown = (f"{name} {', '.join(f'{x:.4f}' for x in both[name])}" for name in both)
            yield f"  normalization: {'; '.join(shown)}"
        if "behaviors" in part.facts:
            names = part.facts["behaviors"]
            yield f"  outputs: {len(names)}" if transfer else f"  behaviors: {', '.join(names)}"
    for name, value in found.assumed.items():
        yield (
            f"assumed: {name} {value}, as DeepEthogram has it unless told otherwise; nothing here "
            f"tells it, so pass {'--activation' if name == 'final_activation' else '--config'} if "
            "its training had another"
        )


def advice(
    found: Converted,
    written: Mapping[str, Path],
    run: Mapping[str, Any],
    *,
    preset: str | None,
    transfer: bool,
) -> Iterator[str]:
    """Write the lines that config.yaml needs.

    Settings that the preset has anyway are left out; where no preset is known, all that decide on
    the meaning of the weights are told, for every preset.
    """
    lines: dict[str, Any] = {"presets": [preset]} if preset else {}
    facts = found.parts[-1].facts
    if "behaviors" in facts and not transfer:
        lines["behaviors"] = facts["behaviors"]
    if facts.get("groups"):
        lines["exclusive_groups"] = facts["groups"]
    sees_frames = "normalization" in facts
    if sees_frames:
        lines["import"] = import_settings(run)
    for part in found.parts:
        name = part.stage.removeprefix("train_")
        block = {"weights": str(written[part.stage])} | needed(part, name, preset)
        lines[name] = {preset or "common": block}
    yield ""
    yield "In config.yaml:"
    yield ""
    yield yaml.safe_dump(
        lines, sort_keys=False, default_flow_style=None, allow_unicode=True
    ).strip()
    yield ""
    if sees_frames:
        yield from remarks_on_frames(run)
    yield "The training then starts from these weights."
    if not transfer:
        yield "With `epochs: 0` beside each `weights` they are used as they are."


def import_settings(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return how frames come to look as in the training, as far as the run tells."""
    size = section(run, "augs").get("resize")
    known = {"size": size} if isinstance(size, list) and len(size) == 2 else {}
    return known | {"resize": "linear"}


def remarks_on_frames(run: Mapping[str, Any]) -> Iterator[str]:
    """Say what was done to the frames in the training and has to be seen to by hand."""
    told = section(run, "augs")
    size = told.get("resize")
    if isinstance(size, int):
        yield (
            f"Its frames were resized so that the shorter side had {size} pixels: add `size` under "
            "import, height before width, with your videos' proportions."
        )
    elif not isinstance(size, list):
        found = "were not resized" if "resize" in told else "had a size that nothing here tells"
        yield (
            f"Its frames {found}: add `size` under import, height before width, as in its training "
            "videos."
        )
    for name in ("crop_size", "pad"):
        if told.get(name):
            yield (
                f"augs.{name} ({told[name]}) has no counterpart: make the videos so that their "
                "frames show what it left, and then set `size` under import accordingly."
            )


def needed(part: Part, name: str, preset: str | None) -> dict[str, Any]:
    """Return the settings that the weights need and the preset does not have."""
    settings = from_dict(SECTIONS[name], part.facts["settings"])
    names = [*agreement.meaning(part.stage, settings)]
    if name == "sequence":
        names.append("inference_window")
    if preset is not None:
        has = from_dict(SECTIONS[name], resolve({}, name, preset))
        of = agreement.value_of
        names = [key for key in names if of(has, key) != of(settings, key)]
    return {key: part.facts["settings"][key] for key in names}
