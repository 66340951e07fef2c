"""Give a reader many damaged files, each watched: what it raises, how long it takes, its memory.

A worker, forked from a process that has the libraries loaded, reads one input after the other and
notes each result at once. The parent watches its clock: a worker that stays with one input, or
that the system ends, is a finding about that input, and a new worker goes on with the next.
"""

import contextlib
import mmap
import os
import random
import resource
import shutil
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mutations import Mutation

from deg_core.errors import DegError

HANG_CPU_S = float(os.environ.get("FUZZ_HANG_S", "20"))  # of one input
HANG_WALL_S = 300.0  # the machine may be busy with something else
SPACE_BYTES = 3 * 2**30  # of addresses, beyond what the libraries have
PEAK_MB = 600  # of memory that one input may take
LARGEST = 4 * 2**20  # bytes of an input
LONGEST = 5100  # letters of a sentence
FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen",
             "socket.connect", "ctypes.dlopen")  # fmt: skip
_NOTE = struct.Struct("<qd")  # number of the input, CPU seconds of the worker when it began
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Target:
    """A reader, whole files for it, and how they are damaged.

    Attributes
    ----------
    read
        Called with the damaged file; what it returns does not matter.
    seeds
        Whole files, by name; the reader must accept each.
    mutate
        Damages one of them.
    needs
        Files that lie beside the damaged one.
    """

    read: Callable[[Path], object]
    seeds: Mapping[str, bytes]
    mutate: Mutation
    needs: Mapping[str, bytes] = field(default_factory=dict)


@dataclass
class Result:
    """What became of the inputs of one reader."""

    name: str
    counts: Counter = field(default_factory=Counter)
    findings: list[tuple[int, str, str]] = field(default_factory=list)
    peak_mb: float = 0.0
    slowest_s: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether every input was accepted or refused in a sentence."""
        return not self.findings


def make_input(name: str, target: Target, number: int) -> tuple[str, bytes]:
    """Return file name and content of one input; the same number gives the same input."""
    rng = random.Random(f"{name} {number}")
    file = rng.choice(sorted(target.seeds))
    return file, target.mutate(rng, target.seeds[file])[:LARGEST]


def fuzz(name: str, target: Target, numbers: Sequence[int]) -> Result:
    """Read the inputs of these numbers, and the whole files before them."""
    result = Result(name)
    folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir=_fast_disk()))
    try:
        for file, content in target.needs.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content)
        for file, content in target.seeds.items():  # a target that refuses them tests nothing
            target.read(_placed(folder, file, content))
        start = 0
        while start < len(numbers):
            start = _watch(name, target, numbers, start, folder, result)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return result


def _fast_disk() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _placed(folder: Path, file: str, content: bytes) -> Path:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# --- the parent


def _watch(
    name: str, target: Target, numbers: Sequence[int], start: int, folder: Path, result: Result
) -> int:
    """Run one worker as far as it gets; return the place of the next input."""
    note = mmap.mmap(-1, _NOTE.size)
    note[:] = _NOTE.pack(start, 0.0)
    log = folder / ".results"
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _work(name, target, numbers, start, folder, note, log)
    began, last, killed = time.monotonic(), start, False
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        at, cpu = _NOTE.unpack(note[:])
        if at != last:
            began, last = time.monotonic(), at
        if time.monotonic() - began > HANG_WALL_S or _cpu_seconds(child) - cpu > HANG_CPU_S:
            os.kill(child, signal.SIGKILL)
            killed = True
        time.sleep(0.02)
    _collect(log, result)
    if os.waitstatus_to_exitcode(status) == 0:
        return len(numbers)
    at, _ = _NOTE.unpack(note[:])
    kind = "hang" if killed else "crash"
    result.counts[kind] += 1
    text = "" if killed else f"ended by {os.waitstatus_to_exitcode(status)}"
    result.findings.append((numbers[at], kind, text))
    return at + 1


def _cpu_seconds(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _collect(log: Path, result: Result) -> None:
    if not log.exists():
        return
    for line in log.read_text(encoding="utf-8").splitlines():
        number, kind, seconds, megabytes, text = line.split("\t", 4)
        result.counts[kind] += 1
        result.slowest_s = max(result.slowest_s, float(seconds))
        result.peak_mb = max(result.peak_mb, float(megabytes))
        if kind not in ("accepted", "typed"):
            result.findings.append((int(number), kind, text))
    log.unlink()


# --- the worker


def _work(
    name: str, target: Target, numbers: Sequence[int], start: int, folder: Path,
    note: mmap.mmap, log: Path,
) -> None:  # fmt: skip
    """Read inputs from the place ``start`` on; never returns."""
    code = 1
    try:
        _prepare(folder)
        with log.open("w", encoding="utf-8", buffering=1) as out:
            for at in range(start, len(numbers)):
                note[:] = _NOTE.pack(at, time.process_time())
                out.write(_line(numbers[at], *_one(name, target, numbers[at], folder)))
        code = 0
    finally:
        os._exit(code)


def _prepare(folder: Path) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(null, stream)
    os.chdir(folder)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + SPACE_BYTES, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**30, 2**30))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    sys.addaudithook(_audit)


_EXECUTED: list[str] = []


def _audit(event: str, _: object) -> None:
    if event in FORBIDDEN:
        _EXECUTED.append(event)


def _one(name: str, target: Target, number: int, folder: Path) -> tuple[str, float, float, str]:
    """Return what became of one input, CPU seconds, megabytes and what is to be told."""
    path = _placed(folder, *make_input(name, target, number))
    _EXECUTED.clear()
    before = _memory(reset=True)
    began = time.process_time()
    kind, text = outcome(target.read, path)
    seconds = time.process_time() - began
    megabytes = max(_memory() - before, 0.0)
    if _EXECUTED:
        kind, text = "executed", ", ".join(_EXECUTED)
    elif megabytes > PEAK_MB:
        kind, text = "memory", f"{megabytes:.0f} MB"
    with contextlib.suppress(OSError):
        path.unlink()
    return kind, seconds, megabytes, text


def outcome(read: Callable[[Path], object], path: Path) -> tuple[str, str]:
    """Read one file: ``accepted``, ``typed``, ``vague`` or ``untyped``, and the error's text."""
    try:
        read(path)
    except DegError as error:
        text = str(error)
        told = path.name in text or path.parent.name in text
        if not told or "\n" in text or len(text) > LONGEST or "\x00" in text:
            return "vague", f"{type(error).__name__}: {text!r}"
        return "typed", text
    except BaseException as error:
        return "untyped", f"{type(error).__name__}: {error!r} {_where(error)}"
    return "accepted", ""


def _where(error: BaseException) -> str:
    place, trace = "", error.__traceback__
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if "deg_core" in file.parts:
            place = f"{file.name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _line(number: int, kind: str, seconds: float, megabytes: float, text: str) -> str:
    shown = "" if kind in ("accepted", "typed") else text[:600]
    shown = shown.encode("ascii", "backslashreplace").decode().replace("\t", " ")
    shown = " ".join(shown.split())
    return f"{number}\t{kind}\t{seconds:.4f}\t{megabytes:.1f}\t{shown}\n"


def _memory(*, reset: bool = False) -> float:
    """Return the most memory used since the last reset, in MB."""
    if reset:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0
