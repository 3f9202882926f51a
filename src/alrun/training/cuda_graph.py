"""A model's training pass, captured once as CUDA graphs and replayed: kernel launches then cost no CPU time."""

import torch
from torch import Tensor, nn

from alrun.models.classifier import Classifier
from alrun.system import rng
from alrun.system.device import autocast, widened


class Pass(nn.Module):
    """``model(images)`` in the run's precision, logits in float32."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, classes)."""
        with autocast(images.device):
            logits = self.model(images)
        return widened(logits)


class Passes:
    """The training passes of one model; on a GPU those of the usual batch size are graphs, forward and backward.

    A graph reads and writes the memory that it was captured with. It stays valid as long as the parameters keep
    theirs: copy new weights into the model, as ``load_state_dict`` does, and no new capture is needed.

    Args:
        model: On its device.
        batch_size: Batches of this size are captured. The last batch of an epoch, if smaller, runs operation by
            operation: its size changes with every round.
        capture: False: all run operation by operation.
    """

    def __init__(self, model: Classifier, batch_size: int, capture: bool) -> None:
        self.model = model
        self.plain = Pass(model)
        self.batch_size = batch_size
        self.capture = capture
        self.captured: Pass | None = None

    def __call__(self, images: Tensor) -> Tensor:
        """Logits (B, classes) of normalized ``images`` (B, C, H, W), the model being in training mode."""
        if not self.capture or len(images) != self.batch_size:
            return self.plain(images)
        if self.captured is None:
            self.captured = self.graphed(images)
        return self.captured(images)

    def graphed(self, images: Tensor) -> Pass:
        """The captured pass; the warm-up leaves batch-norm statistics and random numbers as they were."""
        buffers = [buffer.clone() for buffer in self.model.buffers()]
        # torch keeps one stream for all captures of a process, on the GPU of the first of them.
        torch.cuda.graph.default_capture_stream = None
        with rng.kept(images.device):
            captured = torch.cuda.make_graphed_callables(Pass(self.model), (images,), allow_unused_input=True)
        with torch.no_grad():
            for buffer, kept in zip(self.model.buffers(), buffers, strict=True):
                buffer.copy_(kept)
        assert isinstance(captured, Pass)
        return captured
