"""Networks: ``model=`` options."""

from alrun.models.adapters import timm_model, torchvision_model
from alrun.models.dla import Dla
from alrun.models.linear import Linear, Mlp
from alrun.models.mnist_net import MnistNet
from alrun.models.resnet import ResNet18
from alrun.models.resnet9 import ResNet9
from alrun.models.shake_shake import ShakeShake, ShakeShakeResNet18
from alrun.models.small_cnn import SmallCnn
from alrun.models.vgg import Vgg

__all__ = [
    "Dla",
    "Linear",
    "Mlp",
    "MnistNet",
    "ResNet9",
    "ResNet18",
    "ShakeShake",
    "ShakeShakeResNet18",
    "SmallCnn",
    "Vgg",
    "timm_model",
    "torchvision_model",
]
