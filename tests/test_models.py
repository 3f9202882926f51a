import pytest
import torch
from torch import nn

from alrun.errors import UserError
from alrun.models import MnistNet, ResNet18, SmallCnn, torchvision_model


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_parameter_counts_are_the_published_ones():
    assert parameters(ResNet18(3, (32, 32), 10)) == 11_173_962  # 11.17 M, He et al.'s ResNet-18 with a CIFAR stem
    # Appendix A.4: 9*32+32, 9*32*64+64, 9216*128+128, 128*10+10
    assert parameters(MnistNet(1, (28, 28), 10)) == 320 + 18_496 + 1_179_776 + 1_290


@pytest.mark.parametrize(
    ("model", "shape", "width"),
    [
        (ResNet18(3, (32, 32), 10), (3, 32, 32), 512),
        (ResNet18(1, (28, 28), 10), (1, 28, 28), 512),
        (MnistNet(1, (28, 28), 10), (1, 28, 28), 128),
        (SmallCnn(1, (8, 8), 10), (1, 8, 8), 64),
        (SmallCnn(3, (32, 32), 10, embedding=32), (3, 32, 32), 32),
        (torchvision_model(3, (32, 32), 10, "mobilenet_v3_small"), (3, 32, 32), 1024),
        (torchvision_model(1, (32, 32), 10, "resnet18"), (1, 32, 32), 512),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else str(value),
)
def test_logits_are_the_head_of_the_embedding(model, shape, width):
    images = torch.randn(3, *shape)
    model.eval()
    embedding = model.embed(images)
    assert embedding.shape == (3, width)
    assert model(images).shape == (3, 10)
    assert model(images).equal(model.head(embedding))


def test_a_network_of_torchvision_keeps_its_function():
    """Only the last layer is replaced: with its old weights the logits are those of the library."""
    from alrun.data.torchvision_import import torchvision
    from alrun.model import Headed

    original = torchvision.models.get_model("resnet18", weights=None).eval()
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        expected = original(images)
        old_head = original.fc
        adapted = Headed(original, classes=1000, channels=3).eval()
        adapted.head.load_state_dict(old_head.state_dict())
        assert adapted(images).equal(expected)


def test_an_unknown_network_is_refused_with_a_suggestion():
    with pytest.raises(UserError, match="did you mean resnet18"):
        torchvision_model(3, (32, 32), 10, "resnet_18")
