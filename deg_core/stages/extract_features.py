"""Extract features and logits of every frame of one video; memory does not grow with its length."""

from pathlib import Path

from deg_core.data.arrays import feature_writer
from deg_core.data.statistics import read_background
from deg_core.data.video import FrameStore
from deg_core.errors import ConfigError
from deg_core.learn.clips import padding_color
from deg_core.learn.device import choose, compiles
from deg_core.learn.engine import Engine
from deg_core.learn.quantized import QuantizedEngine
from deg_core.learn.streaming import stream
from deg_core.models import files
from deg_core.progress import track
from deg_core.settings import ExtractSettings
from deg_core.stages.networks import Motion, engine_of, load_two_stream


def run(
    *,
    store: Path,
    background: Path,
    flow: Path,
    features: Path,
    out: Path,
    settings: ExtractSettings,
    threads: int,
    quantized: Path | None = None,
) -> None:
    """Extract one video.

    Parameters
    ----------
    store
        Imported video.
    background
        Background picture of the video.
    flow
        Flow model.
    features
        Feature extractor trained behind it.
    out
        HDF5 file to write.
    settings
        Settings of the stage, as JSON.
    threads
        Threads to use.
    quantized
        Both models in int8, as quantize wrote them; only with precision int8, which needs it.

    Raises
    ------
    ConfigError
        If ``quantized`` and the precision do not go together, or OpenVINO is not installed.
    ModelError
        If a model is damaged, or they do not belong together.
    VideoError
        If the frames have another size than those that int8 was made for.
    StateError
        If the video or its background is damaged, the features are not finite, or the result
        cannot be written.
    """
    check_quantized(settings.precision, quantized)
    device = choose(threads)
    motion = Motion.load(flow, device)
    network, content = load_two_stream(features, motion, device)
    digest = files.digest_of_features(motion.origin, files.origin(content))
    with FrameStore(store) as video:
        engine: Engine | QuantizedEngine
        if quantized is None:
            engine = engine_of(
                motion, network, device, precision=settings.precision, compiled=compiles(device)
            )
        else:
            engine = QuantizedEngine.open(quantized, digest=digest, threads=threads)
            engine.check_size(video)
        picture = None
        if engine.needs_background:
            picture = engine.normalize(read_background(background))
        scored = stream(
            engine, video, batch=settings.batch_size, background=picture,
            pad=padding_color(motion.normalization["mean"]), fetch=True,
        )  # fmt: skip
        total = -(-video.n_frames // settings.batch_size)
        with feature_writer(
            out, n_frames=video.n_frames, fps=video.fps, behaviors=content["behaviors"],
            n_features=network.length, dtype=settings.dtype, digest=digest,
            groups=content.get("groups", []),
        ) as writer:  # fmt: skip
            start = 0
            for answer in track(scored, total=total, label=store.stem, unit="batches"):
                spatial, flow_features, logits = (
                    x.numpy() for x in (answer.spatial, answer.flow, answer.logits)
                )
                writer.write(start, spatial=spatial, flow=flow_features, logits=logits)
                start += len(logits)


def check_quantized(precision: str, quantized: Path | None) -> None:
    """Check that there is an int8 extractor if, and only if, the settings ask for one."""
    if precision == "int8" and quantized is None:
        raise ConfigError(
            "--settings: `precision: int8` needs the file that quantize wrote; give it with "
            "--quantized, or choose another precision."
        )
    if precision != "int8" and quantized is not None:
        raise ConfigError(
            f"--quantized: {quantized} is for `precision: int8`, but the settings say {precision}; "
            "leave it out, or choose int8."
        )
