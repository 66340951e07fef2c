"""Damage of computed files is seen, and whole files pass."""

import zlib

import cv2
import h5py
import numpy as np
import pytest
import torch

from deg_core.data.publish import publish_csv, publish_hdf5, publish_json, publish_npz, publish_text
from deg_core.data.whole import check_whole, damage
from deg_core.errors import StateError

NAMES = ("a.h5", "a.npz", "a.pt", "a.json", "a.csv", "a.svg", "a.html", "a.png", "a.bin")


@pytest.fixture
def folder(tmp_path):
    """One whole file of each kind."""
    import pandas as pd

    rng = np.random.default_rng(0)
    values = rng.random((3000, 8)).astype(np.float32)
    with publish_hdf5(tmp_path / "a.h5") as file:
        file.create_dataset("x", data=values, chunks=(1000, 8), fletcher32=True)
        file.create_dataset("none", data=np.zeros((0, 3), np.float32))
    publish_npz(tmp_path / "a.npz", {"x": values})
    torch.save({"x": torch.from_numpy(values)}, tmp_path / "a.pt")
    publish_json(tmp_path / "a.json", {"x": values[:50]})
    publish_csv(tmp_path / "a.csv", pd.DataFrame({"a": ['1,"', "2\n"], "b": [np.nan, 1]}))
    publish_text(tmp_path / "a.svg", f"<svg>{'<g/>' * 500}</svg>\n")
    publish_text(tmp_path / "a.html", f"<html>{'x' * 500}</html>\n")
    cv2.imwrite(str(tmp_path / "a.png"), (values[:90] * 255).astype(np.uint8))
    (tmp_path / "a.bin").write_bytes(values.tobytes())
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_whole_files_pass(folder, name):
    check_whole(folder / name, thoroughly=True)
    check_whole(folder / name, thoroughly=False)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "a.bin"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_files_that_were_cut_off_are_damaged(folder, name, share):
    path = folder / name
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(StateError, match=r"a\.\w+: damaged"):
        check_whole(path, thoroughly=False)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("thoroughly", [True, False])
def test_zeros_in_place_of_content_are_damage(folder, name, thoroughly):
    path = folder / name
    path.write_bytes(bytes(path.stat().st_size))
    assert "delete it and run again" in str(damage(path, thoroughly=thoroughly))


@pytest.mark.parametrize("name", ["a.h5", "a.npz", "a.pt", "a.png"])
def test_one_wrong_byte_is_found_where_there_are_checksums(folder, name):
    path = folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert damage(path, thoroughly=True) is not None


def test_a_table_of_uneven_rows_is_damaged(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n3\n")
    assert "1 cells in row 3, 2 in the first" in str(damage(tmp_path / "a.csv", thoroughly=False))


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(StateError, match="does not exist"):
        check_whole(tmp_path / "a.csv", thoroughly=False)


def test_a_picture_without_its_end_is_cut_off(tmp_path):
    header = b"IHDR" + bytes(13)
    part = (13).to_bytes(4, "big") + header + zlib.crc32(header).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + part)
    assert "cut off" in str(damage(tmp_path / "a.png", thoroughly=False))


def test_a_scalar_is_read_whole(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = 5.0
    check_whole(tmp_path / "a.h5", thoroughly=True)
