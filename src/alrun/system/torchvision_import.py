"""The one place that imports torchvision, and prepares it for others that do, also beside a CPU build of torch.

PyPI's torchvision is linked to CUDA. Beside a CPU-only torch its compiled operators cannot be loaded, and its Python
code then fails at import because it registers properties of operators that do not exist. alrun uses none of them
(they are for detection), so declaring them is enough. A healthy installation is left as it is. Once this module is
imported, any other import of torchvision goes well: by timm, by sentence-transformers, by a user's own code.
"""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

MISSING_OPERATORS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def prepare() -> torch.library.Library | None:
    """Declare torchvision's operators where they cannot be loaded; they live as long as what is returned."""
    spec = find_spec("torchvision")
    if spec is None or spec.origin is None or "torchvision" in sys.modules:
        return None
    compiled = sorted(Path(spec.origin).parent.glob("_C.*"))
    try:
        for file in compiled:
            torch.ops.load_library(str(file))
    except OSError:
        compiled = []
    if compiled:
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator, schema in MISSING_OPERATORS.items():
        if not hasattr(torch.ops.torchvision, operator):
            library.define(operator + schema)
    return library


_library = prepare()


def __getattr__(name: str) -> Any:
    """``torchvision``, which takes a while to import: when it is first asked for."""
    if name != "torchvision":
        raise AttributeError(name)
    import torchvision
    import torchvision.datasets
    import torchvision.models

    return torchvision
