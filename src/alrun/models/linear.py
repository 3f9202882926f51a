"""Classifiers of vectors, such as features of a pretrained network."""

from typing import Annotated

import torch
from annotated_types import Ge, Lt
from torch import Tensor, nn

from alrun.models.classifier import Classifier
from alrun.selection.products import products


class Linear(Classifier):
    """One linear layer: the embedding is the vector itself.

    Args:
        features: Numbers in a vector.
        classes: Number of classes.
        ensemble: Further heads, trained on bootstrap samples of the labeled set, for strategies that use the
            disagreement of models; 0: none.
    """

    def __init__(self, features: int, classes: int, ensemble: Annotated[int, Ge(0)] = 0) -> None:
        super().__init__()
        self.features = nn.Sequential()
        self.head = nn.Linear(features, classes)
        nn.init.zeros_(self.head.weight)  # the optimum does not depend on where training starts
        nn.init.zeros_(self.head.bias)
        self.ensemble = ensemble
        if ensemble:
            self.register_buffer("member_weight", torch.zeros(ensemble, classes, features))
            self.register_buffer("member_bias", torch.zeros(ensemble, classes))

    def members(self, images: Tensor, count: int) -> Tensor:
        """Logits of the first ``count`` heads of the ensemble: (count, B, classes)."""
        weight, bias = self.get_buffer("member_weight")[:count], self.get_buffer("member_bias")[:count]
        logits = products(self.embed(images), weight.flatten(0, 1), bias.flatten())  # of all heads at once
        return logits.reshape(len(images), count, -1).transpose(0, 1)


class Mlp(Classifier):
    """Hidden layers with ReLU and dropout before the last layer; the embedding has ``width`` numbers.

    Args:
        features: Numbers in a vector.
        classes: Number of classes.
        width: Of each hidden layer.
        layers: How many of them.
        dropout: Rate after each of them.
    """

    def __init__(
        self,
        features: int,
        classes: int,
        width: Annotated[int, Ge(1)] = 256,
        layers: Annotated[int, Ge(1)] = 1,
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.5,
    ) -> None:
        super().__init__()
        widths = [features, *[width] * (layers - 1)]
        hidden = [(nn.Linear(before, width), nn.ReLU(), nn.Dropout(dropout)) for before in widths]
        self.features = nn.Sequential(*(part for layer in hidden for part in layer))
        self.head = nn.Linear(width, classes)
