"""Readers of raw videos: files of several kinds, and folders of images."""

from pathlib import Path

import mutations
import videos
from harness import Target

from deg_core.data.spotcheck import spot_check
from deg_core.data.video import probe
from deg_core.settings import ImportSettings
from deg_core.stages import import_video

SETTINGS = ImportSettings(size=(16, 16))
KINDS = {  # container: codecs
    "mp4": ("libx264", "mpeg4"),
    "mov": ("mpeg4", "mjpeg"),
    "avi": ("mjpeg", "mpeg4", "rawvideo"),
    "mkv": ("ffv1", "libx264"),
    "webm": ("libvpx-vp9", "libvpx"),
    "mpg": ("mpeg2video",),
    "wmv": ("wmv2",),
}
OPTIONS = {"libx264": {"preset": "ultrafast", "g": "4", "threads": "1"}}
FORMATS = {"rawvideo": "rgb24"}


def read_video(path: Path) -> None:
    """Look at a video as `deg doctor` does, and import it."""
    spot_check(probe(path))
    import_video.run(raw=path, out=path.with_name("out.h5"), settings=SETTINGS)


def read_folder(path: Path) -> None:
    """Read the folder of an image as a video."""
    read_video(path.parent)


def targets(folder: Path) -> dict[str, Target]:
    """Make small files of each kind."""
    found = {f"video, {kind}": _of_kind(folder, kind) for kind in KINDS}
    return found | {
        f"images, {kind}": _of_images(folder, kind) for kind in ("png", "jpg", "tif", "bmp")
    }


def _of_kind(folder: Path, kind: str) -> Target:
    frames = videos.moving_square(9, 32, 48)
    seeds = {}
    for codec in KINDS[kind]:
        path = videos.write_video(
            folder / f"{codec}.{kind}", frames, 25, codec, options=OPTIONS.get(codec),
            pix_fmt=FORMATS.get(codec),
        )  # fmt: skip
        seeds[path.name] = path.read_bytes()
    return Target(read_video, seeds, mutations.BYTES)


def _of_images(folder: Path, kind: str) -> Target:
    frames = videos.noise(2, 12, 16)
    pattern = f"m{{:02}}.{kind}"
    place = videos.write_images(folder / kind, frames, pattern)
    first, second = (path.read_bytes() for path in sorted(place.iterdir()))
    name = f"images {kind}"
    # Nothing is compared with a damaged first image but the second, so either is damaged.
    seeds = {f"{name}/m00.{kind}": first, f"{name}/m02.{kind}": second}
    mutate = mutations.BYTES
    if kind == "png":
        mutate = mutations.chosen(mutations.BYTES, mutations.png_chunks, most=1)
    return Target(read_folder, seeds, mutate, needs={f"{name}/m01.{kind}": second})
