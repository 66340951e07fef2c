"""The int8 extractor: files that are whole or refused, and windows as the engine has them."""

import json
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import videos

from deg_core.data.store import FrameStore
from deg_core.errors import ConfigError, ModelError, StateError, VideoError
from deg_core.learn import quantized
from deg_core.learn.quantization import to_graph
from deg_core.learn.quantized import QuantizedEngine
from deg_core.learn.streaming import stream

openvino = pytest.importorskip("openvino")

T, SIZE, D = 3, (6, 8), 4
FACTS = {"digest": "d" * 64, "bits": 7, "clip": T, "size": SIZE, "length": D}
PAD = np.array([1, 2, 3], np.uint8)


class Sums(torch.nn.Module):
    """Stands in for the networks: what it says of a window can be told by hand."""

    def __init__(self, background=False, flow=True):
        super().__init__()
        self.flow = flow
        self.names = ("logits", "spatial", "flow") if flow else ("logits", "spatial")

    def forward(self, frames, background=None):
        frames = frames.float()
        middle, first = frames[1].mean(), frames[0].mean()
        if background is not None:
            middle = middle - background.float().mean()
        logits = torch.stack([middle, first])[None]
        return (logits, middle.expand(1, D)) + ((first.expand(1, D),) if self.flow else ())


@cache
def graph_of(**options):
    window = np.zeros((T, *SIZE, 3), np.uint8)
    inputs = (window, window[0]) if options.get("background") else (window,)
    return to_graph(Sums(**options).eval(), inputs)


@pytest.fixture
def xml(tmp_path):
    path = tmp_path / "a folder" / "all.xml"
    quantized.publish(graph_of(), path, facts=FACTS)
    return path


def frames_of(n, height=SIZE[0], width=SIZE[1]):
    return [np.full((height, width, 3), 10 * k, np.uint8) for k in range(n)]


# --- files


def test_both_files_come_back(xml):
    assert sorted(path.name for path in xml.parent.iterdir()) == ["all.bin", "all.xml"]
    graph, facts = quantized.read(xml, digest="d" * 64)
    expected = FACTS | {"format": quantized.FORMAT, "size": list(SIZE)}
    assert {name: facts[name] for name in expected} == expected
    found = QuantizedEngine(graph, facts, threads=1).score_windows([(np.stack(frames_of(T)),)])
    assert found.logits.tolist() == [[10.0, 0.0]]


def test_the_same_graph_gives_the_same_files(tmp_path):
    for name in ("a", "b"):
        quantized.publish(graph_of(), tmp_path / f"{name}.xml", facts=FACTS)
    assert (tmp_path / "a.bin").read_bytes() == (tmp_path / "b.bin").read_bytes()


def test_a_missing_file_is_told(xml):
    quantized.weights_of(xml).unlink()
    with pytest.raises(StateError, match=r"all\.xml: does not exist|all\.bin"):
        quantized.read(xml, digest="d" * 64)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("all.xml", lambda b: b[: len(b) // 2], "damaged, or not written by this program"),
        ("all.xml", lambda b: b"", "damaged, or not written by this program"),
        ("all.xml", lambda b: b"\x89PNG\r\n", "damaged, or not written by this program"),
        ("all.xml", lambda b: b.replace(b"deg_core", b"deg_kore"), "damaged, or not written by"),
        ("all.xml", lambda b: b.replace(b"int8 1", b"int8 9"), "do not belong together"),
        ("all.bin", lambda b: b + b"x", "do not belong together"),
        ("all.bin", lambda b: b[: len(b) // 2], r"all\.xml: "),
        ("all.bin", lambda b: b"", r"all\.xml: "),
    ],
)
def test_damaged_files_are_refused_in_one_sentence(xml, name, change, message):
    file = xml.parent / name
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(ModelError, match=message) as caught:
        quantized.read(xml, digest="d" * 64)
    assert str(caught.value).startswith(str(xml))
    assert "delete it and run again" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_extractor_is_refused(xml):
    with pytest.raises(ModelError, match="made from other models than the two given"):
        quantized.read(xml, digest="e" * 64)


def test_eight_bits_are_refused_where_they_overflow(tmp_path, monkeypatch):
    quantized.publish(graph_of(), tmp_path / "q.xml", facts=FACTS | {"bits": 8})
    monkeypatch.setattr(quantized, "full_range", lambda: False)
    with pytest.raises(ModelError, match="VNNI instructions, which this one lacks"):
        quantized.read(tmp_path / "q.xml", digest="d" * 64)
    monkeypatch.setattr(quantized, "full_range", lambda: True)
    quantized.read(tmp_path / "q.xml", digest="d" * 64)


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StateError):
        quantized.publish(graph_of(), tmp_path / "file" / "q.xml", facts=FACTS)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_without_openvino_reading_says_so(xml, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ConfigError, match="needs the package openvino, which is not installed"):
        quantized.read(xml, digest="d" * 64)


def test_a_disk_that_loses_bytes_is_noticed(tmp_path, monkeypatch):
    graph = graph_of()
    monkeypatch.setattr(quantized, "serialized", lambda _: (b"<net/>", b"weights"))
    monkeypatch.setattr(Path, "write_bytes", lambda path, content: path.touch())
    with pytest.raises(StateError, match=r"q\.bin: read back other than written"):
        quantized.publish(graph, tmp_path / "q.xml", facts=FACTS)
    assert not list(tmp_path.iterdir())


# --- the engine


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch", [1, 3, 100])
def test_windows_follow_the_video(tmp_path, threads, batch):
    engine = QuantizedEngine(graph_of(), FACTS, threads=threads)
    path = videos.write_store(tmp_path / "v.h5", frames_of(7))
    with FrameStore(path) as store:
        engine.check_size(store)
        found = list(stream(engine, store, batch=batch, pad=PAD))
    logits = torch.cat([answer.logits for answer in found])
    spatial, moving = (torch.cat([getattr(a, n) for a in found]) for n in ("spatial", "flow"))
    # The frame itself, and the one before; the first one's is padding of 1, 2 and 3.
    np.testing.assert_allclose(logits[:, 0], 10.0 * np.arange(7), atol=0.3)
    np.testing.assert_allclose(logits[:, 1], [2, *(10.0 * np.arange(6))], atol=0.3)
    assert spatial.shape == moving.shape == (7, D)
    np.testing.assert_array_equal(spatial[:, 0], logits[:, 0])


def test_the_background_reaches_the_graph():
    engine = QuantizedEngine(graph_of(background=True), FACTS, threads=1)
    assert engine.needs_background
    still = engine.normalize(np.full((*SIZE, 3), 5, np.uint8))
    found = engine.score(engine.prepare(np.stack(frames_of(T + 1))), still)
    np.testing.assert_allclose(found.logits, [[10 - 5, 0], [20 - 5, 10]], atol=0.2)


def test_a_stream_that_there_is_not_is_zero():
    engine = QuantizedEngine(graph_of(flow=False), FACTS, threads=1)
    found = engine.score(engine.prepare(np.stack(frames_of(T))))
    assert found.spatial.any()
    assert not found.flow.any()
    assert found.flow.shape == (1, D)


def test_frames_of_another_size_are_refused(tmp_path):
    engine = QuantizedEngine(graph_of(), FACTS, threads=1)
    path = videos.write_store(tmp_path / "wide.h5", frames_of(4, 6, 10))
    with FrameStore(path) as store, pytest.raises(VideoError) as caught:
        engine.check_size(store)
    assert str(caught.value) == (
        f"{path}: frames of 10 x 6 pixels, but the int8 extractor was made for 8 x 6; import all "
        "videos at one size."
    )


# --- the processor


@pytest.mark.parametrize(
    ("able", "expected"),
    [
        ({"architecture": "x86_64", "avx512_vnni": True}, True),
        ({"architecture": "x86_64", "avx_vnni": True}, True),
        ({"architecture": "x86_64", "avx512_f": True}, False),
        ({"architecture": "aarch64"}, True),
        ({}, False),  # an older torch does not tell
    ],
)
def test_eight_bits_need_instructions_for_them(monkeypatch, able, expected):
    monkeypatch.setattr(quantized, "instructions", lambda: able)
    assert quantized.full_range() is expected


def test_what_stays_out_of_int8_is_computed_as_fast_as_the_processor_can(monkeypatch):
    for fast, name in ((True, "bf16"), (False, "f32")):
        monkeypatch.setattr(quantized, "has_fast_bfloat16", lambda fast=fast: fast)
        assert quantized.options(3)["INFERENCE_PRECISION_HINT"] == name
    assert quantized.options(3)["NUM_STREAMS"] == quantized.options(3)["INFERENCE_NUM_THREADS"] == 3


def test_facts_are_plain_json(xml):
    graph = openvino.Core().read_model(xml)
    facts = json.loads(graph.get_rt_info(quantized.FACTS).astype(str))
    assert len(facts["weights"]) == 64
