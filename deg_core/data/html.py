"""Pages of tables: whole HTML documents that need nothing beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
body { font: 14px/1.45 "DejaVu Sans", Verdana, Helvetica, Arial, sans-serif; color: #222;
  background: #fff; margin: 1.5em; max-width: 85em; }
h1 { font-size: 1.4em; margin: 0 0 .4em; }
h2 { font-size: 1.1em; margin: 1.6em 0 .3em; }
p { margin: .4em 0; max-width: 55em; }
table { border-collapse: collapse; margin: .5em 0; }
th, td { text-align: left; vertical-align: top; padding: .35em .8em .35em 0;
  border-bottom: 1px solid #ddd; }
th { font-weight: 600; border-bottom: 2px solid #888; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.words { min-width: 12em; }
.tag { display: inline-block; padding: .05em .5em; border-radius: .6em; white-space: nowrap; }
.good { background: #cfe8d8; } .middle { background: #fbe6b8; } .bad { background: #f3cdc2; }
.none { background: #e4e4e4; }
.swatch { display: inline-block; width: .8em; height: .8em; border-radius: .15em;
  margin-right: .45em; }
"""


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes
    ----------
    text
        What it says.
    kind
        ``number``, ``words`` or nothing.
    tag
        Background of its text: ``good``, ``middle``, ``bad``, ``none``, or nothing.
    swatch
        Color of a square before the text, as ``#rrggbb``, or nothing.
    """

    text: str
    kind: str = ""
    tag: str = ""
    swatch: str = ""

    def html(self) -> str:
        """Write the cell."""
        inner = escape(self.text)
        if self.tag:
            inner = f'<span class="tag {self.tag}">{inner}</span>'
        if self.swatch:
            inner = f'<span class="swatch" style="background:{self.swatch}"></span>{inner}'
        kind = f' class="{self.kind}"' if self.kind else ""
        return f"<td{kind}>{inner}</td>"


def page(title: str, blocks: Sequence[str]) -> str:
    """Write a whole document from blocks of `heading`, `paragraph` and `table`."""
    body = "\n".join([f"<h1>{escape(title)}</h1>", *blocks])
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def heading(text: str) -> str:
    """Write a headline of a part."""
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str) -> str:
    """Write a paragraph."""
    return f"<p>{escape(text)}</p>"


def table(header: Sequence[str], rows: Sequence[Sequence[Cell | str]]) -> str:
    """Write a table; plain texts are cells, too."""
    lines = ["<table>", "<tr>" + "".join(f"<th>{escape(name)}</th>" for name in header) + "</tr>"]
    for row in rows:
        cells = [cell if isinstance(cell, Cell) else Cell(cell) for cell in row]
        lines.append("<tr>" + "".join(cell.html() for cell in cells) + "</tr>")
    return "\n".join([*lines, "</table>"])
