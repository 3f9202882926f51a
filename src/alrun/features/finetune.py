"""``model=timm model.pretrained=true``, ``model=torchvision`` alike: training goes on from a pretrained network."""

from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor, nn

from alrun.features.encoder import Network
from alrun.features.encoders import Timm, Torchvision
from alrun.features.preprocessing import Preprocessing
from alrun.models import adapters
from alrun.models.classifier import Classifier
from alrun.system.errors import UserError

Share = Annotated[float, Gt(0), Le(1)]


class Pretrained(Classifier):
    """A new last layer on a network that has its weights.

    Args:
        network: Its output is the embedding.
        preprocessing: What images go through before it; the loop applies it instead of the data's normalization.
        classes: Number of classes.
        freeze: ``none``; ``backbone``, all but the last layer; or the name of one of the network's parts: it and all
            before it. What is frozen keeps its weights and the statistics of its batch norm.
        backbone_rate: Share of the learning rate that the network is trained with; the last layer has all of it.

    Raises:
        UserError: The network has no such part.
    """

    def __init__(
        self, network: nn.Module, preprocessing: Preprocessing, classes: int, freeze: str, backbone_rate: float
    ) -> None:
        super().__init__()
        self.network = network.train()
        self.preprocessing = preprocessing
        self.backbone_rate = backbone_rate
        self.resting = resting(network, freeze)
        network.requires_grad_(True)
        for part in self.resting:
            part.requires_grad_(False)
        network.eval()
        with torch.no_grad():
            width = network(torch.zeros(1, len(preprocessing.mean), *preprocessing.size)).flatten(1).shape[1]
        self.head = nn.Linear(width, classes)
        self.train()

    def embed(self, images: Tensor) -> Tensor:
        """What the network computes."""
        return self.network(images).flatten(1)

    def train(self, mode: bool = True) -> "Pretrained":
        """As usual, but what is frozen stays as in use."""
        super().train(mode)
        for part in self.resting:
            part.eval()
        return self


def resting(network: nn.Module, freeze: str) -> list[nn.Module]:
    """The parts of ``network`` that are not trained."""
    if freeze == "none":
        return []
    if freeze == "backbone":
        return [network]
    parts = dict(network.named_children())
    if freeze not in parts:
        raise UserError(f"model.freeze={freeze}: give none, backbone, or a part of the network: {', '.join(parts)}.")
    names = list(parts)
    return [parts[name] for name in names[: names.index(freeze) + 1]]


class NetworkInput:
    """Bytes to floats as a pretrained network takes them: at its size, normalized as it was trained."""

    memory_format = torch.contiguous_format

    def __init__(self, preprocessing: Preprocessing, device: torch.device) -> None:
        self.preprocessing = preprocessing
        self.device = device

    def __call__(self, images: Tensor) -> Tensor:
        """(B, C, H, W) uint8 to (B, 3, height, width) float32."""
        return self.preprocessing(images.to(self.device)).contiguous(memory_format=self.memory_format)


def timm_model(
    channels: int,
    image_size: tuple[int, int],
    classes: int,
    name: str,
    pretrained: bool = False,
    weights: str | None = None,
    freeze: str = "none",
    backbone_rate: Share = 1.0,
) -> Classifier:
    """A network of timm with random weights, with the library's (``pretrained``) or with those of a file."""
    if not pretrained and weights is None:
        check_random(freeze, backbone_rate)
        return adapters.timm_model(channels, image_size, classes, name)
    return of_encoder(Timm(name, weights or "DEFAULT"), classes, freeze, backbone_rate)


def torchvision_model(
    channels: int,
    image_size: tuple[int, int],
    classes: int,
    name: str,
    pretrained: bool = False,
    weights: str | None = None,
    freeze: str = "none",
    backbone_rate: Share = 1.0,
) -> Classifier:
    """The same of torchvision."""
    if not pretrained and weights is None:
        check_random(freeze, backbone_rate)
        return adapters.torchvision_model(channels, image_size, classes, name)
    return of_encoder(Torchvision(name, weights or "DEFAULT"), classes, freeze, backbone_rate)


def check_random(freeze: str, backbone_rate: float) -> None:
    """Refuse to keep random weights as they are.

    Raises:
        UserError: Settings ask for that.
    """
    if freeze != "none" or backbone_rate != 1:
        raise UserError(
            f"model.freeze={freeze} and model.backbone_rate={backbone_rate:g} are for pretrained networks: add "
            "model.pretrained=true, or a file by model.weights=..."
        )


def of_encoder(encoder: Network, classes: int, freeze: str, backbone_rate: float) -> Pretrained:
    """A classifier that begins as ``encoder``.

    Raises:
        UserError: Its weights cannot be had, or it has no part of that name.
    """
    encoder.setting = "model"
    return Pretrained(*encoder.make(), classes, freeze, backbone_rate)
