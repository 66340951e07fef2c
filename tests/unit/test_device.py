"""Which device computes: the environment's word first, then what the machine has."""

import pytest
import torch

from deg_core.errors import ConfigError
from deg_core.learn import device
from deg_core.learn.device import (
    choose,
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
def machine(monkeypatch):
    """Pretend that the machine has these accelerators; DEG_DEVICE is not set."""

    def have(*, cuda=False, mps=False):
        monkeypatch.delenv("DEG_DEVICE", raising=False)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return have


@pytest.mark.parametrize(
    ("has", "expected"),
    [
        ({}, "cpu"),
        ({"cuda": True}, "cuda"),
        ({"mps": True}, "mps"),
        ({"cuda": True, "mps": True}, "cuda"),
    ],
)
def test_what_the_machine_has(machine, has, expected):
    machine(**has)
    assert choose(1).type == expected


def test_the_environment_decides(machine, monkeypatch):
    machine(cuda=True)
    monkeypatch.setenv("DEG_DEVICE", "cpu")
    assert choose(1) == torch.device("cpu")
    monkeypatch.setenv("DEG_DEVICE", "")  # as good as not set
    assert choose(1).type == "cuda"


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
