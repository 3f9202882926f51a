"""Forward passes without training: what a strategy reads of the pool."""

from collections.abc import Callable

import torch
from torch import Tensor

from alrun.models.classifier import Classifier, dropout_layers, evaluation, split_at_dropout
from alrun.models.outputs import AXIS, Needs, Outputs, residual_of
from alrun.system.chunks import in_chunks
from alrun.system.device import autocast, widened
from alrun.system.errors import SettingError


def refuse_diverged(finite: Tensor) -> None:
    """Raise an error if the outputs of a model are not ``finite``: a selection from them would be chance."""
    if not finite:
        raise SettingError(
            "the model's outputs are not finite: its training diverged (lower optimizer.lr), or vectors of the pool "
            "hold huge numbers (scale or remove them). Earlier rounds are kept."
        )


def record(
    model: Classifier,
    images: Tensor,
    index: Tensor,
    needs: Needs,
    normalize: Callable,
    chunk: int,
    passed: Callable[[int], object] = lambda examples: None,
) -> Outputs:
    """The declared outputs for ``images[index]``, from one pass.

    ``dropout_samples`` come from the model's ensemble, where it has one, or from as many more passes with dropout on.

    Raises a UserError where an output is not finite. Images are not augmented. Outputs stay on the model's device.
    MC-dropout masks come from torch's global generator, which the caller has seeded. ``passed`` is called with the
    size of every chunk after its pass.
    """
    want_probs = needs.log_probs or needs.gradient
    want_residual = needs.gradient and not needs.log_probs
    want_embedding = needs.embedding or needs.gradient
    outputs: dict[str, Tensor] = {}  # allocated once: joining parts would take twice the memory
    device, where = model.head.weight.device, index.to(images.device)  # images in a memory map are not on the device

    def chunk_outputs(part: slice) -> None:
        batch = normalize(images[where[part]])
        found: dict[str, Tensor] = {}
        if want_probs or want_embedding:
            embedding = model.embed(batch)
            if want_embedding:
                found["embedding"] = widened(embedding)
            if want_probs:
                log_probs = widened(model.head(embedding)).log_softmax(1)
                found |= {"residual": residual_of(log_probs)} if want_residual else {"log_probs": log_probs}
        if needs.dropout_samples:
            passes = ensemble_passes if model.ensemble else dropout_passes
            found["dropout_log_probs"] = passes(model, batch, needs.dropout_samples)
        for name, tensor in found.items():
            axis = AXIS.get(name, 0)
            if name not in outputs:
                shape = (*tensor.shape[:axis], len(where), *tensor.shape[axis + 1 :])
                outputs[name] = tensor.new_empty(shape)
            outputs[name].narrow(axis, part.start, len(batch)).copy_(tensor)
        passed(len(batch))

    with evaluation(model), autocast(device):
        in_chunks(len(where), chunk, chunk_outputs)
    for tensor in outputs.values():
        if tensor.numel():
            refuse_diverged(torch.stack(tensor.aminmax()).isfinite().all())  # NaN is passed on; one pass, no copy
    return Outputs(index, **outputs)


def log_probs(model: Classifier, images: Tensor, index: Tensor, normalize: Callable, chunk: int) -> Tensor:
    """What ``model`` says of ``images[index]``: log probabilities (k, C).

    Raises:
        UserError: One is not finite.
    """
    found = record(model, images, index, Needs(log_probs=True), normalize, chunk).log_probs
    assert found is not None
    return found


def ensemble_passes(model: Classifier, batch: Tensor, samples: int) -> Tensor:
    """Log-softmax of ``samples`` members of the model's ensemble: (samples, B, C)."""
    return widened(model.members(batch, samples)).log_softmax(2)


def dropout_passes(model: Classifier, batch: Tensor, samples: int) -> Tensor:
    """Log-softmax of ``samples`` passes that differ in their dropout masks alone: (samples, B, C).

    What precedes the first dropout layer is the same in all passes and computed once.
    """
    layers = dropout_layers(model)
    fixed, random = split_at_dropout(model)
    start = fixed(batch)
    for layer in layers:
        layer.train()
    passes = torch.stack([widened(random(start)).log_softmax(1) for _ in range(samples)])
    for layer in layers:
        layer.eval()
    return passes
