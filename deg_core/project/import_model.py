"""`deg import-model`: a checkpoint of DeepEthogram becomes a model file that `weights` can name.

Reads a checkpoint and the config.yaml of its run; writes one model file, or, for a feature
extractor, two.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from deg_core.data.publish import sha256
from deg_core.errors import DegError, ModelError
from deg_core.models import files, weights
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
    for path in (out, flow_path(out)):
        if path.exists():
            raise ModelError(f"{path}: this file exists; choose another --out, or move it away.")
    content = checkpoint.read(file)
    run, source = read_run(file, config)
    try:
        found = convert(content.state_dict, run, behaviors=behaviors, transfer=transfer)
    except DegError as error:
        raise ModelError(f"{file}: {error}") from error
    if preset and found.preset not in (None, preset):
        raise ModelError(
            f"{file}: expected a network of the preset {preset}, found {found.name}, which is of "
            f"{found.preset}; pass --preset {found.preset}, or give another file."
        )
    written = write(found.parts, out)
    epoch = "" if content.epoch is None else f", epoch {content.epoch}"
    print(f"{file}: {found.name}, {len(content.state_dict)} tensors{epoch}")
    print(f"configuration of its run: {source or 'none'}")
    print("\n".join(account(found, written, transfer=transfer)))
    print("\n".join(advice(found, written, run, preset=preset or found.preset, transfer=transfer)))
    return 0


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
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        what = " ".join(str(error).split())[:100].rstrip(". ")
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
    size = section(run, "augs").get("resize")
    if isinstance(size, list) and "normalization" in facts:
        lines["import"] = {"size": size}
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
    yield "The training then starts from these weights."
    if not transfer:
        yield "With `epochs: 0` beside each `weights` they are used as they are."


def needed(part: Part, name: str, preset: str | None) -> dict[str, Any]:
    """Return the settings that the weights need and the preset does not have."""
    settings = from_dict(SECTIONS[name], part.facts["settings"])
    has = {} if preset is None else resolve({}, name, preset)
    values = {key: part.facts["settings"][key] for key in weights.meaningful(part.stage, settings)}
    return {key: value for key, value in values.items() if key not in has or has[key] != value}
