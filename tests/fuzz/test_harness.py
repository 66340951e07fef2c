"""The harness finds what it is to find: other errors, hangs, crashes, blow-ups, executed code."""

import os
import subprocess
import sys
from pathlib import Path

CODE = """
import os, signal, sys
sys.path.insert(0, {folder!r})
import harness
harness.HANG_CPU_S, harness.PEAK_MB = 0.3, 100
from deg_core.errors import LabelError

def read(path):
    content = path.read_bytes()
    kind = content[:1]
    if kind == b"a":
        raise LabelError(f"{{path}}: no good; mend it.")
    if kind == b"b":
        raise LabelError("no good")
    if kind == b"c":
        [][1]
    while kind == b"d":
        pass
    if kind == b"e":
        os.kill(os.getpid(), signal.SIGSEGV)
    if kind == b"f":
        len(b"x" * (150 * 2**20))
    if kind == b"g":
        os.system("true")
    if kind == b"h":
        bytearray(2**40)

target = harness.Target(read, {{"x.bin": b"i"}}, lambda rng, content: rng.choice(LETTERS))
LETTERS = [bytes([letter]) for letter in b"abcdefghi"]
result = harness.fuzz("x", target, range(40))
print(sorted(result.counts.items()))
print(harness.make_input("x", target, 7) == harness.make_input("x", target, 7))
print(result.counts.total())
"""


def test_everything_is_found_and_the_rest_is_read():
    code = CODE.format(folder=str(Path(__file__).parent))
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    counts, same, total = done.stdout.splitlines()
    kinds = {kind for kind, _ in eval(counts)}
    assert kinds == {
        "accepted", "typed", "vague", "untyped", "hang", "crash", "memory", "executed"
    }  # fmt: skip
    assert same == "True"
    assert total == "40"
