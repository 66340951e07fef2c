"""Fuzz the readers and print a table: ``python tests/fuzz/run.py --n 10000``.

``--only WORD`` takes the readers whose name holds the word; ``--input NUMBER --save FILE`` writes
one of their inputs, to be tried by hand.
"""

import argparse
import importlib
import json
import os
import sys
import tempfile
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"  # a process that is forked must have one thread
os.environ["DEG_DEVICE"] = "cpu"
sys.path.insert(0, str(Path(__file__).parents[1]))

from harness import Result, Target, fuzz, make_input  # noqa: E402

GROUPS = ("videos", "tables", "arrays", "models")
SHOWN = 12  # findings of one reader
HEAD = (
    f"{'reader':<30}{'inputs':>8}{'accepted':>10}{'typed':>8}{'untyped':>9}{'hangs':>7}"
    f"{'crashes':>9}{'other':>7}{'peak MB':>9}{'slowest s':>11}"
)


def main(words: list[str] | None = None) -> int:
    """Run; the exit code is 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=200, help="inputs of each reader")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--groups", nargs="+", default=GROUPS, choices=GROUPS)
    parser.add_argument("--only", default="", help="readers whose name holds this")
    parser.add_argument("--input", type=int, help="write this input to --save, and stop")
    parser.add_argument("--save", type=Path)
    parser.add_argument("--json", type=Path, help="also write the results there")
    chosen = parser.parse_args(words)
    results = []
    print(HEAD, flush=True)
    for group in chosen.groups:
        with tempfile.TemporaryDirectory() as folder:
            found = importlib.import_module(f"targets_{group}").targets(Path(folder))
            for name, target in found.items():
                if chosen.only not in name:
                    continue
                if chosen.input is not None:
                    return _save(name, target, chosen.input, chosen.save)
                numbers = range(chosen.first, chosen.first + chosen.n)
                results.append(fuzz(name, target, numbers))
                _show(results[-1])
    if chosen.json:
        chosen.json.write_text(json.dumps([_plain(result) for result in results], indent=1))
    return 0 if all(result.clean for result in results) else 1


def _save(name: str, target: Target, number: int, save: Path) -> int:
    file, content = make_input(name, target, number)
    save.write_bytes(content)
    print(f"{name} {number}: {file}, {len(content)} bytes in {save}")
    return 0


def _show(result: Result) -> None:
    of = result.counts
    other = of["vague"] + of["memory"] + of["executed"]
    print(
        f"{result.name:<30}{of.total():>8}{of['accepted']:>10}{of['typed']:>8}{of['untyped']:>9}"
        f"{of['hang']:>7}{of['crash']:>9}{other:>7}{result.peak_mb:>9.0f}{result.slowest_s:>11.2f}",
        flush=True,
    )
    for number, kind, text in result.findings[:SHOWN]:
        print(f"    {kind} {number}: {text}", flush=True)
    if len(result.findings) > SHOWN:
        print(f"    and {len(result.findings) - SHOWN} more", flush=True)


def _plain(result: Result) -> dict:
    return {
        "reader": result.name, "counts": dict(result.counts), "peak_mb": result.peak_mb,
        "slowest_s": result.slowest_s, "findings": result.findings,
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
