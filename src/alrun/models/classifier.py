"""What alrun asks of a network: an embedding and a last linear layer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from alrun.system.errors import SettingError


class Classifier(nn.Module):
    """A network whose logits are ``head(embed(images))``.

    Subclasses take ``channels``, ``image_size`` (height, width) and ``classes`` beside their own settings, and make
    ``head`` and either ``features`` or a method ``embed``.
    """

    head: nn.Linear
    features: nn.Sequential

    def embed(self, images: Tensor) -> Tensor:
        """The input of the last linear layer: (B, C, H, W) floats to (B, H)."""
        return self.features(images)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, classes)."""
        return self.head(self.embed(images))


@contextmanager
def evaluation(model: Classifier) -> Iterator[None]:
    """Batch norm and dropout as in use, no gradients; the model's modes are put back afterward."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


def frozen(model: nn.Module) -> set[str]:
    """What training should leave as it is of a ``model`` in training mode, by its names in the state dict.

    Parameters that take no gradient, and buffers of layers that stay in evaluation while the rest trains: batch norm
    of a frozen network, where the network sees to that. Whether they were left is for who relies on it to compare.
    """
    names = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    for prefix, layer in model.named_modules():
        if not layer.training:
            names |= {f"{prefix}.{name}" if prefix else name for name, _ in layer.named_buffers(recurse=False)}
    return names


class Headed(Classifier):
    """Makes a Classifier of any network that ends in a linear layer (torchvision, timm).

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
        """What the network computes before its last layer."""
        return self.network(images.expand(-1, self.channels, -1, -1)).flatten(1)


def split_at_dropout(model: Classifier) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """``model`` as two functions, one after the other: what precedes the first dropout layer, and the rest.

    Where a network computes its embedding in another way than by ``features``, the first function does nothing.
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
