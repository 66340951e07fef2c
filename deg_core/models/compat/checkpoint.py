"""Weights from files of the original program, of which nothing is executed.

Such a file is a pickle, and a pickle may name any function of any package to be called. Here every
name stands for one of the few inert classes below, whatever the file calls it: nothing is imported
and no function of torch, numpy or Python can be reached. Tensors are described by the pickle and
read by us. Both layouts that torch has written are known, the zip archive and the older stream.
"""

import io
import math
import os
import pickle
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from deg_core.data.pickles import check_places
from deg_core.errors import ModelError

FIRST_BYTES = (b"P", b"\x80", b"")  # of a zip archive, a pickle, and of what was cut off at once
STREAM_MAGIC, STREAM_VERSION = 0x1950A86A20F9469CFC6C, 1001
DTYPES: Mapping[str, torch.dtype] = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
PLAIN = (str, int, float, bool, type(None))


@dataclass(frozen=True)
class Checkpoint:
    """What a file of the original program holds.

    ``state_dict`` has the network's own keys; ``epoch`` is None where only weights were saved;
    ``hyper`` are the plain ones among the stored hyperparameters.
    """

    state_dict: dict[str, Tensor]
    epoch: int | None
    hyper: dict[str, Any]


def read(path: Path) -> Checkpoint:
    """Read a checkpoint without executing anything in it.

    Parameters
    ----------
    path
        ``checkpoint.pt``, a ``.ckpt`` of Lightning, or a bare state dict.

    Returns
    -------
    Checkpoint
        Weights on the processor. Leading ``module.``, then ``model.``, are taken off their keys;
        what belongs to the loss (``criterion``) is left out.

    Raises
    ------
    ModelError
        If the file is missing, damaged, or no such checkpoint.
    """
    path = Path(path)
    try:
        content = _content(path)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such file; give a checkpoint of DeepEthogram.") from error
    except IsADirectoryError as error:
        raise ModelError(
            f"{path}: expected a file, found a folder; give the .ckpt or .pt file in it."
        ) from error
    except _Foreign as error:
        raise ModelError(
            f"{path}: expected a checkpoint of DeepEthogram (.ckpt or .pt), found a file of "
            "another kind, not a checkpoint; give one of those in the training's folder."
        ) from error
    except Exception as error:  # what a damaged or foreign pickle raises has no end of kinds
        what = " ".join((str(error) or type(error).__name__).split())[:120].rstrip(". ")
        raise ModelError(
            f"{path}: expected a checkpoint of DeepEthogram (.ckpt or .pt), but the file is "
            f"damaged or something else ({what}); copy it again from where it was trained."
        ) from error
    return _checkpoint(content, path)


# --- what the names in a pickle stand for


class _Closed:
    """Takes any state and keeps none.

    Every class here must have this method: without it pickle would set whatever attributes the
    file asks for, on the classes, too.
    """

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        pass


class _Inert(_Closed):
    """Stands for everything unknown: can be made, called and filled, and does nothing."""

    __slots__ = ()

    def __new__(cls, *_: object, **__: object) -> "_Inert":
        return super().__new__(cls)

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __call__(self, *_: object, **__: object) -> "_Inert":
        return self

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def append(self, item: object) -> None:
        pass

    extend = add = append


class _Ordered(dict, _Closed):
    """An ordered dictionary; torch hangs an attribute on it that nobody needs."""


class _Storage(_Closed):
    """Numbers in the file, by their key."""

    __slots__ = ("dtype", "key", "numel")

    def __init__(self, dtype: torch.dtype, key: str, numel: int) -> None:
        self.dtype, self.key, self.numel = dtype, key, numel


class _Described(_Closed):
    """A tensor to be: a storage and how to look at it."""

    __slots__ = ("offset", "shape", "storage", "stride")

    def __init__(self, storage: Any, offset: Any, shape: Any, stride: Any, *_: object) -> None:
        self.storage, self.offset, self.shape, self.stride = storage, offset, shape, stride


class _Parameter(_Closed):
    """A parameter is its tensor."""

    __slots__ = ()

    def __new__(cls, data: object, *_: object) -> object:
        return data


KNOWN: Mapping[tuple[str, str], object] = {
    ("collections", "OrderedDict"): _Ordered,
    ("torch._utils", "_rebuild_tensor_v2"): _Described,
    ("torch._utils", "_rebuild_parameter"): _Parameter,
    **{("torch", name): dtype for name, dtype in DTYPES.items()},
    **{("torch.cuda", name): dtype for name, dtype in DTYPES.items()},
}


class _Unpickler(pickle.Unpickler):
    """Pickle's reader, to which every name is one of the above."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        return KNOWN.get((module, name), _Inert)

    def persistent_load(self, pid: Any) -> _Storage:
        """Note a storage: its kind, its key, where it was (nobody cares) and its length."""
        word, kind, key, _, numel, *view = pid
        if word != "storage" or any(view) or not isinstance(kind, torch.dtype):
            raise pickle.UnpicklingError("a tensor of an unknown kind")
        return self.storages.setdefault(str(key), _Storage(kind, str(key), int(numel)))


# --- the two layouts


class _Foreign(Exception):
    """A file that begins as no file of torch does, not even a damaged one."""


def _content(path: Path) -> Any:
    """Read a file into plain containers and tensors; the rest stays `_Inert`."""
    with path.open("rb") as file:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                return _from_zip(archive)
        file.seek(0)
        if file.read(1) not in FIRST_BYTES:
            raise _Foreign
        file.seek(0)
        return _from_stream(file)


def _from_zip(archive: zipfile.ZipFile) -> Any:
    roots = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise ValueError("a zip archive that torch did not write")
    if any(item.compress_type != zipfile.ZIP_STORED for item in archive.infolist()):
        raise ValueError("compressed, as torch never is")  # a few bytes could unpack to anything
    root = roots[0].removesuffix("data.pkl")
    order = f"{root}byteorder"
    _check_order(order not in archive.namelist() or archive.read(order) == b"little")
    file = io.BytesIO(archive.read(roots[0]))
    reader = _Unpickler(file)
    content = _load(reader, file)
    flats = {
        key: _flat(storage, archive.read(f"{root}data/{key}"))
        for key, storage in reader.storages.items()
    }
    return _filled(content, flats)


def _from_stream(file: IO[bytes]) -> Any:
    if (_next(file), _next(file)) != (STREAM_MAGIC, STREAM_VERSION):
        raise ValueError("not written by torch")
    _check_order(_next(file)["little_endian"])
    reader = _Unpickler(file)
    content = _load(reader, file)
    flats = {}
    for key in _next(file):
        storage = reader.storages[str(key)]
        if struct.unpack("<q", file.read(8)) != (storage.numel,):
            raise ValueError("numbers are missing")
        flats[storage.key] = _flat(storage, file.read(storage.numel * storage.dtype.itemsize))
    return _filled(content, flats)


def _next(file: IO[bytes]) -> Any:
    return _load(_Unpickler(file), file)


def _load(reader: _Unpickler, file: IO[bytes]) -> Any:
    """Read a pickle that begins here and whose table of places is of a sane size."""
    here = file.tell()
    size = file.seek(0, os.SEEK_END) - here
    file.seek(here)
    check_places(file, size=size)
    return reader.load()


def _check_order(little: bool) -> None:
    if not little:
        raise ValueError("numbers in big-endian order")


def _flat(storage: _Storage, data: bytes) -> Tensor:
    if len(data) != storage.numel * storage.dtype.itemsize:
        raise ValueError("numbers are missing")
    if not data:
        return torch.empty(0, dtype=storage.dtype)
    return torch.frombuffer(bytearray(data), dtype=storage.dtype)


def _filled(value: Any, flats: Mapping[str, Tensor]) -> Any:
    """Put tensors in the places of their descriptions."""
    if isinstance(value, _Described):
        return _tensor(value, flats)
    if isinstance(value, dict):
        return {key: _filled(inner, flats) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_filled(inner, flats) for inner in value]
    return value


def _tensor(described: _Described, flats: Mapping[str, Tensor]) -> Tensor:
    if not isinstance(described.storage, _Storage):
        raise ValueError("a tensor without numbers")
    flat = flats[described.storage.key]
    if math.prod(described.shape) > len(flat):  # strides of 0 could make it any size
        raise ValueError("a tensor larger than its numbers")
    return torch.as_strided(flat, described.shape, described.stride, described.offset)


# --- what is in it


def _checkpoint(content: Any, path: Path) -> Checkpoint:
    if isinstance(content, dict) and str(content.get("format")).startswith("deg-core"):
        raise ModelError(
            f"{path}: expected a checkpoint of DeepEthogram, found a model file of deg; name it "
            "under `weights` in config.yaml as it is."
        )
    weights = content
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        weights = content["state_dict"]
    entries = weights.items() if isinstance(weights, dict) else ()
    state = {_own_key(key): value for key, value in entries if "criterion" not in str(key)}
    strange = [key for key, value in state.items() if not isinstance(value, Tensor)]
    if strange or not state:
        found = f"'{strange[0]}', which is none" if strange else "no tensor"
        raise ModelError(
            f"{path}: expected a checkpoint of DeepEthogram, whose state_dict holds tensors, found "
            f"{found}; give the .ckpt or checkpoint.pt of a training's folder."
        )
    facts = content if weights is not content else {}
    epoch = facts.get("epoch")
    hyper = _plain(facts.get("hyper_parameters")) or _plain(facts.get("hyperparameters"))
    return Checkpoint(state, epoch if isinstance(epoch, int) else None, hyper or {})


def _own_key(key: Any) -> str:
    return str(key).removeprefix("module.").removeprefix("model.")


def _plain(value: Any) -> Any:
    """Keep what is text, number or a container of these; None for anything else."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, PLAIN) else None
