"""The feature extractor in int8, for processors: its two files, and the engine that runs them."""

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deg_core import extras
from deg_core.data.publish import damage_of, publish_file
from deg_core.data.store import FrameStore
from deg_core.errors import ModelError, StateError, VideoError
from deg_core.learn.device import has_fast_bfloat16, instructions
from deg_core.learn.engine import Ring
from deg_core.models.two_stream import StreamOutput

FORMAT = "deg-core int8 1"
FACTS = "deg_core"  # the name under which a graph carries them
PARTS = ("spatial", "flow")

Inputs = Sequence[np.ndarray]  # (T, H, W, 3) uint8 frames; where needed, the (H, W, 3) background


# --- files


def weights_of(xml: Path) -> Path:
    """Return where the weights of a graph are: beside it."""
    return xml.with_name(f"{xml.stem}.bin")


def publish(graph: Any, xml: Path, *, facts: Mapping[str, Any]) -> None:
    """Publish an int8 graph, and beside it its weights as ``.bin``.

    Parameters
    ----------
    graph
        What `deg_core.learn.quantization.quantized` returned; gets the facts.
    xml
        Where it appears, after its weights.
    facts
        What `read` and `QuantizedEngine` ask for: ``digest`` of the features, ``bits`` of the
        weights, ``clip``, ``size``, ``length``.

    Raises
    ------
    StateError
        If they cannot be written.
    """
    _, weights = serialized(graph)
    about = {"format": FORMAT, "weights": hashlib.sha256(weights).hexdigest(), **facts}
    graph.set_rt_info(json.dumps(about, sort_keys=True), FACTS)
    description, weights = serialized(graph)
    for path, content in ((weights_of(xml), weights), (xml, description)):
        with publish_file(path, verify=_reads_back(content, path)) as temporary:
            temporary.write_bytes(content)


def _reads_back(content: bytes, path: Path) -> Callable[[Path], None]:
    def verify(temporary: Path) -> None:
        if temporary.read_bytes() != content:
            raise StateError(f"{path}: read back other than written; check the disk and run again.")

    return verify


def serialized(graph: Any) -> tuple[bytes, bytes]:
    """Return a graph's description, as XML, and its weights."""
    with tempfile.TemporaryDirectory() as folder:  # OpenVINO insists on the names' ends
        xml = Path(folder, "graph.xml")
        extras.load("openvino").serialize(graph, xml)
        return xml.read_bytes(), weights_of(xml).read_bytes()


def read(xml: Path, *, digest: str) -> tuple[Any, dict[str, Any]]:
    """Read an int8 graph.

    Parameters
    ----------
    xml
        A file that `publish` wrote.
    digest
        Of the features that it must give, see `deg_core.models.files.digest_of_features`.

    Returns
    -------
    tuple
        The graph, and its facts.

    Raises
    ------
    StateError
        If a file is missing or unreadable.
    ModelError
        If one is damaged, or the graph was made from other models or for other processors.
    ConfigError
        If OpenVINO is not installed.
    """
    package = extras.load("openvino")
    with damage_of(xml), damage_of(weights_of(xml)):
        description, weights = xml.read_bytes(), weights_of(xml).read_bytes()
    try:
        graph = package.Core().read_model(description, weights)
        facts = json.loads(graph.get_rt_info(FACTS).astype(str))
        whole = facts["weights"] == hashlib.sha256(weights).hexdigest()
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise _unusable(xml, "damaged, or not written by this program") from error
    if not whole or facts["format"] != FORMAT:
        raise _unusable(xml, "it and the .bin beside it do not belong together")
    if facts["digest"] != digest:
        raise _unusable(xml, "made from other models than the two given")
    if facts["bits"] == 8 and not full_range():
        raise _unusable(xml, "made on a processor with VNNI instructions, which this one lacks")
    return graph, facts


def _unusable(xml: Path, why: str) -> ModelError:
    return ModelError(f"{xml}: {why}; delete it and run again, so that quantize makes it anew.")


# --- the engine


class QuantizedEngine:
    """The int8 extractor, scoring the frames of a video in order as `engine.Engine` does.

    Each window is computed by one thread, so answers depend neither on the number of threads nor
    on the batch.

    Parameters
    ----------
    graph
        What `read` or `deg_core.learn.quantization.quantized` returned.
    facts
        About it: ``clip``, ``size``, ``length``.
    threads
        Windows that are computed at once.

    Attributes
    ----------
    clip
        Frames per window, T.
    size
        Height and width of the frames in pixels.
    length
        D of each feature vector.
    needs_background
        Whether `score` wants the video's background.
    """

    precision = "int8"

    def __init__(self, graph: Any, facts: Mapping[str, Any], *, threads: int) -> None:
        self.clip, self.length = facts["clip"], facts["length"]
        self.size = tuple(facts["size"])
        self.needs_background = len(graph.inputs) == 2
        self.names = [next(iter(output.names)) for output in graph.outputs]
        package = extras.load("openvino")
        compiled = package.Core().compile_model(graph, "CPU", options(threads))
        self.queue = package.AsyncInferQueue(compiled, threads)

    @classmethod
    def open(cls, xml: Path, *, digest: str, threads: int) -> "QuantizedEngine":
        """Make the engine of the files ``xml`` and ``.bin``; arguments and errors as of `read`."""
        return cls(*read(xml, digest=digest), threads=threads)

    def check_size(self, store: FrameStore) -> None:
        """Check that a video's frames have the size that the graph was made for.

        Raises
        ------
        VideoError
            If they have not.
        """
        if tuple(store.shape) != self.size:
            (height, width), (expected, across) = store.shape, self.size
            raise VideoError(
                f"{store.path}: frames of {width} x {height} pixels, but the int8 extractor was "
                f"made for {across} x {expected}; import all videos at one size."
            )

    def normalize(self, frames: np.ndarray) -> Tensor:
        """Return (..., H, W, 3) uint8 as a tensor; the graph itself normalises."""
        return torch.from_numpy(frames)

    def prepare(self, frames: np.ndarray, before: Ring | None = None) -> Ring:
        """Append frames (n, H, W, 3) uint8 to those before them, (H, W, m, 3) of an earlier call.

        Returns
        -------
        Tensor
            (H, W, m + n, 3) uint8, frame after frame in memory.
        """
        run = torch.from_numpy(frames)
        if before is not None:
            run = torch.cat([before.permute(2, 0, 1, 3), run])
        return run.permute(1, 2, 0, 3)

    def score(self, ring: Ring, background: Tensor | None = None) -> StreamOutput:
        """Score the frames in the middle of all windows of a ring.

        Parameters
        ----------
        ring
            (H, W, B + T - 1, 3) prepared frames.
        background
            (H, W, 3) uint8 median of the video, where it is needed.

        Returns
        -------
        StreamOutput
            Of B frames; ``logits``, ``spatial`` and ``flow`` alone.
        """
        frames = ring.permute(2, 0, 1, 3).numpy()
        still = (background.numpy(),) if self.needs_background else ()
        starts = range(len(frames) - self.clip + 1)
        return self.score_windows([(frames[i : i + self.clip], *still) for i in starts])

    def score_windows(self, windows: Iterable[Inputs]) -> StreamOutput:
        """Score windows that need not be neighbors, each with its background where one is needed.

        Returns
        -------
        StreamOutput
            As `score` does; one row per window.
        """
        answers: dict[int, dict[str, np.ndarray]] = {}

        def keep(request: Any, row: int) -> None:
            tensors = (request.get_output_tensor(i) for i in range(len(self.names)))
            answers[row] = {n: t.data[0].copy() for n, t in zip(self.names, tensors, strict=True)}

        self.queue.set_callback(keep)
        for row, inputs in enumerate(windows):
            self.queue.start_async(dict(enumerate(inputs)), row)
        self.queue.wait_all()
        rows = [answers[row] for row in sorted(answers)]
        return self._output({n: np.stack([row[n] for row in rows]) for n in self.names})

    def _output(self, answer: Mapping[str, np.ndarray]) -> StreamOutput:
        found = {name: torch.from_numpy(array) for name, array in answer.items()}
        missing = torch.zeros(len(found["logits"]), self.length)
        return StreamOutput(found["logits"], *(found.get(part, missing) for part in PARTS))


def full_range() -> bool:
    """Tell whether this processor adds up products of eight bits by eight without overflow.

    Among those of Intel and AMD these are the ones with VNNI instructions; for the others weights
    must have seven bits.
    """
    able = instructions()
    vnni = any(able.get(name, False) for name in ("avx512_vnni", "avx_vnni", "amx_int8"))
    return vnni or able.get("architecture", "x86_64") != "x86_64"


def options(threads: int) -> dict[str, Any]:
    """Return how OpenVINO is to compute: windows side by side, one thread for each.

    What stays out of int8 is computed in bfloat16 where the processor is fast at it.
    """
    return {
        "NUM_STREAMS": threads,
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "bf16" if has_fast_bfloat16() else "f32",
        "ENABLE_CPU_PINNING": False,  # several jobs would all be pinned to the first cores
    }
