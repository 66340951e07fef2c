"""Which device computes: the environment's word first, then what the machine has."""

import fcntl
import os
from types import SimpleNamespace

import pytest
import torch

from deg_core.errors import ConfigError
from deg_core.learn import device, leases
from deg_core.learn.device import (
    choose,
    choose_several,
    describe,
    inference_dtype,
    keep_freed_memory,
    name_of,
    precision_of,
)


@pytest.fixture(autouse=True)
def same_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Pretend that the machine has so many cards, or Apple's GPU; DEG_DEVICE is not set."""

    def have(*, cuda=0, mps=False):
        for name in ("DEG_DEVICE", "DEG_SHARE_GPU", "CUDA_VISIBLE_DEVICES"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("DEG_LEASES", str(tmp_path / "leases"))
        monkeypatch.setattr(leases, "_held", {})
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(
            torch.cuda, "get_device_properties", lambda i: SimpleNamespace(uuid=f"GPU-{i}")
        )
        monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    yield have
    for descriptor in leases._held.values():
        if descriptor is not None:
            os.close(descriptor)


@pytest.fixture
def busy(tmp_path):
    """Hold the first card, as another program does: another descriptor is another holder."""
    folder = tmp_path / "leases"
    folder.mkdir()
    with (folder / "GPU-0.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.mark.parametrize(
    ("has", "expected"),
    [
        ({}, "cpu"),
        ({"cuda": 1}, "cuda:0"),
        ({"mps": True}, "mps"),
        ({"cuda": 2, "mps": True}, "cuda:0"),
    ],
)
def test_what_the_machine_has(machine, has, expected):
    machine(**has)
    assert str(choose(1)) == expected


def test_the_environment_decides(machine, monkeypatch):
    machine(cuda=1)
    monkeypatch.setenv("DEG_DEVICE", "cpu")
    assert choose(1) == torch.device("cpu")
    monkeypatch.setenv("DEG_DEVICE", "")  # as good as not set
    assert choose(1).type == "cuda"


def test_a_card_that_another_job_has_is_not_taken(machine, busy):
    machine(cuda=2)
    assert str(choose(1)) == "cuda:1"
    assert str(choose(1)) == "cuda:1"  # another stage of this process


def test_a_stage_whose_rule_asks_for_no_card_takes_none(machine, tmp_path):
    machine(cuda=1)
    assert choose(1, gpu=False) == torch.device("cpu")
    assert not (tmp_path / "leases").exists()


def test_the_named_card_is_taken_and_no_other(machine, monkeypatch, tmp_path):
    machine(cuda=2)
    monkeypatch.setenv("DEG_DEVICE", "cuda:1")
    assert str(choose(1)) == "cuda:1"
    assert [path.name for path in (tmp_path / "leases").iterdir()] == ["GPU-1.lock"]
    monkeypatch.setenv("DEG_DEVICE", "cuda:2")
    with pytest.raises(ConfigError, match="got 'cuda:2' \\(CUDA devices found: 2\\)"):
        choose(1)


def test_cards_are_shared_on_purpose_only(machine, monkeypatch, tmp_path):
    machine(cuda=1)
    (tmp_path / "leases").mkdir()
    with (tmp_path / "leases" / "GPU-0.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        monkeypatch.setenv("DEG_SHARE_GPU", "1")
        assert str(choose(1)) == "cuda:0"


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, ["GPU-0", "GPU-1"]),
        ("3,5", ["GPU-0", "GPU-1"]),  # torch counts what is visible; the driver names it
        ("GPU-8932f937,GPU-1", ["GPU-0", "GPU-1"]),
        ("MIG-74c5b8a1", ["MIG-74c5b8a1", "GPU-1"]),  # a part of a card is a card of its own
    ],
)
def test_cards_are_known_by_what_they_are_and_not_by_their_number(
    machine, monkeypatch, visible, expected
):
    machine(cuda=2)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert list(device.cards().values()) == expected


def test_several_cards_or_none(machine):
    machine(cuda=3)
    assert [str(d) for d in choose_several(2)] == ["cuda:0", "cuda:1"]
    with pytest.raises(ConfigError, match=r"expected 4 graphics cards .* found 3 that this"):
        choose_several(4)
    machine(mps=True)
    with pytest.raises(ConfigError, match=r"expected 2 graphics cards .* found 1"):
        choose_several(2)
    machine()
    assert choose_several(2) == [torch.device("cpu")] * 2


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "cpu:x", "毛"])
def test_a_device_that_is_not_there(monkeypatch, name):
    monkeypatch.setenv("DEG_DEVICE", name)
    with pytest.raises(
        ConfigError, match=f"DEG_DEVICE: expected a device .* got '{name}'"
    ) as found:
        choose(1)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(("threads", "expected"), [(2, 2), (1, 1), (0, 1)])
def test_threads(threads, expected):
    choose(threads)
    assert torch.get_num_threads() == expected


def test_describe(monkeypatch):
    assert describe(torch.device("cpu")) == "cpu"
    assert describe(torch.device("mps")) == "mps"
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "H200")
    assert describe(torch.device("cuda")) == "cuda: H200"


class Library:
    """A C library that notes how its memory is to be kept."""

    def __init__(self):
        self.calls, self.trimmed = [], []

    def mallopt(self, option, value):
        self.calls.append((option, value))

    def malloc_trim(self, pad):
        self.trimmed.append(pad)


def test_freed_memory_is_kept_where_there_is_a_setting_for_it(monkeypatch):
    library = Library()
    monkeypatch.setattr(device.ctypes, "CDLL", lambda name: library)
    monkeypatch.setattr(device.sys, "platform", "linux")
    choose(1)
    # malloc.h: M_MMAP_MAX is -4, M_TRIM_THRESHOLD -1 and M_ARENA_MAX -8.
    assert library.calls == [(-4, 0), (-1, 2**31 - 1), (-8, 1)]
    monkeypatch.setattr(device.sys, "platform", "darwin")
    choose(1)
    monkeypatch.setattr(device.sys, "platform", "linux")
    monkeypatch.setattr(device.ctypes, "CDLL", lambda name: object())  # musl has no such call
    choose(1)
    assert len(library.calls) == 3


def test_a_measurement_can_have_memory_as_every_program_begins(monkeypatch):
    library = Library()
    monkeypatch.setattr(device.ctypes, "CDLL", lambda name: library)
    monkeypatch.setattr(device.sys, "platform", "linux")
    keep_freed_memory(False)
    assert dict(library.calls) == {-4: 65536, -1: 2**17, -8: 0}
    assert library.trimmed == [0]


@pytest.mark.parametrize(
    ("able", "expected"),
    [
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True, "avx512_bf16": False}, torch.bfloat16),
        ({"avx512_f": True, "avx512_bf16": False}, torch.float32),
        ({}, torch.float32),
    ],
)
def test_inference_takes_the_format_that_the_processor_is_fast_at(monkeypatch, able, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert inference_dtype("auto", torch.device("cpu")) == expected
    assert inference_dtype("fp32", torch.device("cpu")) == torch.float32
    assert inference_dtype("bf16", torch.device("cpu")) == torch.bfloat16


def test_inference_on_other_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    assert inference_dtype("auto", torch.device("cuda")) == torch.bfloat16
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    assert inference_dtype("auto", torch.device("cuda")) == torch.float32
    assert inference_dtype("auto", torch.device("mps")) == torch.float32


@pytest.mark.parametrize("name", ["fp32", "bf16", "fp16"])
def test_formats_have_the_names_of_the_settings(name):
    assert name_of(precision_of(name, torch.device("cpu")).dtype) == name
