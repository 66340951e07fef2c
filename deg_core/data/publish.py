"""Put a computed file in its place: whole, checked, or not at all.

Every file that the pipeline writes comes through here: written beside its place under a hidden
name, forced to the disk, read back and renamed. ``h5py`` is imported where it is used, because
the label reader, which Snakemake imports while it parses, needs the text half only.
"""

import csv
import errno
import hashlib
import json
import math
import os
import re
import socket
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deg_core.errors import DegError, StateError
from deg_core.recording import published, reading

if TYPE_CHECKING:
    import h5py
    import numpy as np
    import pandas as pd

    from deg_core.data.hdf5 import SafeFile

# Files up to this size are identified by their content, larger ones by size and time.
CONTENT_BYTES = 64 * 2**20
# What reading raises where bytes are wrong, be it HDF5, JSON, csv or npz.
DAMAGE = (
    OSError, EOFError, KeyError, IndexError, AttributeError, TypeError, ValueError, ArithmeticError,
    RuntimeError, csv.Error, zlib.error, zipfile.BadZipFile,
)  # fmt: skip
# A temporary file of another machine counts as given up after this long without a change: whether
# its process lives cannot be asked from here, and no stage pauses for days.
ABANDONED_S = 7 * 86400
_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def publish_file(path: Path, *, verify: Callable[[Path], None] | None = None) -> Iterator[Path]:
    """Give a temporary path beside ``path`` and rename it when the block ends well.

    Parameters
    ----------
    path
        Where the file is to appear; missing folders are made.
    verify
        Called with the finished temporary file before it is renamed; raises if it is no good.

    Yields
    ------
    Path
        The temporary file that the block must write.

    Raises
    ------
    StateError
        If the disk is full, the place is not writable, or nothing was written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.tmp-{_host()}-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        yield temporary
        _flush(temporary)
        if verify is not None:
            verify(temporary)
        temporary.replace(path)
        _flush_folder(path.parent)
        published(path)
    except DegError:
        raise
    except OSError as error:
        raise StateError(_sentence(path, error)) from error
    finally:
        # After the rename there is nothing left to remove.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def publish_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8, exactly as given.

    Raises
    ------
    StateError
        If it cannot be written, or reads back differently.
    """
    content = text.encode()

    def verify(temporary: Path) -> None:
        if temporary.read_bytes() != content:
            raise StateError(f"{path}: read back other than written; check the disk and run again.")

    with publish_file(path, verify=verify) as temporary:
        temporary.write_bytes(content)


def publish_json(path: Path, value: Any) -> None:
    """Write JSON: sorted keys, indented, NaN and infinities as null, numpy values as plain ones.

    Raises
    ------
    StateError
        If it cannot be written.
    """
    plain = _plain(value)
    text = json.dumps(plain, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    publish_text(path, text + "\n")


def publish_csv(path: Path, table: "pd.DataFrame") -> None:
    """Write a table as csv without its index; missing values become empty cells.

    Raises
    ------
    StateError
        If it cannot be written.
    """
    publish_text(path, table.to_csv(index=False, lineterminator="\n"))


def publish_npz(path: Path, arrays: "Mapping[str, np.ndarray]") -> None:
    """Write named arrays, compressed.

    Raises
    ------
    StateError
        If they cannot be written, or read back differently.
    """
    import numpy as np

    def verify(temporary: Path) -> None:
        with np.load(temporary) as found:
            if any(found[name].tobytes() != array.tobytes() for name, array in arrays.items()):
                raise StateError(f"{path}: read back other than written; check the disk.")

    # Given a path in place of a file, numpy would add a suffix to it.
    with publish_file(path, verify=verify) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


@contextmanager
def publish_hdf5(path: Path) -> "Iterator[SafeFile]":
    """Give an empty HDF5 file to fill; it appears at ``path`` when the block ends well.

    Raises
    ------
    StateError
        If it cannot be written, or a data set cannot be read back.
    """
    from deg_core.data.hdf5 import SafeFile

    with publish_file(path, verify=_verify_hdf5) as temporary:
        file = SafeFile(temporary)
        try:
            yield file
        except BaseException:
            with suppress(OSError):
                file.finish()
            raise
        file.finish()


@contextmanager
def open_hdf5(path: Path) -> "Iterator[h5py.File]":
    """Open an HDF5 file for reading; what cannot be read is a damaged result.

    Keep the block to reading: an OSError or KeyError of anything else in it would be told as
    damage of this file.

    Raises
    ------
    StateError
        If the file is missing, no HDF5 file, cut off, or lacks what the block asks of it.
    """
    import h5py

    path = Path(path)
    with damage_of(path):
        file = h5py.File(path, "r", locking=False)
    try:
        with file:
            yield file
    except (OSError, KeyError) as error:
        raise _damaged(path, error) from error


@contextmanager
def damage_of(path: Path) -> Iterator[None]:
    """Turn whatever reading a damaged file raises into one sentence about ``path``.

    The block must do nothing but read: h5py raises most kinds of errors where bytes are wrong.

    Raises
    ------
    StateError
        In place of `DAMAGE`, and where the file asks for more memory than there is.
    """
    reading(path)
    try:
        yield
    except FileNotFoundError as error:
        raise StateError(f"{path}: does not exist; run the stage that writes it.") from error
    except PermissionError as error:
        raise StateError(f"{path}: no permission to read it; mend the file's mode.") from error
    except MemoryError as error:
        raise StateError(
            f"{path}: asks for more memory than there is ({_first_line(error)}); delete it and run "
            "again, for it is probably damaged, or use a machine with more memory."
        ) from error
    except DAMAGE as error:
        raise _damaged(path, error) from error


def read_json(path: Path) -> Any:
    """Read a JSON file that a stage wrote.

    Raises
    ------
    StateError
        If it is missing, unreadable or not JSON.
    """
    with damage_of(path):
        content = Path(path).read_bytes()
    try:
        return json.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise StateError(f"{path}: not JSON ({error}); delete it and run again.") from error


def sha256(path: Path) -> str:
    """Digest of a file's content, as 64 hexadecimal digits.

    Raises
    ------
    StateError
        If the file is missing or unreadable.
    """
    with damage_of(path), Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def identity(paths: Iterable[Path]) -> str:
    """Digest of a list of files, for asking later whether they are still the same.

    Parameters
    ----------
    paths
        Files, in an order that matters; folders above them do not, so a project may move.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    StateError
        If a file is missing or unreadable.

    Notes
    -----
    Content counts up to 64 MB; of larger files, which take long to read, size and time of the
    last change.
    """
    digest = hashlib.sha256()
    for path in map(Path, paths):
        with damage_of(path):
            status = path.stat()
        if status.st_size <= CONTENT_BYTES:
            mark = sha256(path)
        else:
            mark = f"{status.st_size} {status.st_mtime_ns}"
        digest.update(f"{path.name}\0{mark}\0".encode())
    return digest.hexdigest()


def _damaged(path: Path, error: Exception) -> StateError:
    return StateError(
        f"{path}: damaged or not written by this program ({_first_line(error)}); "
        "delete it and run again."
    )


def _flush(path: Path) -> None:
    """Force a file to the disk, so that the rename cannot outrun its content."""
    if not path.is_file():
        raise StateError(f"{path}: nothing was written.")
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Force a rename to the disk; some network file systems know no such thing for folders."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _verify_hdf5(path: Path) -> None:
    """Read the last row of every data set: a file cut off or badly indexed fails here."""
    import h5py

    def touch(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and item.size:
            item[-1] if item.ndim else item[()]

    with open_hdf5(path) as file:
        file.visititems(touch)


def _remove_leftovers(path: Path) -> None:
    """Remove temporary files of processes that were killed; a store may be gigabytes."""
    # Names without a host are of versions that did not note it.
    pattern = re.compile(re.escape(f".{path.name}.tmp-") + r"(?:([0-9a-f]{8})-)?(\d+)")
    for other in path.parent.iterdir():
        match = pattern.fullmatch(other.name)
        if match and _is_left(other, match[1] or _host(), int(match[2])):
            other.unlink(missing_ok=True)


def _is_left(temporary: Path, host: str, process: int) -> bool:
    """Tell whether nobody writes a temporary file any more."""
    if host == _host():
        return not _is_running(process)
    try:
        return time.time() - temporary.stat().st_mtime > ABANDONED_S
    except FileNotFoundError:  # renamed meanwhile
        return False


def _host() -> str:
    """Return this machine's name as a digest, so that no long one makes file names too long."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _plain(value: Any) -> Any:
    """Reduce numpy values, tuples and not-finite numbers to what JSON knows."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _sentence(path: Path, error: OSError) -> str:
    number = _errno(error)
    if number in _FULL:
        return f"{path}: the disk is full; free some space and run again."
    if number in _FORBIDDEN:
        return f"{path}: no permission to write there; mend the folder's mode and run again."
    return f"{path}: cannot be written ({_first_line(error)}); mend this and run again."


def _errno(error: OSError) -> int | None:
    # h5py hides the number of the system's error in its text.
    hidden = re.search(r"errno = (\d+)", str(error))
    return error.errno or (int(hidden[1]) if hidden else None)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(". ")
