"""Packages that only some settings need: whether they are there, and what to say if not.

Imports nothing of them before it is asked to, and reads no file.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from deg_core.errors import ConfigError

INT8 = ("openvino", "nncf")  # of the extra `openvino`


def missing(packages: Sequence[str] = INT8) -> str | None:
    """Say which package of int8 is not installed, and how to mend that; None if all are.

    Parameters
    ----------
    packages
        Names as they are imported.
    """
    for name in packages:
        if find_spec(name.partition(".")[0]) is None:
            return (
                f"config.yaml: extract: `precision: int8` needs the package {name}, which is not "
                "installed; run `pip install 'deg-core[openvino]'`, or choose `precision: auto`."
            )
    return None


def load(name: str) -> ModuleType:
    """Import a module of one of the packages `INT8`.

    Parameters
    ----------
    name
        Such as ``openvino`` or ``nncf.quantization``.

    Raises
    ------
    ConfigError
        If the package is not installed, or cannot be imported.
    """
    problem = missing([name])
    if problem is not None:
        raise ConfigError(problem)
    # Both report each use over the network through this third one, and do without if it is missing.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"config.yaml: extract: `precision: int8` needs {name}, which cannot be imported "
            f"({error}); run `pip install 'deg-core[openvino]'`, or choose `precision: auto`."
        ) from error
