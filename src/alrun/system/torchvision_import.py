"""The one place that imports torchvision, also beside a CPU build of torch.

PyPI's torchvision is linked to CUDA. Beside a CPU-only torch its compiled operators cannot be loaded, and its Python
code then fails at import because it registers properties of operators that do not exist. alrun uses none of them
(they are for detection), so declaring them is enough. A healthy installation is left as it is.
"""

import torch

MISSING_OPERATORS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def _import():
    import torchvision
    import torchvision.datasets
    import torchvision.models

    return torchvision


try:
    torchvision = _import()
except RuntimeError as error:
    if "torchvision::" not in str(error):
        raise
    import sys

    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]  # the half-imported package
    # The library object must live as long as the operators do.
    _library = torch.library.Library("torchvision", "FRAGMENT")
    for operator, schema in MISSING_OPERATORS.items():
        if not hasattr(torch.ops.torchvision, operator):
            _library.define(operator + schema)
    torchvision = _import()
