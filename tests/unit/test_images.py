import struct
import zlib

import cv2
import numpy as np
import pytest
from videos import counting, write_images

from deg_core.data.images import find_images, read_image
from deg_core.errors import VideoError


def test_numbers_count_and_not_letters(tmp_path):
    write_images(tmp_path, counting(12, 8, 8), pattern="cam1 img{}.png", start=1)
    (tmp_path / ".hidden1.png").write_text("no image")
    (tmp_path / "notes.txt").write_text("no image")
    found = find_images(tmp_path)
    # By letters it would be 1, 10, 11, 12, 2, ...
    assert [path.stem for path in found.paths] == [f"cam1 img{n}" for n in range(1, 13)]
    assert found.n_expected == 12


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([1, 2, 3, 5], 5),  # 4 is missing
        ([7, 8], 2),
        ([3], 1),
        ([0, 10, 20, 30], 4),  # every tenth frame of something: nothing is missing
        ([1690000031, 1690000064, 1690000098], 3),  # times
    ],
)
def test_missing_numbers(tmp_path, numbers, expected):
    for number, image in zip(numbers, counting(len(numbers), 8, 8), strict=True):
        write_images(tmp_path, [image], pattern="{}.png", start=number)
    assert find_images(tmp_path).n_expected == expected


def test_folders_that_are_no_recording(tmp_path):
    with pytest.raises(VideoError, match="a folder without images; expected numbered"):
        find_images(tmp_path)
    write_images(tmp_path, counting(3, 8, 8))
    write_images(tmp_path, counting(1, 8, 8), pattern="thumb{}.jpg")
    with pytest.raises(VideoError, match=r"several kinds \(1 \.jpg, 3 \.png\)"):
        find_images(tmp_path)
    (tmp_path / "thumb0.jpg").unlink()
    write_images(tmp_path, counting(1, 8, 8), pattern="mean.png")
    with pytest.raises(VideoError, match=r"mean\.png: has no number in its name"):
        find_images(tmp_path)


def test_two_series_in_one_folder(tmp_path):
    write_images(tmp_path, counting(3, 8, 8), pattern="a{}.png")
    write_images(tmp_path, counting(3, 8, 8), pattern="b{}.png")
    with pytest.raises(VideoError, match=r"the number of b0\.png does not follow that of a2\.png"):
        find_images(tmp_path)


COLOR = np.full((4, 6, 3), (10, 100, 200), np.uint8)
GRAY = np.full((4, 6), 77, np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".tiff", ".PNG"])
def test_lossless_images_are_read_exactly_as_rgb(tmp_path, suffix):
    folder = write_images(tmp_path, [COLOR, GRAY], pattern="{}" + suffix)
    np.testing.assert_array_equal(read_image(folder / f"0{suffix}"), COLOR)
    np.testing.assert_array_equal(read_image(folder / f"1{suffix}"), GRAY[..., None])


def test_jpeg(tmp_path):
    folder = write_images(tmp_path, [COLOR], pattern="{}.jpg")
    # JPEG may shift each value by a little; swapped channels would shift it by 190.
    np.testing.assert_allclose(read_image(folder / "0.jpg"), COLOR, atol=4)


def test_transparency_is_dropped(tmp_path):
    alpha = np.dstack([COLOR, np.full((4, 6), 128, np.uint8)])
    folder = write_images(tmp_path, [alpha], pattern="{}.png")
    np.testing.assert_array_equal(read_image(folder / "0.png"), COLOR)


def test_sixteen_bits_keep_the_upper_eight(tmp_path):
    folder = write_images(tmp_path, [np.full((4, 6), 0xABCD, np.uint16)], pattern="{}.png")
    assert np.unique(read_image(folder / "0.png")).tolist() == [0xAB]


def test_images_that_cannot_be_used(tmp_path):
    (tmp_path / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    with pytest.raises(VideoError, match=r"0\.png: cannot be decoded"):
        read_image(tmp_path / "0.png")
    cv2.imwrite(str(tmp_path / "0.tif"), np.zeros((4, 6), np.float32))
    with pytest.raises(VideoError, match="pixels are float32; expected 8 or 16 bits"):
        read_image(tmp_path / "0.tif")
    cv2.imwritemulti(str(tmp_path / "1.tif"), [GRAY, GRAY])
    with pytest.raises(VideoError, match="holds several pages"):
        read_image(tmp_path / "1.tif")


def test_a_size_beyond_all_cameras_is_refused_before_it_takes_memory(tmp_path):
    """A PNG of a few bytes, whose header is right in itself."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(99))), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )
    (tmp_path / "f_0.png").write_bytes(content)
    with pytest.raises(VideoError, match="cannot be decoded, since it claims more than"):
        read_image(tmp_path / "f_0.png")


def test_a_part_that_claims_gigabytes_is_refused_before_it_takes_memory(tmp_path):
    folder = write_images(tmp_path / "f", counting(1))
    (path,) = folder.iterdir()
    content = path.read_bytes()
    path.write_bytes(content[:33] + struct.pack(">I", 2**30) + b"tEXt" + content[33:])
    with pytest.raises(VideoError, match="a part of it reaches beyond its end"):
        read_image(path)
