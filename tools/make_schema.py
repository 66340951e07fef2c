"""Write workflow/schemas/config.schema.yaml, the reference of all settings, from deg_core.

Run it after a change in deg_core/settings/ or deg_core/config.py; a test fails until then.
"""

import sys
from pathlib import Path

import yaml

from deg_core.config import schema

TARGET = Path(__file__).parents[1] / "workflow" / "schemas" / "config.schema.yaml"
HEAD = "# Written by tools/make_schema.py from deg_core/settings/; edit there.\n"


class _Plain(yaml.SafeDumper):
    """Blocks that occur twice are written twice: a reader should not have to look up anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def schema_text() -> str:
    """Return the content of the schema file."""
    return HEAD + yaml.dump(schema(), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=100)


if __name__ == "__main__":
    TARGET.write_text(schema_text(), encoding="utf-8")
    print(f"wrote {TARGET}", file=sys.stderr)
