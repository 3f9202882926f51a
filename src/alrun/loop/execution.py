"""How many CPU threads a run uses, and how its images and weights lie in memory: settings, with fixed defaults.

Another number of threads or another format adds up in another order and gives other bits, so neither depends on the
machine or on a measurement. ``alrun speed`` measures what is fastest on a machine; the user decides.
The default is one thread: the same everywhere, and a sweep fills the other processors with other runs (``at_once=``).
Images are contiguous on a CPU: some networks are faster with channels-last, others slower, and with narrow networks
torch corrupts memory. They are channels-last on a GPU, where the fast convolutions use this format.
"""

from dataclasses import dataclass

import torch
from torch import nn

from alrun.loop.components import Parts
from alrun.models.classifier import Classifier
from alrun.system.allocator import keep_freed_memory
from alrun.system.counts import counted
from alrun.system.errors import SettingError

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
DEFAULT = {"cpu": "contiguous", "cuda": "channels_last"}
REGISTER = 16  # float32 numbers in a CPU's widest register


@dataclass(frozen=True)
class Choice:
    """Threads and memory format of a run."""

    threads: int
    memory_format: str

    def __str__(self) -> str:
        return f"{counted(self.threads, 'thread')}, {self.memory_format}"


def choose_execution(threads: int, memory_format: str | None, where: torch.device) -> Choice:
    """The choice of the settings; the format of the device by default."""
    return Choice(threads, memory_format or DEFAULT[where.type])


def check_and_apply(choice: Choice, parts: Parts, where: torch.device) -> Choice:
    """Apply ``choice`` to this process and to ``parts``.

    Raises:
        UserError: This model would corrupt memory in that memory format.
    """
    if corrupts_memory(parts.model, choice.memory_format, where):
        raise SettingError(
            "runtime.memory_format=channels_last: torch corrupts memory on a CPU when it trains this model in "
            "that format; use runtime.memory_format=contiguous, or a wider model."
        )
    apply(choice, parts, parts.model, where)
    return choice


def apply(choice: Choice, parts: Parts, model: Classifier, where: torch.device) -> None:
    """Set torch's threads, and the memory format of ``model`` and of the images of ``parts``; keep freed memory."""
    keep_freed_memory()
    torch.set_num_threads(choice.threads)
    memory_format = FORMATS[choice.memory_format]
    parts.normalize.memory_format = memory_format
    model.to(where).to(memory_format=memory_format)  # pyright: ignore[reportCallIssue]


def corrupts_memory(model: nn.Module, memory_format: str, where: torch.device) -> bool:
    """Whether training ``model`` on ``where`` in that format would corrupt memory."""
    return where.type == "cpu" and memory_format == "channels_last" and overruns_in_channels_last(model)


def overruns_in_channels_last(model: nn.Module) -> bool:
    """Whether a convolution of ``model`` writes out of bounds, on a CPU with channels-last images.

    The backward pass of a strided 1x1 convolution does if it has fewer input channels than fit a register: the process
    dies, or the gradients are wrong. Seen with torch 2.13; github.com/uxlfoundation/oneDNN/issues/6035.
    """
    return any(
        set(layer.kernel_size) == {1} and max(layer.stride) > 1 and layer.in_channels // layer.groups < REGISTER
        for layer in model.modules()
        if isinstance(layer, nn.Conv2d)
    )
