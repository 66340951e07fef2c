"""Write tests/golden/<stage>.json anew for stages whose version was raised.

Usage: tools/update_golden.py [--case-changed] [STAGE ...]; default: all stages.
A stage whose numbers changed without its version is refused: raise it in deg_core/versions.py
first, so that users' results become stale. --case-changed overrides this where the case in
tests/golden/golden_cases.py changed, and the stage did not.
"""

import argparse
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "golden")]

import golden  # noqa: E402

from deg_core.data.publish import publish_json  # noqa: E402
from deg_core.versions import VERSIONS  # noqa: E402


def update(stage: str, *, case_changed: bool) -> bool:
    """Write one stage's numbers, where that is right; return whether it is."""
    with tempfile.TemporaryDirectory() as folder:
        found = golden.digest_of(stage, Path(folder))
    before = golden.read_golden(stage)["version"]
    changed = golden.changes(stage, found)
    if before == VERSIONS[stage] and not changed:
        print(f"{stage}: unchanged")
        return True
    if before == VERSIONS[stage] and not case_changed:
        print(
            f"{stage}: its numbers have changed; raise VERSIONS['{stage}'] in "
            "deg_core/versions.py first:\n" + "\n".join(changed[:10]),
            file=sys.stderr,
        )
        return False
    if not changed:
        print(f"{stage}: the version was raised, but the numbers are the same")
    publish_json(golden.path_of(stage), {"version": VERSIONS[stage], "digest": found})
    print(f"{stage}: written")
    return True


def main() -> int:
    """Update the stages of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("stages", nargs="*", metavar="STAGE", help="default: all")
    parser.add_argument(
        "--case-changed", action="store_true", help="the test's case changed, not the stage"
    )
    chosen = parser.parse_args()
    unknown = [stage for stage in chosen.stages if stage not in VERSIONS]
    if unknown:
        parser.error(f"unknown stage {', '.join(unknown)}; expected of {', '.join(VERSIONS)}")
    done = [update(s, case_changed=chosen.case_changed) for s in chosen.stages or VERSIONS]
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
