"""torchvision, importable beside a CPU build of torch.

torchvision's wheel is compiled against CUDA. Beside torch's CPU build its operators do not load,
and ``import torchvision`` then stops at registering a fake kernel for ``torchvision::nms`` (in
newer versions ``qnms``, too), an operator that nobody declared. Declaring the bare schemas is
enough for all that is written in Python: networks and transforms. The operators themselves stay
unusable; deg_core calls none of them.
"""

import importlib
from types import ModuleType

import torch

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_library: torch.library.Library | None = None  # a declaration lives as long as its library


def torchvision_models() -> ModuleType:
    """Import ``torchvision.models``, declaring missing operators first where that is needed.

    Returns
    -------
    module
        ``torchvision.models``.
    """
    global _library
    try:
        return importlib.import_module("torchvision.models")
    except RuntimeError as error:
        if "torchvision::" not in str(error) or _library is not None:
            raise
        _library = torch.library.Library("torchvision", "DEF")
        for schema in _SCHEMAS.values():
            _library.define(schema)
        _forget_half_imported()
        return importlib.import_module("torchvision.models")


def _forget_half_imported() -> None:
    import sys

    for name in [n for n in sys.modules if n == "torchvision" or n.startswith("torchvision.")]:
        del sys.modules[name]
