"""Put the studies side by side: one table of scores, and one figure.

    python tools/compare_studies.py OUT STUDY ...

Reads results/summary/ of each study; writes OUT/over_splits.csv (that of all studies, with a column
`study`) and OUT/performance.svg, the figure of that name with a row per study and preset.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from deg_core.data.publish import publish_text
from deg_core.project.folder import repository


def joined(studies: Sequence[Path], table: str) -> pd.DataFrame:
    """Return one table of all studies, as text, below each other; the first column is `study`."""
    parts = []
    for study in studies:
        path = study / "results" / "summary" / f"{table}.csv"
        part = pd.read_csv(path, dtype=str, keep_default_na=False)
        part.insert(0, "study", study.resolve().name)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def draw(studies: Sequence[Path], out: Path) -> None:
    """Draw the scores of all studies; stars and raters stay in the figures of each."""
    sys.path.insert(0, str(repository() / "workflow" / "scripts"))
    from figure_performance import figure_performance

    with TemporaryDirectory() as folder:
        files = {name: Path(folder, f"{name}.csv") for name in ("metrics", "raters", "tests")}
        for name, file in files.items():
            table = joined(studies, name)
            if name == "metrics":
                table["preset"] = table["study"] + ": " + table["preset"]
            else:
                table = table.iloc[:0]
            table.drop(columns="study").to_csv(file, index=False)
        figure_performance(**files, out=out)


def main() -> int:
    """Write the table and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("studies", nargs="+", type=Path, metavar="STUDY")
    chosen = parser.parse_args()
    scores = joined(chosen.studies, "over_splits")
    publish_text(chosen.out / "over_splits.csv", scores.to_csv(index=False, lineterminator="\n"))
    draw(chosen.studies, chosen.out / "performance.svg")
    print(f"{chosen.out}: over_splits.csv and performance.svg of {len(chosen.studies)} studies")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
