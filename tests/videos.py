"""Make small videos and folders of images for tests; import with ``import videos``."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

# Pixel formats that need no choice; bgr0 keeps colors exactly.
PIXEL_FORMATS = {"ffv1": "bgr0", "mjpeg": "yuvj420p"}
TICKS = 90_000


def moving_square(n_frames, height=48, width=64, *, background=(40, 60, 80), color=(220, 200, 180)):
    """Give frames (H, W, 3) of a square that moves 2 pixels to the right per frame."""
    frames = []
    for number in range(n_frames):
        frame = np.empty((height, width, 3), np.uint8)
        frame[:] = background
        left = 2 * number % (width - 8)
        frame[height // 2 : height // 2 + 8, left : left + 8] = color
        frames.append(frame)
    return frames


def counting(n_frames, height=16, width=16):
    """Give frames of one color each, by which a frame can be told: (n, n // 2, 255 - n)."""
    values = [(number, number // 2, 255 - number) for number in range(n_frames)]
    return [np.full((height, width, 3), value, np.uint8) for value in values]


def noise(n_frames, height=32, width=32, *, seed=0):
    """Give frames of noise, which no codec makes small, so that files have most of their bytes."""
    rng = np.random.default_rng(seed)
    return list(rng.integers(0, 256, (n_frames, height, width, 3), dtype=np.uint8))


def write_video(
    path, frames, fps=30, codec="libx264", timestamps=None, pix_fmt=None,
    *, rotation=0, options=None, container=None,
):  # fmt: skip
    """Write a video and return its path.

    ``frames`` are (H, W, 3) RGB or (H, W) gray; ``timestamps`` are seconds, one per frame;
    ``rotation`` is in degrees, counterclockwise, to be applied by who shows the video;
    ``options`` go to the codec, ``container`` to the muxer.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=container or {}) as output:
        stream = output.add_stream(codec, rate=Fraction(fps), options=options or {})
        stream.pix_fmt = pix_fmt or PIXEL_FORMATS.get(codec, "yuv420p")
        if timestamps is not None:
            stream.codec_context.time_base = Fraction(1, TICKS)
        if rotation:
            stream.set_display_rotation(rotation)
        for number, image in enumerate(frames):
            if number == 0:
                stream.height, stream.width = image.shape[:2]
            kind = "gray" if image.ndim == 2 else "rgb24"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format=kind)
            frame.pts = number
            if timestamps is not None:
                frame.pts, frame.time_base = round(timestamps[number] * TICKS), Fraction(1, TICKS)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def write_images(folder, frames, pattern="frame_{:04d}.png", start=0):
    """Write images, RGB, RGBA or gray, named by number, and return the folder."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(frames, start):
        if image.ndim == 3:
            code = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
            image = cv2.cvtColor(image, code)
        assert cv2.imwrite(str(folder / pattern.format(number)), image)
    return folder


def truncate(path, share):
    """Cut a file off after a share of its bytes."""
    path = Path(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def trim(source, target, *, key_frame, first):
    """Copy a video from a key frame on, hiding what comes before frame ``first``, as phones do.

    The hidden frames stay in the file; an edit list says where to begin.
    """
    with av.open(str(source)) as video, av.open(str(target), "w") as output:
        stream = video.streams.video[0]
        copy = output.add_stream_from_template(stream)
        ticks = round(1 / stream.average_rate / stream.time_base)
        for packet in video.demux(stream):
            if packet.pts is not None and packet.pts >= key_frame * ticks:
                packet.pts -= first * ticks
                packet.dts -= first * ticks
                packet.stream = copy
                output.mux(packet)
    return Path(target)


def write_store(path, frames, *, store="raw", fps=30.0, **options):
    """Write an imported video directly, without a codec; returns its path."""
    from deg_core.data.publish import publish_hdf5
    from deg_core.data.store import StoreWriter

    with publish_hdf5(Path(path)) as file:
        writer = StoreWriter(file, shape=frames[0].shape, store=store, **options)
        for frame in frames:
            writer.append(frame)
        writer.finish(np.arange(len(frames)) / fps, {"fps": fps, "variable_rate": False})
    return Path(path)
