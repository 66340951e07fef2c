"""A quick look into a raw video: its frames counted and timed, some of them decoded.

Reads a whole file once without decoding it, then the frames in its middle and at its end.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import av
import numpy as np
from av.error import FFmpegError

from deg_core.data.images import find_images, read_image
from deg_core.data.timing import Timing, measure_timing
from deg_core.data.video import VideoInfo, _open, _stream_of
from deg_core.errors import VideoError

# Files with one key frame at their start would otherwise be decoded as a whole.
MOST_DECODED = 300


@dataclass(frozen=True)
class Spots:
    """What was found.

    Attributes
    ----------
    timing
        Times of all frames, by the file's packets.
    end
        When the last frame ends, in seconds of the file's own clock; NaN if not known.
    broken
        What could not be decoded, in words; None if all that was tried could be.
    """

    timing: Timing
    end: float
    broken: str | None

    @property
    def n_frames(self) -> int:
        """Number of frames that the file holds."""
        return len(self.timing.timestamps)


def spot_check(info: VideoInfo) -> Spots:
    """Count and time the frames of a video and decode its middle and its last frame.

    Parameters
    ----------
    info
        Of `deg_core.data.video.probe`, which has decoded the first frame.

    Raises
    ------
    VideoError
        If the video cannot be opened any more, or an image in its middle or at its end not read.
    """
    if info.path.is_dir():
        return _check_images(info)
    times, stops = _packet_times(info)
    order = np.argsort(times)  # missing times, NaN, come last
    known = [float(times[i]) for i in order if math.isfinite(times[i])]
    timing = measure_timing(times[order], rate=info.fps)
    end = float(stops[order[-1]]) if len(known) == len(times) > 0 else math.nan
    return Spots(
        timing, end, _decode_at(info, [known[len(known) // 2], known[-1]] if known else [])
    )


def _check_images(info: VideoInfo) -> Spots:
    paths = find_images(info.path).paths
    for path in (paths[len(paths) // 2], paths[-1]):
        if read_image(path).shape != (info.height, info.width, info.channels):
            raise VideoError(
                f"{path}: its size or its colors differ from those of the first image; "
                "all images of a video must be alike."
            )
    times = np.arange(len(paths)) / info.fps
    return Spots(measure_timing(times, rate=info.fps), len(paths) / info.fps, None)


def _packet_times(info: VideoInfo) -> tuple[np.ndarray, np.ndarray]:
    """Read when each frame begins and ends: two (T,) float64 in seconds, NaN where not known."""
    times, stops = [], []
    with _open(info.path) as container:
        stream = _stream_of(container, info.path)
        try:
            for packet in container.demux(stream):
                if packet.size == 0 or packet.is_discard:
                    continue
                time = math.nan if packet.pts is None else float(packet.pts * packet.time_base)
                times.append(time)
                stops.append(time + float((packet.duration or 0) * packet.time_base))
        except FFmpegError:
            # The end is missing: what was counted so far tells how much.
            pass
    return np.array(times), np.array(stops)


def _decode_at(info: VideoInfo, times: Sequence[float]) -> str | None:
    """Decode the frames at the given seconds; say which cannot be."""
    with _open(info.path) as container:
        stream = _stream_of(container, info.path)
        for time in times:
            try:
                container.seek(int(time / stream.time_base), stream=stream)
                _decode_until(container, stream, time)
            except FFmpegError as error:
                reason = error.strerror or str(error)
                return f"the frame at {time:.1f} s cannot be decoded ({reason})"
    return None


def _decode_until(
    container: av.container.InputContainer, stream: av.VideoStream, time: float
) -> None:
    for number, frame in enumerate(container.decode(stream)):
        if number >= MOST_DECODED or frame.time is None or frame.time >= time - 1e-6:
            return
