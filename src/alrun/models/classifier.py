"""The interface of networks: an embedding and a last linear layer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from alrun.system.errors import SettingError


class Classifier(nn.Module):
    """A network whose logits are ``head(embed(images))``.

    Subclasses take ``classes`` and ``channels`` and ``image_size`` (height, width), or ``features`` (numbers in a
    vector), beside their own settings, and make ``head`` and either ``features`` or a method ``embed``.
    """

    head: nn.Linear
    features: nn.Sequential
    ensemble: int = 0  # number of further heads, trained on bootstrap samples; see ``members``

    def embed(self, images: Tensor) -> Tensor:
        """The input of the last linear layer: (B, C, H, W) floats to (B, H)."""
        return self.features(images)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, classes)."""
        return self.head(self.embed(images))

    def members(self, images: Tensor, count: int) -> Tensor:
        """Logits of the first ``count`` members of the ensemble: (count, B, classes)."""
        raise NotImplementedError


@contextmanager
def evaluation(model: Classifier) -> Iterator[None]:
    """Evaluation mode without gradients; afterward the model's modes are as before."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


def frozen(model: nn.Module) -> set[str]:
    """Names in the state dict of what training should not change in a ``model`` in training mode.

    These are parameters without gradient, and buffers of layers that stay in evaluation mode: batch norm of a frozen
    network, if the network sets that mode. The caller must check that they did not change.
    """
    names = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    for prefix, layer in model.named_modules():
        if not layer.training:
            names |= {f"{prefix}.{name}" if prefix else name for name, _ in layer.named_buffers(recurse=False)}
    return names


class Headed(Classifier):
    """A Classifier made from any network that ends in a linear layer (torchvision, timm).

    Args:
        network: Its last linear layer is replaced by a new one with ``classes`` outputs.
        classes: Number of classes.
        channels: Channels of the network's input; gray images are repeated to fill them.
    """

    def __init__(self, network: nn.Module, classes: int, channels: int) -> None:
        super().__init__()
        layers = [name for name, layer in network.named_modules() if isinstance(layer, nn.Linear)]
        if not layers:
            raise SettingError(f"model: {type(network).__name__} has no linear layer to replace; use another network.")
        parent, _, name = layers[-1].rpartition(".")
        holder = network.get_submodule(parent)
        old = holder.get_submodule(name)
        assert isinstance(old, nn.Linear)
        setattr(holder, name, nn.Identity())
        self.network = network
        self.channels = channels
        self.head = nn.Linear(old.in_features, classes)

    def embed(self, images: Tensor) -> Tensor:
        """The input of the network's last layer: (B, C, H, W) floats to (B, H)."""
        return self.network(images.expand(-1, self.channels, -1, -1)).flatten(1)


def split_at_dropout(model: Classifier) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """``model`` as two functions to apply in turn: the layers before the first dropout layer, and the rest.

    If a network has an ``embed`` of its own, the first function returns its input.
    """
    if type(model).embed is not Classifier.embed:
        return lambda images: images, model
    random = set(dropout_layers(model))
    first = next((i for i, layer in enumerate(model.features) if random & set(layer.modules())), len(model.features))
    return model.features[:first], lambda x: model.head(model.features[first:](x))


def has_dropout(model: nn.Module) -> bool:
    """Whether MC-dropout passes through ``model`` differ from one another."""
    return bool(dropout_layers(model))


def dropout_layers(model: nn.Module) -> list[nn.Module]:
    """The dropout layers with a positive rate."""
    kinds = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
    return [layer for layer in model.modules() if isinstance(layer, kinds) and layer.p > 0]
