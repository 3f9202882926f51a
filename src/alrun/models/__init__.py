"""Networks: ``model=`` options."""

from alrun.models.adapters import timm_model, torchvision_model
from alrun.models.mnist_net import MnistNet
from alrun.models.resnet import ResNet18
from alrun.models.small_cnn import SmallCnn

__all__ = ["MnistNet", "ResNet18", "SmallCnn", "timm_model", "torchvision_model"]
