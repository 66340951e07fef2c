"""A page with the tables of `deg bench`: written anew, or kept up to date between markers.

Reads the JSON that `deg bench` writes; writes Markdown.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deg_core.bench.run import FORMAT
from deg_core.bench.tables import TABLES, texts_of
from deg_core.data.publish import publish_text, read_json
from deg_core.errors import ConfigError, StateError

BEGIN, END = "<!-- bench: {} -->", "<!-- end of bench: {} -->"


def write(*, figures: list[Path], out: Path, into: Path | None = None) -> None:
    """Put what `deg bench` found into tables, as Markdown.

    Parameters
    ----------
    figures
        JSON files of `deg bench`, together holding each part at most once.
    out
        Page to write, with all tables.
    into
        Page that has marker comments, between which its tables are replaced.

    Raises
    ------
    ConfigError
        If two files hold the same part, or ``into`` lacks a marker.
    StateError
        If a file is missing or was not written by `deg bench`, or a page cannot be written.
    """
    texts: dict[str, str] = {}
    for path in figures:
        for part, text in texts_of(read_results(path)).items():
            if part in texts:
                raise ConfigError(f"{path}: a file before it holds the part {part}, too; give one.")
            texts[part] = text
    ordered = {part: texts[part] for part in TABLES if part in texts}
    publish_text(out, "\n\n".join(f"## {part}\n\n{text}" for part, text in ordered.items()) + "\n")
    if into is not None:
        publish_text(into, inserted(read_page(into), ordered, page=into))


def read_results(path: Path) -> dict[str, Any]:
    """Read what `deg bench` wrote.

    Raises
    ------
    StateError
        If it is missing, or something else.
    """
    results = read_json(path)
    kind = results.get("format") if isinstance(results, dict) else None
    if kind != FORMAT:
        raise StateError(f"{path}: not a file of this version's `deg bench`; measure again.")
    return results


def read_page(path: Path) -> str:
    """Read a page.

    Raises
    ------
    ConfigError
        If it is missing or no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); give a page of text.") from error


def inserted(text: str, tables: Mapping[str, str], *, page: Path) -> str:
    """Replace what a page has between its markers, and nothing else.

    Parameters
    ----------
    text
        The page.
    tables
        Markdown of each part.
    page
        Its path, for the message.

    Raises
    ------
    ConfigError
        If the markers of a part are missing, or not once each and in order.
    """
    for part, table in tables.items():
        begin, end = BEGIN.format(part), END.format(part)
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed) or begin in rest or end in before or end in after:
            raise ConfigError(
                f"{page}: expected the lines '{begin}' and '{end}' once each and in this order, "
                f"to put the table of {part} between them; add them."
            )
        text = f"{before}{begin}\n\n{table}\n\n{end}{after}"
    return text
