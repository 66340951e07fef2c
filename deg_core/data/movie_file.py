"""Write a movie that plays everywhere: H.264 in an mp4 file, through PyAV.

PyAV brings its own FFmpeg with libx264. OpenCV's wheels write the older MPEG-4 part 2 only, which
browsers and slide programs refuse.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from deg_core.data.publish import publish_file
from deg_core.errors import StateError

Write = Callable[[np.ndarray], None]
CODEC = "libx264"
# Constant quality in which small letters stay sharp; a key frame every two seconds, for jumping.
OPTIONS = {"crf": "23", "preset": "veryfast"}
KEY_FRAMES_S = 2.0
THREADS = 2
BT709 = 1  # FFmpeg's number of the colors of high-definition video


@contextmanager
def publish_movie(path: Path, *, size: tuple[int, int], rate: float) -> Iterator[Write]:
    """Give a function that appends one picture; the movie appears when the block ends well.

    Parameters
    ----------
    path
        Where to write.
    size
        Width and height of the pictures, both even.
    rate
        Pictures per second.

    Yields
    ------
    Write
        Takes (H, W, 3) uint8 RGB.

    Raises
    ------
    StateError
        If the file cannot be written, or holds fewer pictures than were given, or this machine's
        FFmpeg has no encoder of H.264.
    """
    if CODEC not in av.codecs_available:
        raise StateError(
            f"{path}: the installed PyAV has no encoder of H.264 ({CODEC}); install the one of the "
            "package index, `pip install --force-reinstall av`, which brings it along."
        )
    written = 0

    def verify(temporary: Path) -> None:
        try:
            with av.open(str(temporary)) as video:
                stream = video.streams.video[0]
                whole = stream.frames == written and next(video.decode(stream), None) is not None
        except FFmpegError:
            whole = False
        if not whole:
            raise StateError(f"{path}: read back other than written; check the disk.")

    with publish_file(path, verify=verify) as temporary:
        try:
            # The index goes in front, so that a browser begins before it has read everything.
            options = {"movflags": "+faststart"}
            with av.open(str(temporary), "w", format="mp4", options=options) as output:
                stream = output.add_stream(
                    CODEC, rate=Fraction(rate).limit_denominator(1001), options=OPTIONS
                )
                stream.width, stream.height = size
                stream.pix_fmt = "yuv420p"
                stream.codec_context.gop_size = max(1, round(KEY_FRAMES_S * rate))
                context = stream.codec_context
                context.thread_count = THREADS
                # Said and done, since players take different colors for granted.
                context.colorspace = context.color_primaries = context.color_trc = BT709

                def write(picture: np.ndarray) -> None:
                    nonlocal written
                    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                    output.mux(
                        stream.encode(
                            frame.reformat(
                                format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
                            )
                        )
                    )
                    written += 1

                yield write
                output.mux(stream.encode())
        except FFmpegError as error:
            if isinstance(error, OSError):  # a full disk, say, which publish_file explains
                raise
            raise StateError(f"{path}: cannot be written ({error}); mend this.") from error
