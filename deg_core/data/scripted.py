"""The scripts of the figures as jobs of the ledger: Snakemake calls them, and not `deg`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deg_core.recording import job, reading
from deg_core.versions import VERSIONS


@contextmanager
def recorded(script: Any) -> Iterator[None]:
    """Record what a script reads and makes.

    Parameters
    ----------
    script
        The object `snakemake` that a script finds; None where there is none, as in tests, and
        then nothing is recorded.
    """
    if script is None:
        yield
        return
    arguments = {name: value for name, value in script.params.items() if name != "version"}
    arguments |= {"wildcards": dict(script.wildcards.items()), "threads": script.threads}
    words = ["snakemake", *script.output]
    with job(script.rule, version=VERSIONS["figures"], words=words, arguments=arguments):
        for path in script.input:
            reading(Path(path))
        yield
