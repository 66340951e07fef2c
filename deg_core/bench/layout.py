"""Tables of text: cells under columns, for a terminal or as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Cells of text under their columns, and what has to be said of them."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


def as_text(tables: Sequence[Table]) -> str:
    """Lay tables out for a terminal, columns of numbers flush right."""
    return "\n\n".join(_lines_of(table) for table in tables)


def _lines_of(table: Table) -> str:
    columns = [_aligned(cells) for cells in zip(table.columns, *table.rows, strict=True)]
    lines = ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]
    return "\n".join([table.title, *(f"  {line}" for line in lines), *table.notes])


def _aligned(cells: Sequence[str]) -> list[str]:
    """Pad the cells of a column, its name first, to one width."""
    width = max(map(len, cells))
    if all(cell[:1].isdigit() for cell in cells[1:] if cell):
        return [cell.rjust(width) for cell in cells]
    return [cell.ljust(width) for cell in cells]


def as_markdown(tables: Sequence[Table]) -> str:
    """Lay tables out as Markdown; the same figures give the same text."""
    parts = []
    for table in tables:
        lines = [_row(table.columns), _row(["---"] * len(table.columns)), *map(_row, table.rows)]
        parts += [f"{table.title}:", "\n".join(lines), *table.notes]
    return "\n\n".join(parts)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
