"""Checkpoints of the original program: both layouts are read, and nothing in them is executed."""

import pickle
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch

from deg_core.errors import ModelError
from deg_core.models import files
from deg_core.models.compat import checkpoint

SAMPLES = Path(__file__).parents[1] / "parity/reference/sample_project/models"
LAYOUTS = [True, False]  # zip archive, and the stream of older versions of torch


@pytest.fixture
def weights():
    torch.manual_seed(0)
    whole = torch.randn(6)
    return OrderedDict(
        {
            "conv.weight": torch.randn(2, 3, 1),
            "bn.num_batches_tracked": torch.tensor(7),
            "bn.half": torch.randn(3).half(),
            "left": whole[:4].view(2, 2).t(),
            "right": whole[2:],
            "none": torch.zeros(0, 4),
            "parameter": torch.nn.Parameter(torch.randn(2)),
        }
    )


def equal(found, expected):
    assert list(found) == list(expected)
    for key, value in expected.items():
        assert found[key].dtype == value.dtype
        assert torch.equal(found[key], value)


@pytest.mark.parametrize("zipped", LAYOUTS)
def test_a_checkpoint_comes_back(tmp_path, weights, zipped):
    content = {
        "epoch": 3, "state_dict": weights, "optimizer": None,
        "hyperparameters": {"lr": 1e-4, "sizes": (1, 2), "odd": {3, 4}},
    }  # fmt: skip
    torch.save(content, tmp_path / "c.pt", _use_new_zipfile_serialization=zipped)
    found = checkpoint.read(tmp_path / "c.pt")
    equal(found.state_dict, weights)
    assert found.epoch == 3
    assert found.hyper == {"lr": 1e-4, "sizes": [1, 2], "odd": None}


@pytest.mark.parametrize("zipped", LAYOUTS)
def test_a_bare_state_dict_has_no_epoch(tmp_path, weights, zipped):
    module = torch.nn.BatchNorm1d(2)  # its state dict carries an attribute, _metadata
    torch.save(module.state_dict(), tmp_path / "c.pt", _use_new_zipfile_serialization=zipped)
    found = checkpoint.read(tmp_path / "c.pt")
    equal(found.state_dict, module.state_dict())
    assert found.epoch is None
    assert found.hyper == {}


def test_prefixes_and_the_loss_are_taken_off(tmp_path):
    state = {
        "module.model.a": torch.ones(1), "model.model.b": torch.ones(2), "c.model.d": torch.ones(3),
        "criterion.pos_weight": torch.ones(4), "model.criterion.reg": torch.ones(5),
    }  # fmt: skip
    torch.save({"epoch": 0, "state_dict": state}, tmp_path / "c.ckpt")
    found = checkpoint.read(tmp_path / "c.ckpt").state_dict
    assert {key: len(value) for key, value in found.items()} == {
        "a": 1,
        "model.b": 2,
        "c.model.d": 3,
    }


@pytest.mark.parametrize("path", sorted(SAMPLES.rglob("*.pt")) + sorted(SAMPLES.rglob("*.ckpt")),
                         ids=lambda path: path.name)  # fmt: skip
def test_files_of_the_original_program_are_read_as_torch_reads_them(path):
    found = checkpoint.read(path)
    expected = torch.load(path, weights_only=True)
    assert found.epoch == expected["epoch"]
    ours = {key.removeprefix("model."): v for key, v in expected["state_dict"].items()}
    equal(found.state_dict, {key: v for key, v in ours.items() if "criterion" not in key})


def test_there_are_such_files():
    assert len(list(SAMPLES.rglob("*.ckpt"))) >= 1


# --- foreign classes

OMEGACONF = """
import sys, types, enum, torch
package = types.ModuleType("omegaconf")
class DictConfig(dict):
    def __init__(self, content=None, *, flags=None): super().__init__(content or {})
    def __reduce__(self): return (DictConfig, (), {"_metadata": 1}, None, iter(self.items()))
class Listed(list): pass
class Node:
    __slots__ = ("value", "parent")
    def __init__(self, value, parent): self.value, self.parent = value, parent
class Kind(enum.Enum): ANY = 1
for cls in (DictConfig, Listed, Node, Kind):
    cls.__module__, cls.__qualname__ = "omegaconf", cls.__name__
    setattr(package, cls.__name__, cls)
sys.modules["omegaconf"] = package
config = DictConfig({"a": Node(3, None), "kind": Kind.ANY, "typ": int, "l": Listed([1, 2])})
config["self"] = config
layout = {"epoch": 4, "hyper_parameters": {"cfg": config, "lr": 0.1, "f": package.Listed.append},
          "state_dict": {"model.a": torch.arange(3.0)}, "callbacks": {Node: config}}
torch.save(layout, sys.argv[1], _use_new_zipfile_serialization=sys.argv[2] == "True")
"""


@pytest.mark.parametrize("zipped", LAYOUTS)
def test_objects_of_other_packages_are_passed_over(tmp_path, zipped):
    path = tmp_path / "last.ckpt"
    subprocess.run([sys.executable, "-c", OMEGACONF, str(path), str(zipped)], check=True)
    found = checkpoint.read(path)
    equal(found.state_dict, {"a": torch.arange(3.0)})
    assert found.epoch == 4
    assert found.hyper == {"cfg": None, "lr": 0.1, "f": None}
    assert "omegaconf" not in sys.modules


# --- attacks

CALLS = {
    "os.system": "cos\nsystem\n(S'touch {mark}'\ntR",
    "posix.system": "cposix\nsystem\n(S'touch {mark}'\ntR",
    "eval": "cbuiltins\neval\n(S'open(\"{mark}\", \"w\")'\ntR",
    "python 2's eval": "c__builtin__\neval\n(S'open(\"{mark}\", \"w\")'\ntR",
    "open": "cbuiltins\nopen\n(S'{mark}'\nS'w'\ntR",
    "instance": "(S'{mark}'\nS'w'\nibuiltins\nopen\n",
    "object": "(cbuiltins\nopen\nS'{mark}'\nS'w'\no",
    "getattr": "cbuiltins\ngetattr\n(cos\npath\nS'os'\ntR(S'{mark}'\ntR",
    "import": "cbuiltins\n__import__\n(S'os'\ntR(S'touch {mark}'\ntR",
    "dotted name": "\x80\x04\x8c\x02os\x8c\x06system\x93\x8c{length}touch {mark}\x85R",
    "partial": "cfunctools\npartial\n(cos\nsystem\nS'touch {mark}'\ntR)R",
    "torch.load": "ctorch\nload\n(S'{other}'\ntR",
    "torch.save": "ctorch\nsave\n(I1\nS'{mark}'\ntR",
    "torch.jit": "ctorch.jit\nload\n(S'{other}'\ntR",
    "torch's import": "ctorch.serialization\n_import_dotted_name\n(S'os.system'\ntR(S'{mark}'\ntR",
    "numpy": "cnumpy\nmemmap\n(S'{mark}'\nS'uint8'\nS'w+'\nI0\nI4\ntR",
    "module of ours": "cdeg_core.models.compat.checkpoint\npickle.os.system\n(S'touch {mark}'\ntR",
    "new object": "cio\nFileIO\n(S'{mark}'\nS'w'\nt\x81",
    "a module's import": "ctripwire\nname\n)R",
    "state of a class": "ccollections\nOrderedDict\n(N(S'__init__'\ncos\nsystem\ndtb",
    "state of a function": "ctorch._utils\n_rebuild_tensor_v2\n(N(S'__init__'\ncos\nsystem\ndtb",
    "state of a parameter": "ctorch._utils\n_rebuild_parameter\n(N(S'__new__'\ncos\nsystem\ndtb",
    "state of a type": "ctorch\nFloatStorage\n(N(S'itemsize'\nI0\ndtb",
    "state of an object": "cthis\nthat\n)R(dS'__class__'\ncos\nsystem\nsb",
    "state of anything": "cthis\nthat\n(N(S'__call__'\ncos\nsystem\ndtb",
}  # fmt: skip


def archive(path, pickled, records=()):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", pickled)
        for name, data in dict(records).items():
            file.writestr(f"archive/{name}", data)
    return path


def filled_in(tmp_path, text):
    """Write out an attack, and what it needs: another evil file, a module that leaves a mark."""
    other = tmp_path / "o.pt"
    other.write_bytes(f"cos\nsystem\n(S'touch {tmp_path / 'mark'}'\ntR.".encode())
    (tmp_path / "tripwire.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'w')\ndef name(): ...")
    command = f"touch {tmp_path / 'mark'}"
    values = {"mark": tmp_path / "mark", "other": other, "length": chr(len(command))}
    return text.format(**values).encode("latin-1")


def snapshot():
    names = ["_Closed", "_Inert", "_Ordered", "_Described", "_Parameter", "_Storage"]
    return {name: dict(vars(getattr(checkpoint, name))) for name in names}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_nothing_in_the_pickle_runs(tmp_path, monkeypatch, call):
    before, attack = snapshot(), filled_in(tmp_path, call)
    monkeypatch.syspath_prepend(tmp_path)
    path = archive(tmp_path / "evil.ckpt", attack + b".")
    with pytest.raises(ModelError, match=r"evil\.ckpt: expected a checkpoint of DeepEthogram"):
        checkpoint.read(path)
    stream = tmp_path / "evil.pt"
    parts = [checkpoint.STREAM_MAGIC, checkpoint.STREAM_VERSION, {"little_endian": True}]
    stream.write_bytes(b"".join(pickle.dumps(part, 2) for part in parts) + attack + b".")
    with pytest.raises(ModelError):
        checkpoint.read(stream)
    stream.write_bytes(attack + b".")  # where a magic number should stand
    with pytest.raises(ModelError):
        checkpoint.read(stream)
    assert not (tmp_path / "mark").exists()
    assert snapshot() == before


RUNNING = (
    "os.system", "posix.system", "eval", "python 2's eval", "open", "instance", "object", "partial",
    "dotted name", "numpy", "a module's import",
)  # fmt: skip


@pytest.mark.parametrize("name", RUNNING)
def test_plain_pickle_would_run_such_attacks(tmp_path, name):
    code = "import pickle, sys; pickle.loads(sys.stdin.buffer.read())"
    attack = filled_in(tmp_path, CALLS[name]) + b"."
    subprocess.run(
        [sys.executable, "-c", code], input=attack, capture_output=True, check=False, cwd=tmp_path
    )
    assert (tmp_path / "mark").exists()


def test_an_attack_beside_good_weights_does_not_run_either(tmp_path, weights):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "mark"), "w"))

    torch.save(
        {"epoch": 1, "state_dict": weights, "hyper_parameters": {"cfg": Evil()}}, tmp_path / "c.pt"
    )
    found = checkpoint.read(tmp_path / "c.pt")
    equal(found.state_dict, weights)
    assert found.hyper == {"cfg": None}
    assert not (tmp_path / "mark").exists()


# --- damaged and foreign files

STORAGE = "(S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI{numel}\ntQ"
TENSOR = "ctorch._utils\n_rebuild_tensor_v2\n({storage}I{offset}\n{shape}{stride}tR"


def one_tensor(*, numel=4, offset=0, shape="(I4\nt", stride="(I1\nt", storage=STORAGE):
    text = TENSOR.format(
        storage=storage.format(numel=numel), offset=offset, shape=shape, stride=stride
    )
    return f"(dS'a'\n{text}s.".encode()


def test_such_a_file_by_hand_is_read(tmp_path):
    path = archive(tmp_path / "c.pt", one_tensor(), {"data/0": bytes(16)})
    equal(checkpoint.read(path).state_dict, {"a": torch.zeros(4)})


@pytest.mark.parametrize(
    ("pickled", "records", "words"),
    [
        (one_tensor(), {}, "archive/data/0"),
        (one_tensor(), {"data/0": bytes(12)}, "numbers are missing"),
        (one_tensor(), {"data/0": bytes(16), "byteorder": b"big"}, "big-endian"),
        (one_tensor(shape="(I9\nt"), {"data/0": bytes(16)}, "larger than its numbers"),
        (one_tensor(shape="(I1000000000000\nt", stride="(I0\nt"), {"data/0": bytes(16)}, "larger"),
        (one_tensor(offset=2), {"data/0": bytes(16)}, "out of bounds"),
        (one_tensor(offset=-2), {"data/0": bytes(16)}, r"c\.pt"),
        (one_tensor(stride="(I-1\nt"), {"data/0": bytes(16)}, r"c\.pt"),
        (one_tensor(stride="(S'1'\nt"), {"data/0": bytes(16)}, r"c\.pt"),
        (one_tensor(storage="N"), {}, "without numbers"),
        (one_tensor(storage="(S'module'\nNNNNtQ"), {}, "unknown kind"),
        (one_tensor(storage="(S'storage'\nco\nX\nS'0'\nS'cpu'\nI4\ntQ"), {}, "unknown kind"),
        (b"(dS'a'\nI1\ns.", {}, "found 'a', which is none"),
        (b"(d.", {}, "found no tensor"),
        (b"(l.", {}, "found no tensor"),
        (b"N.", {}, "found no tensor"),
        (b"(dS'epoch'\nI1\nsS'state_dict'\n(ds.", {}, "found no tensor"),
        (b"", {}, "exhausted before"),
        (b"(dS'a'", {}, r"c\.pt"),
    ],
)
def test_what_does_not_add_up_is_one_sentence(tmp_path, pickled, records, words):
    with pytest.raises(ModelError, match=words) as caught:
        checkpoint.read(archive(tmp_path / "c.pt", pickled, records))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'c.pt'}: expected a checkpoint of DeepEtho")


@pytest.mark.parametrize("content", [b"\0" * 100, b"text", b"epoch: 3\n", b"\x89HDF\r\n"])
def test_a_file_of_another_kind(tmp_path, content):
    (tmp_path / "c.pt").write_bytes(content)
    with pytest.raises(ModelError, match=r"c\.pt: expected .*, found a file of another kind, not"):
        checkpoint.read(tmp_path / "c.pt")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"\x80\x02.", b"\x80\x02h"])
def test_a_file_of_which_too_little_is_there(tmp_path, content):
    (tmp_path / "c.pt").write_bytes(content)
    with pytest.raises(ModelError, match=r"c\.pt: expected a checkpoint .*; copy it again"):
        checkpoint.read(tmp_path / "c.pt")


@pytest.mark.parametrize("zipped", LAYOUTS)
def test_a_file_that_was_cut_off(tmp_path, weights, zipped):
    path = tmp_path / "c.pt"
    torch.save({"epoch": 1, "state_dict": weights}, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    for length in (1, 20, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError):
            checkpoint.read(path)


def test_a_flipped_bit_is_noticed(tmp_path, weights):
    path = tmp_path / "c.pt"
    torch.save({"epoch": 1, "state_dict": weights}, path)
    content = bytearray(path.read_bytes())
    at = content.index(weights["conv.weight"].numpy().tobytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="Bad CRC-32"):
        checkpoint.read(path)


def test_a_compressed_archive_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "c.pt", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", bytes(10_000_000))
    with pytest.raises(ModelError, match="compressed"):
        checkpoint.read(tmp_path / "c.pt")


def test_an_archive_of_something_else(tmp_path):
    with zipfile.ZipFile(tmp_path / "c.pt", "w") as file:
        file.writestr("letter.txt", "hello")
    with pytest.raises(ModelError, match="a zip archive that torch did not write"):
        checkpoint.read(tmp_path / "c.pt")


def test_our_own_model_files_need_no_import(tmp_path):
    files.save(tmp_path / "m.pt", stage="train_flow", network=torch.nn.Linear(1, 1))
    with pytest.raises(ModelError, match="found a model file of deg; name it under `weights`"):
        checkpoint.read(tmp_path / "m.pt")


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(ModelError, match=r"c\.pt: no such file; give a checkpoint"):
        checkpoint.read(tmp_path / "c.pt")
    with pytest.raises(ModelError, match=r"expected a file, found a folder"):
        checkpoint.read(tmp_path)


def test_tensors_that_share_numbers_still_share_them(tmp_path, weights):
    torch.save({"epoch": 1, "state_dict": weights}, tmp_path / "c.pt")
    found = checkpoint.read(tmp_path / "c.pt").state_dict
    found["left"].zero_()
    assert found["right"][0] == found["right"][1] == 0  # the middle of the six numbers
    assert found["right"][2] != 0


@pytest.mark.parametrize("place", ["p1999999999\n", "r\xff\xff\xff\x7f"])
def test_a_few_bytes_do_not_ask_for_gigabytes(tmp_path, place):
    pickled = f"(d{place}.".encode("latin-1")
    with pytest.raises(ModelError, match=r"place .* in a pickle of"):
        checkpoint.read(archive(tmp_path / "c.pt", pickled))
    (tmp_path / "c.pt").write_bytes(b"\x80\x02" + pickled)
    with pytest.raises(ModelError, match=r"place .* in a pickle of"):
        checkpoint.read(tmp_path / "c.pt")
