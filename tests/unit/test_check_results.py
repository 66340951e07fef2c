"""The doctor looks at computed files, their dates and what they were made of."""

import os
import time

import numpy as np
import pytest
import recorded
from projects import make_project

from deg_core.data.publish import publish_hdf5
from deg_core.ledger import Ledger, digest, look
from deg_core.project import check_results
from deg_core.project.folder import open_project


@pytest.fixture
def folder(tmp_path):
    return make_project(tmp_path / "p", n_videos=1)


def examine(folder, *, thoroughly=False):
    found = check_results.examine_results(open_project(folder), thoroughly=thoroughly)
    return [(finding.serious, finding.text) for finding in found]


def test_without_results_nothing_is_wrong(folder):
    assert examine(folder) == examine(folder, thoroughly=True) == []


def test_every_damaged_result_is_found(folder):
    results = folder / "results"
    names = ("a/cut.h5", "b/cut.json", "c/cut.pt", "d/cut.csv", "e/cut.png")
    for name in (*names, "f/.hidden.h5", "g/any.txt", "provenance/cut.json"):
        path = results / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"cut off")
    assert examine(folder) == []  # somebody's own files, as far as anybody knows
    for name in names:
        recorded.note(folder, f"results/{name}")
    found = examine(folder)
    assert [serious for serious, _ in found] == [True] * len(names)
    for (_, text), name in zip(found, names, strict=True):
        assert text.startswith(f"{results / name}: damaged")


def test_a_damaged_state_is_a_warning(folder):
    path = folder / "state" / "train_flow" / "lite" / "last.pt"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK cut off")
    ((serious, text),) = examine(folder)
    assert not serious
    assert "will go on from an older state, or start again" in text


def test_only_a_deep_look_reads_all(folder):
    path = folder / "results" / "features" / "m0.h5"
    with publish_hdf5(path) as file:
        data = np.arange(9000, dtype=np.int32)
        file.create_dataset("x", data=data, chunks=(1000,), fletcher32=True)
    content = bytearray(path.read_bytes())
    content[content.index(data[500:600].tobytes())] ^= 1  # not in the last rows
    path.write_bytes(content)
    recorded.note(folder, "results/features/m0.h5")
    assert examine(folder) == []
    ((serious, text),) = examine(folder, thoroughly=True)
    assert serious
    assert text.startswith(f"{path}: damaged")


def test_a_deep_look_compares_with_what_was_noted(folder):
    path = folder / "results" / "ethograms" / "m0.csv"
    path.parent.mkdir(parents=True)
    path.write_text("frame,rear\n0,1\n")
    name, seen = "results/ethograms/m0.csv", look(path)
    entry = seen.as_json() | {"sha256": digest(path)}
    record = {"stage": "postprocess", "ended": "2026-01-01T00:00:00", "inputs": {}}
    Ledger(folder).write(record | {"outputs": {name: entry}})
    assert examine(folder, thoroughly=True) == []
    path.write_text("frame,rear\n0,0\n")
    os.utime(path, ns=(seen.mtime_ns, seen.mtime_ns))
    assert examine(folder) == []
    ((serious, text),) = examine(folder, thoroughly=True)
    assert serious
    assert "other content of the same size" in text
    path.write_text("frame,rear\n0")  # damage that shows is told once
    assert len(examine(folder, thoroughly=True)) == 1


def test_dates_in_the_future_are_found(folder):
    result = folder / "results" / "labels" / "m0.csv"
    result.parent.mkdir(parents=True)
    result.write_text("frame,rear\n0,1\n")
    raw = folder.parent / "raw of p" / "m0.mp4"
    for path in (folder / "labels" / "m0.csv", result, raw):
        os.utime(path, (time.time() + 9000, time.time() + 9000))
    of_labels, of_results = examine(folder)
    assert of_labels[0]
    assert f"{folder / 'labels' / 'm0.csv'}: is dated in the future" in of_labels[1]
    assert not of_results[0]
    assert f"results dated in the future: 1 ({result})" in of_results[1]


def test_inputs_that_changed_unnoticed_are_found(tmp_path):
    project = recorded.make(tmp_path / "p", made=time.time() - 60)
    (video,) = project.videos
    for path in (project.place(video.labels), project.place(video.path)):
        content = bytearray(path.read_bytes())
        content[-9] ^= 1
        path.write_bytes(content)
        os.utime(path, (1e9, 1e9))
    (project.folder / "results/import/m0.h5").unlink()
    with publish_hdf5(project.folder / "results/import/m0.h5"):
        pass
    of_labels, of_video = examine(project.folder)
    assert not of_labels[0]
    assert "m0.csv: has changed, although its date is older" in of_labels[1]
    assert not of_video[0]
    assert "m0.mp4: has another date than when it was imported" in of_video[1]
    found = examine(project.folder, thoroughly=True)
    assert (True, True) in [(s, "is another video of the same size" in t) for s, t in found]
