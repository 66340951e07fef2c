"""Damage of files, drawn from a seed: bytes near what marks a structure, words of texts, values.

A mutation takes a generator and a whole file and returns a damaged one. Blind flips of bits mostly
hit pixels and weights; therefore most of what is done here happens where a format keeps its
lengths, its names and its numbers.
"""

import copy
import io
import json
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence

import yaml

Mutation = Callable[[random.Random, bytes], bytes]

# What stands beside the lengths: names of boxes and chunks, of Matroska's elements, of HDF5's
# parts, of pickles' parts.
MARKS = re.compile(
    rb"[A-Za-z0-9 ]{3}[A-Za-z ]|\x1aE\xdf\xa3|\x15I\xa9f|\x16T\xaek|\x1fC\xb6u|\x1cS\xbbk|\xae|\xa3"
    rb"|TREE|HEAP|SNOD|OHDR|OCHK|FRHP|BTHD|FADB|\x89HDF|PK\x01\x02|PK\x03\x04|PK\x05\x06"
)
NUMBERS = (0, 1, 2, 7, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31,
           2**32 - 1, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1)  # fmt: skip
FORMATS = (">B", ">H", "<H", ">I", "<I", ">Q", "<Q", ">f", "<d")
LARGEST = 2**18  # of what is inserted, in bytes: the inputs stay small


def chosen(*mutations: Mutation, most: int = 3) -> Mutation:
    """Apply one to ``most`` of some mutations, drawn one by one."""

    def apply(rng: random.Random, content: bytes) -> bytes:
        for _ in range(rng.randint(1, most)):
            content = rng.choice(mutations)(rng, content)
        return content

    return apply


# --- bytes


def _place(rng: random.Random, content: bytes) -> int:
    """Choose a byte: one near a mark, near the beginning or the end, or any."""
    if not content:
        return 0
    kind = rng.random()
    if kind < 0.5:
        marks = [match.start() for match in MARKS.finditer(content[: 2**16])]
        if marks:
            return min(max(rng.choice(marks) + rng.randint(-8, 24), 0), len(content) - 1)
    if kind < 0.7:
        return rng.randrange(min(len(content), 256))
    if kind < 0.8:
        return len(content) - 1 - rng.randrange(min(len(content), 256))
    return rng.randrange(len(content))


def flip(rng: random.Random, content: bytes) -> bytes:
    """Flip a few bits."""
    found = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if found:
            found[_place(rng, content)] ^= 1 << rng.randrange(8)
    return bytes(found)


def number(rng: random.Random, content: bytes) -> bytes:
    """Write a telling number over some bytes."""
    form = rng.choice(FORMATS)
    if form[1] in "fd":
        data = struct.pack(form, rng.choice((0.0, -1.0, float("nan"), float("inf"), 1e-30, 1e30)))
    else:
        size = struct.calcsize(form)
        value = rng.choice(NUMBERS) + rng.choice((0, 0, 0, 1, -1))
        data = struct.pack(form, value % 256**size)
    at = _place(rng, content)
    return content[:at] + data + content[at + len(data) :]


def cut(rng: random.Random, content: bytes) -> bytes:
    """Cut the file off, or a piece out of it."""
    at = _place(rng, content)
    if rng.random() < 0.5:
        return content[:at]
    return content[:at] + content[at + rng.choice((1, 2, 4, 16, 100, 1000)) :]


def repeat(rng: random.Random, content: bytes) -> bytes:
    """Copy a piece to another place."""
    at, to = _place(rng, content), _place(rng, content)
    piece = content[at : at + rng.choice((1, 4, 8, 64, 512))] * rng.choice((1, 1, 2, 50))
    if rng.random() < 0.5:
        return content[:to] + piece[:LARGEST] + content[to + len(piece) :]
    return content[:to] + piece[:LARGEST] + content[to:]


def blank(rng: random.Random, content: bytes) -> bytes:
    """Set a piece to one value, as a bad sector does."""
    at, size = _place(rng, content), rng.choice((4, 16, 512, 4096))
    piece = bytes([rng.choice((0, 255, rng.randrange(256)))]) * min(size, len(content) - at)
    return content[:at] + piece + content[at + len(piece) :]


def noise(rng: random.Random, content: bytes) -> bytes:
    """Put random bytes into the file, or in place of it."""
    data = rng.randbytes(rng.choice((1, 3, 16, 300)))
    if rng.random() < 0.05:
        return data
    at = _place(rng, content)
    return content[:at] + data + content[at:]


BYTES = chosen(flip, flip, number, number, number, cut, repeat, blank, noise)


def png_chunks(rng: random.Random, content: bytes) -> bytes:
    """Change a chunk of a PNG and make its checksum right again, so that it is believed."""
    if not content.startswith(b"\x89PNG"):
        return BYTES(rng, content)
    parts, at = [], 8
    while at + 8 <= len(content):
        (size,) = struct.unpack(">I", content[at : at + 4])
        parts.append([content[at + 4 : at + 8], content[at + 8 : at + 8 + size]])
        at += size + 12
    part = rng.choice(parts[:2] if rng.random() < 0.7 else parts)
    part[1] = number(rng, part[1])[: max(len(part[1]), 1)]
    return content[:8] + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


# --- texts

WORDS = (
    "", "0", "1", "-1", "2", "00", "1.0", "0.5", "-0", "+1", "1e3", "1e400", "1e308", "-1e400",
    "nan", "NaN", "inf", "-Infinity", "NULL", "None", "null", "~", "true", "False", "0x10", "1_000",
    "१", "²", "½", "9" * 19, "9" * 400, "9" * 5000, "-9223372036854775809", "4294967296",
    "*", "scored", "bout", "background", "groom", "Groom", "frame", "kind", "label", "\u200bgroom",
    "é", "日本", "\U0001f42d", "\u202egroom", "\x00", "\x1f", "\x85", "\u2028", "\ud7ff", "\ufeff",
    "'", '"', '""', '"a', "a,b", "a;b", "a\tb", "a\nb", "a\r\nb", "a\rb", "#", "# a", "=1+1",
    "../../../etc/passwd", "/dev/null", "a" * 300, "a" * 5000, "b" * 140_000, "%", "%s", "{}",
    "{0}",
    "2020-13-45", "2020-01-01", "12:30:45", "0o17", "0b2", "1:2:3", ".inf", ".nan", "!!float", "<<",
    "&a", "*a", "&a [*a]", "!!python/object/apply:os.system ['true']", "!!binary aGk=", "!!int a",
    "!!timestamp x", "!!set {a}", "!!omap [a]", "!!pairs [[a]]", "? a", "- a", "- - - a", "|", ">-",
    "[", "]", "{", "}", "[[", "{{", "[" * 30, ":", ": ", "yes", "no", "y", "on", "train", "test",
)  # fmt: skip
PIECES = re.compile(r"\w+|\s|[^\w\s]")
ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "utf-8-sig", "cp037")


def _as_text(content: bytes) -> str:
    return content.decode("utf-8", errors="surrogateescape")


def _as_bytes(text: str) -> bytes:
    return text.encode("utf-8", errors="surrogateescape")


def word(rng: random.Random, content: bytes) -> bytes:
    """Put another word, or sign, in the place of one."""
    text = _as_text(content)
    spans = [match.span() for match in PIECES.finditer(text[:20_000])] or [(0, 0)]
    a, b = rng.choice(spans)
    where = rng.random()
    new = rng.choice(WORDS) if where < 0.8 else text[slice(*rng.choice(spans))]
    return _as_bytes(text[:a] + new + text[b if where < 0.9 else a :])


def lines(rng: random.Random, content: bytes) -> bytes:
    """Delete, repeat, move, join or indent a line."""
    rows = _as_text(content).split("\n")
    i, j = rng.randrange(len(rows)), rng.randrange(len(rows))
    kind = rng.randrange(7)
    if kind == 0:
        del rows[i]
    elif kind == 1:
        rows.insert(j, rows[i])
    elif kind == 2:
        rows[i], rows[j] = rows[j], rows[i]
    elif kind == 3:
        rows[i : i + 2] = ["".join(rows[i : i + 2])]
    elif kind == 4:
        rows[i] = rng.choice((" ", "\t", "  ", "- ", "# ")) + rows[i]
    elif kind == 5:
        rows[i:i] = [rows[i]] * rng.choice((2, 50, 1000))
    else:
        rows = rows[: i + 1]
    return _as_bytes(rng.choice(("\n", "\n", "\n", "\r\n", "\r", "\n\n")).join(rows))


def separators(rng: random.Random, content: bytes) -> bytes:
    """Exchange one kind of sign for another one, everywhere."""
    signs = [",", ";", "\t", " ", "\n", ".", ":", '"', "|"]
    old, new = rng.sample(signs, 2)
    return _as_bytes(_as_text(content).replace(old, new))


def encoding(rng: random.Random, content: bytes) -> bytes:
    """Write the text in another encoding."""
    text = content.decode("utf-8", errors="replace")
    return text.encode(rng.choice(ENCODINGS), errors="replace")


def deep(rng: random.Random, content: bytes) -> bytes:
    """Put brackets into each other, deeper than any reader goes."""
    left, right = rng.choice((("[", "]"), ('{"a":', "}"), ("{a: ", "}"), ("- ", ""), ("(", ")")))
    n = rng.choice((10, 200, 2000, 2000, 30_000))
    text = left * n + "1" + right * n
    spot = rng.choice((0, len(content), _place(rng, content)))
    return text.encode() if rng.random() < 0.3 else content[:spot] + text.encode() + content[spot:]


TEXT = chosen(word, word, word, word, lines, lines, separators, encoding, flip, cut, repeat, noise)


# --- values: JSON, YAML, settings inside of models

VALUES = (
    None, True, False, 0, 1, -1, 2, 3.5, -0.0, 1e308, float("inf"), float("nan"), 2**31, 2**63,
    10**30,
    "", "a", "groom", "0", "nan", "null", [], {}, [[]], [1], ["a", "a"], {"a": 1}, [None],
    [[1, 2], [3]], {"": None}, [0] * 50, "x" * 200, [{"a": [{}]}],
)  # fmt: skip


def changed(rng: random.Random, value: object, *, values: Sequence[object] = VALUES) -> object:
    """Return a copy of nested lists and dicts in which something is other, missing or too much."""
    value = copy.deepcopy(value)
    places = list(_places(value))
    if not places:
        return copy.deepcopy(rng.choice(values))
    holder, key = rng.choice(places)
    kind = rng.random()
    if kind < 0.6:
        holder[key] = copy.deepcopy(rng.choice(values))
    elif kind < 0.75:
        del holder[key]
    elif kind < 0.9 and isinstance(holder, dict):
        holder[rng.choice(("", "a", "épochs", str(key) + "s", "n" * 300))] = holder.pop(key)
    elif isinstance(holder, list):
        holder.insert(key, copy.deepcopy(rng.choice((holder[key], *values))))
    else:
        other, name = rng.choice(places)
        holder[key] = copy.deepcopy(other[name] if name in other or type(name) is int else None)
    return value


def _places(value: object) -> list[tuple[object, object]]:
    found: list[tuple[object, object]] = []
    if isinstance(value, dict | list):
        keys = list(value) if isinstance(value, dict) else range(len(value))
        for key in keys:
            found += [(value, key), *_places(value[key])]
    return found


def in_json(rng: random.Random, content: bytes) -> bytes:
    """Change values of a JSON file."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return word(rng, content)
    for _ in range(rng.randint(1, 3)):
        value = changed(rng, value)
    return json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogateescape")


LARGE_YAML = 100_000  # bytes


def in_yaml(rng: random.Random, content: bytes) -> bytes:
    """Change values of a YAML file."""
    # What is endless by its aliases would be so here, too, and megabytes take minutes.
    if b"&" in content or len(content) > LARGE_YAML:
        return word(rng, content)
    try:
        value = yaml.safe_load(content)
    except Exception:  # of many kinds: `!!timestamp x` is an AttributeError
        return word(rng, content)
    for _ in range(rng.randint(1, 3)):
        value = changed(rng, value)
    return yaml.safe_dump(value, allow_unicode=True, sort_keys=False).encode()


def bombs(rng: random.Random, content: bytes) -> bytes:
    """Write aliases of aliases, which are small as text and endless as a value."""
    n, width = rng.choice(((9, 9), (25, 2), (5, 40)))
    rows = [f"a0: &a0 [{', '.join(['x'] * width)}]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]" for i in range(1, n)]
    name = rng.choice(("behaviors", "presets", "example", "sweep", "features"))
    return content + "\n".join(["", *rows, f"{name}: *a{n - 1}", ""]).encode()


JSON = chosen(in_json, in_json, in_json, word, lines, flip, cut, deep, encoding, most=2)
YAML = chosen(
    in_yaml, in_yaml, in_yaml, word, word, word, lines, lines, flip, deep, bombs, encoding
)


# --- archives of torch


def in_archive(inner: Mutation) -> Mutation:
    """Change one file inside of a zip archive, and pack it again without errors."""

    def apply(rng: random.Random, content: bytes) -> bytes:
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                records = {name: archive.read(name) for name in archive.namelist()}
        except (zipfile.BadZipFile, OSError, NotImplementedError, EOFError, ValueError, zlib.error):
            return BYTES(rng, content)
        kind, name = rng.random(), rng.choice(list(records))
        pickled = next((key for key in records if key.endswith("data.pkl")), name)
        if kind < 0.75:
            records[pickled] = inner(rng, records[pickled])
        elif kind < 0.85:
            records[name] = BYTES(rng, records[name])
        elif kind < 0.9:
            del records[name]
        else:
            records[rng.choice((name + "x", "other/data.pkl", "../" + name, "/" + name))] = b"x"
        packed = rng.choice((zipfile.ZIP_STORED,) * 9 + (zipfile.ZIP_DEFLATED,))
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", packed) as archive:
            for name, data in records.items():
                archive.writestr(name, data)
        return out.getvalue()

    return apply


GLOBALS = (
    b"cos\nsystem\n", b"cposix\nsystem\n", b"cbuiltins\neval\n", b"cbuiltins\nexec\n",
    b"cbuiltins\nopen\n", b"cbuiltins\ngetattr\n", b"csubprocess\nPopen\n", b"ctorch\nload\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch._utils\n_rebuild_parameter\n",
    b"ctorch._utils\n_rebuild_sparse_tensor\n",
    b"ctorch._utils\n_rebuild_device_tensor_from_numpy\n",
    b"ctorch._utils\n_rebuild_qtensor\n", b"ctorch._utils\n_rebuild_meta_tensor_no_storage\n",
    b"ctorch\nFloatStorage\n", b"ctorch\nSize\n", b"ctorch\ndevice\n", b"ctorch\nTensor\n",
    b"ccollections\nOrderedDict\n", b"ccollections\nCounter\n", b"cbuiltins\nbytearray\n",
    b"cnumpy._core.multiarray\n_reconstruct\n", b"cnumpy\ndtype\n", b"cbuiltins\nset\n",
    b"c_codecs\nencode\n", b"ctorch.storage\n_load_from_bytes\n",
    b"ctorch._tensor\n_rebuild_from_type_v2\n",
)  # fmt: skip
ARGUMENTS = (
    b"(S'touch evil'\ntR", b")R", b"(I-1\ntR", b"(I4611686018427387904\ntR", b"(NNNNNNtR",
    b"(t\x81",
    b"(S'a'\nS'w'\ntR", b"(dd.", b"b", b"(I1\nI2\nt", b"Q", b"(S'storage'\nN(ttQ", b"0", b"2",
    b"(I1099511627776\ntR", b"(S'open(\"evil\",\"w\")'\ntR", b"(lS'x'\nI99999999\ntR", b"\x85R",
)  # fmt: skip


def pickled(rng: random.Random, content: bytes) -> bytes:
    """Change a pickle: its names, its calls, its numbers, its bytes."""
    kind = rng.random()
    if kind < 0.35:
        call = rng.choice(GLOBALS) + rng.choice(ARGUMENTS)
        at = rng.choice((2, len(content) - 1, _place(rng, content)))
        return content[:at] + call + content[at + rng.choice((0, 0, 1, len(call))) :]
    if kind < 0.5:
        names = [m.span() for m in re.finditer(rb"c[\w.]+\n\w+\n", content)]
        if names:
            a, b = rng.choice(names)
            return content[:a] + rng.choice(GLOBALS) + content[b:]
    if kind < 0.75:  # whole numbers: sizes, strides, offsets
        spots = [m.start() for m in re.finditer(rb"[KMJ]", content)]
        if spots:
            at = rng.choice(spots)
            size = {"K": 1, "M": 2, "J": 4}[chr(content[at])]
            value = rng.choice(NUMBERS) % 2**63
            return content[:at] + b"\x8a\x08" + struct.pack("<q", value) + content[at + 1 + size :]
    return BYTES(rng, content)
