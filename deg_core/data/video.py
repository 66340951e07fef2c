"""Raw videos: what they are, and their frames one after the other.

Reads any file that FFmpeg reads, through PyAV, and folders of numbered images; writes nothing.
`FrameStore`, which reads imported videos, is offered from here as well.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from deg_core.data.images import SUFFIXES, find_images, read_image
from deg_core.data.store import FrameStore
from deg_core.errors import VideoError

__all__ = [
    "BrokenVideo", "Frame", "FrameStore", "VideoInfo", "count_packets", "decode", "probe",
]  # fmt: skip

# Each thread holds frames, and several imports run at once; more would cost memory for little.
DECODE_THREADS = 2
IMAGE_FPS = 30.0
# Of a frame; more than 8K cameras give. A wrong byte in a header may claim a hundred times as much.
MOST_PIXELS = 40_000_000
_ENCODE_AGAIN = "encode it again (ffmpeg -i FILE NEW.mp4) or copy it again from the camera"


class BrokenVideo(VideoError):
    """A video whose decoding stopped before its end; what came before may be enough."""


@dataclass(frozen=True)
class VideoInfo:
    """What a video says of itself.

    Attributes
    ----------
    path
        The file or folder.
    height, width
        Size as shown, in pixels, after the rotation that the file asks for.
    channels
        1 for a gray pixel format, else 3.
    fps
        Rate by the header, in frames per second.
    header_frames
        Number of frames by the header, -1 if it gives none.
    duration
        Seconds by the header, NaN if it gives none.
    codec
        FFmpeg's name of the codec, or the kind of image.
    size
        Bytes on disk.
    trimmed
        Whether the header may count frames that are never shown (edit lists of mp4 and mov).
    """

    path: Path
    height: int
    width: int
    channels: int
    fps: float
    header_frames: int
    duration: float
    codec: str
    size: int
    trimmed: bool = False

    @property
    def n_expected(self) -> int:
        """Number of frames by count or duration, -1 if the header gives neither."""
        if self.header_frames >= 0:
            return self.header_frames
        return round(self.duration * self.fps) if math.isfinite(self.duration) else -1


@dataclass(frozen=True)
class Frame:
    """One decoded frame.

    Attributes
    ----------
    image
        (H, W, 1) or (H, W, 3) uint8, RGB.
    time, stop
        When it is shown, from and until, in seconds of the file's clock; NaN if not known.
    damaged
        Whether the decoder had to guess parts of it.
    """

    image: np.ndarray
    time: float
    stop: float
    damaged: bool = False


def probe(path: Path, *, image_fps: float = IMAGE_FPS) -> VideoInfo:
    """Look at a video's header and decode its first frame.

    Parameters
    ----------
    path
        A video file, or a folder of numbered images.
    image_fps
        Rate of a folder of images, in frames per second.

    Raises
    ------
    VideoError
        If it does not exist, may not be read, is empty, is no video or has no frame that decodes.
    """
    path = Path(path)
    try:
        if not path.exists():
            raise VideoError(f"{path}: does not exist; correct `path` in videos.tsv.")
        return _probe_folder(path, image_fps) if path.is_dir() else _probe_file(path)
    except PermissionError as error:
        raise VideoError(f"{path}: no permission to read it; mend the file's mode.") from error


def decode(info: VideoInfo, *, first: int = 0, step: int = 1) -> Iterator[Frame]:
    """Give the frames of a video in the order in which they are shown.

    Parameters
    ----------
    info
        The video.
    first, step
        Number of the first frame to give, and of every how many; the others are decoded, since
        only counting finds a frame for sure, but not converted.

    Raises
    ------
    BrokenVideo
        If decoding fails; the frames before were given.
    VideoError
        If a frame differs in size from the first, or an image in size or number of channels.
    """
    read = _decode_folder if info.path.is_dir() else _decode_file
    for number, frame in zip(count(first, step), read(info, first, step), strict=False):
        if frame.image.shape != (info.height, info.width, info.channels):
            raise VideoError(
                f"{info.path}: frame {number} is {_size_text(frame.image.shape)}, the first is "
                f"{_size_text((info.height, info.width, info.channels))}; all frames must be alike."
            )
        yield frame


def count_packets(path: Path) -> int:
    """Count the frames of a video file without decoding them; reads the whole file.

    Raises
    ------
    VideoError
        If the file cannot be opened.
    """
    count = 0
    with _open(path) as container:
        try:
            for packet in container.demux(_stream_of(container, path)):
                count += packet.size > 0
        except FFmpegError:
            # Decoding will meet the same error, and tell it with the number of the frame.
            return count
    return count


def _probe_folder(path: Path, image_fps: float) -> VideoInfo:
    images = find_images(path)
    height, width, channels = read_image(images.paths[0]).shape
    return VideoInfo(
        path=path,
        height=height,
        width=width,
        channels=channels,
        fps=image_fps,
        header_frames=images.n_expected,
        duration=math.nan,
        codec=images.paths[0].suffix[1:].lower(),
        size=sum(image.stat().st_size for image in images.paths),
    )


def _probe_file(path: Path) -> VideoInfo:
    if path.stat().st_size == 0:
        raise VideoError(f"{path}: the file is empty; copy it again from the camera.")
    if path.suffix.lower() in SUFFIXES:
        raise VideoError(f"{path}: a single image; give the folder that holds the images.")
    with _open(path) as container:
        stream = _stream_of(container, path)
        first = _first_frame(container, stream, path)
        image = _to_array(first)
        return VideoInfo(
            path=path,
            height=image.shape[0],
            width=image.shape[1],
            channels=image.shape[2],
            fps=float(stream.guessed_rate or stream.average_rate or IMAGE_FPS),
            header_frames=stream.frames or -1,
            duration=_duration(container, stream),
            codec=stream.codec_context.name,
            size=path.stat().st_size,
            trimmed="mp4" in container.format.name,
        )


def _open(path: Path) -> av.container.InputContainer:
    try:
        # FFmpeg takes what stands before a colon in a relative path for a protocol.
        container = av.open(str(path.absolute()), metadata_errors="replace")
    except PermissionError as error:
        raise VideoError(f"{path}: no permission to read it; mend the file's mode.") from error
    except (FFmpegError, OSError) as error:
        raise VideoError(
            f"{path}: no video that FFmpeg can open, or its end is missing "
            f"({_reason(error)}); {_ENCODE_AGAIN}."
        ) from error
    # FFmpeg draws text files as if on an old screen.
    if container.format.name == "tty":
        container.close()
        raise VideoError(f"{path}: a text file; expected a video.")
    return container


def _stream_of(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """Choose the first video stream that is not a cover picture."""
    covers = av.stream.Disposition.attached_pic
    for stream in container.streams.video:
        if not stream.disposition & covers:
            if stream.codec_context is None:
                raise VideoError(
                    f"{path}: its pictures are in a format that FFmpeg does not know; "
                    f"{_ENCODE_AGAIN}."
                )
            stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = DECODE_THREADS
            return stream
    what = "holds sound but no pictures" if container.streams else "holds nothing that can be read"
    raise VideoError(f"{path}: {what}; give another file, or copy it again from the camera.")


def _first_frame(
    container: av.container.InputContainer, stream: av.VideoStream, path: Path
) -> av.VideoFrame:
    try:
        frame = next(container.decode(stream), None)
    except (FFmpegError, OSError) as error:
        raise VideoError(
            f"{path}: the first frame cannot be decoded ({_reason(error)}); {_ENCODE_AGAIN}."
        ) from error
    if frame is None:
        raise VideoError(f"{path}: holds no frame; {_ENCODE_AGAIN}.")
    return frame


def _duration(container: av.container.InputContainer, stream: av.VideoStream) -> float:
    """Find the seconds of the video stream, which sound may outlast."""
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    tag = stream.metadata.get("DURATION", "")  # Matroska's, as 00:01:02.345
    parts = tag.replace("\0", "").split(":")
    if len(parts) == 3 and all(part.replace(".", "", 1).isdigit() for part in parts):
        hours, minutes, seconds = map(float, parts)
        return 3600 * hours + 60 * minutes + seconds
    if container.duration is not None and len(container.streams) == 1:
        return container.duration / av.time_base
    return math.nan


def _decode_file(info: VideoInfo, first: int, step: int) -> Iterator[Frame]:
    number = 0
    with _open(info.path) as container:
        stream = _stream_of(container, info.path)
        try:
            for picture in container.decode(stream):
                if number >= first and (number - first) % step == 0:
                    yield _to_frame(picture)
                number += 1
        except (FFmpegError, OSError) as error:
            raise BrokenVideo(
                f"{info.path}: decoding stopped after {number} frames ({_reason(error)}); "
                f"{_ENCODE_AGAIN}."
            ) from error


def _decode_folder(info: VideoInfo, first: int, step: int) -> Iterator[Frame]:
    paths = find_images(info.path).paths
    for number, path in islice(enumerate(paths), first, None, step):
        yield Frame(read_image(path), number / info.fps, (number + 1) / info.fps)


def _to_frame(picture: av.VideoFrame) -> Frame:
    time = math.nan if picture.time is None else float(picture.time)
    ticks = picture.duration or 0
    stop = time + float(ticks * picture.time_base) if picture.time_base else time
    return Frame(_to_array(picture), time, stop, damaged=bool(picture.is_corrupt))


def _to_array(picture: av.VideoFrame) -> np.ndarray:
    """Convert to 8 bits, gray or RGB, and turn as the file asks for."""
    # Gray formats have one component, or two with transparency.
    gray = len(picture.format.components) <= 2 and not picture.format.has_palette
    image = picture.to_ndarray(format="gray" if gray else "rgb24")
    if gray:
        image = image[..., None]
    quarter_turns = round(picture.rotation / 90)  # counterclockwise, as np.rot90 turns
    return np.ascontiguousarray(np.rot90(image, quarter_turns))


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _size_text(shape: tuple[int, ...]) -> str:
    height, width, channels = shape
    return f"{width} x {height} pixels in {'gray' if channels == 1 else 'color'}"
