import pytest
import torch
from torch import nn

from alrun.models import (
    Dla,
    MnistNet,
    ResNet9,
    ResNet18,
    ShakeShake,
    ShakeShakeResNet18,
    SmallCnn,
    Vgg,
    torchvision_model,
)
from alrun.models.shake_shake import Shake
from alrun.system.errors import UserError


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_parameter_counts_are_the_published_ones():
    assert parameters(ResNet18(3, (32, 32), 10)) == 11_173_962  # 11.17 M, He et al.'s ResNet-18 with a CIFAR stem
    # Appendix A.4: 9*32+32, 9*32*64+64, 9216*128+128, 128*10+10
    assert parameters(MnistNet(1, (28, 28), 10)) == 320 + 18_496 + 1_179_776 + 1_290


def test_parameter_counts_of_networks_for_larger_images():
    assert parameters(Vgg(3, (32, 32), 10, depth=11)) == 9_231_114
    assert parameters(Vgg(3, (32, 32), 10, depth=19)) == 20_040_522
    # Yu et al.'s DLA-34 for ImageNet has 15,742,104; its first convolution is 7x7.
    assert parameters(Dla(3, (32, 32), 1000)) + 16 * 3 * (7 * 7 - 3 * 3) == 15_742_104
    for width, millions in ((32, 2.9), (64, 11.7), (96, 26.2)):  # Gastaldi 2017, Table 1
        assert round(parameters(ShakeShake(3, (32, 32), 10, depth=26, width=width)) / 1e6, 1) == millions


def test_resnet9_has_the_convolutions_of_its_description():
    """Eight 3x3 convolutions with batch norm, and the linear layer; 0.41 million parameters at width 16."""
    for width in (16, 64):
        pairs = [(3, 1), (1, 2), (2, 2), (2, 2), (2, 4), (4, 8), (8, 8), (8, 8)]  # in widths, but for the image
        sizes = [(a if a == 3 else a * width, b * width) for a, b in pairs]
        assert (
            parameters(ResNet9(3, (32, 32), 10, width=width))
            == sum(9 * a * b + 2 * b for a, b in sizes) + 80 * width + 10
        )
    assert round(parameters(ResNet9(3, (32, 32), 10)) / 1e6, 2) == 0.41


def test_resnet9_is_a_plain_network_where_its_branches_are_silent():
    """Without the residual branches the same network is written by hand as convolutions, batch norm, ReLU, pooling."""
    model = ResNet9(3, (16, 16), 5, width=3).eval()
    for block in model.blocks:
        if hasattr(block, "branch"):
            nn.init.zeros_(block.branch[1][1].weight)
    x = images = torch.randn(2, 3, 16, 16)
    for layer, is_pooled in zip(
        [block for block in model.blocks if isinstance(block, nn.Sequential)], (False, True, True, True), strict=True
    ):
        x = torch.relu(layer[1](torch.nn.functional.conv2d(x, layer[0].weight, padding=1)))
        x = x.unflatten(2, (-1, 2)).unflatten(4, (-1, 2)).amax((3, 5)) if is_pooled else x
    assert torch.allclose(model.embed(images), x.amax((2, 3)), atol=1e-5)


def test_shake_shake_mixes_each_image_by_new_draws_in_both_passes():
    a, b = torch.randn(6, 2, 3, 3, requires_grad=True), torch.randn(6, 2, 3, 3, requires_grad=True)
    mixed = Shake.apply(a, b)
    alpha = ((mixed - b) / (a - b)).flatten(1)
    assert torch.allclose(alpha, alpha[:, :1].expand_as(alpha), atol=1e-3)  # one number an image
    assert len(alpha[:, 0].round(decimals=3).unique()) == 6
    assert alpha.min() >= -1e-3
    assert alpha.max() <= 1 + 1e-3
    to_a, to_b = torch.autograd.grad(mixed.sum(), (a, b))
    assert torch.allclose(to_a + to_b, torch.ones_like(a))
    beta = to_a.flatten(1)[:, 0]
    assert len(beta.unique()) == 6
    assert (beta - alpha[:, 0]).abs().min() > 1e-3  # drawn again


def test_shake_shake_in_use_is_the_mean_of_the_branches():
    model = ShakeShake(3, (32, 32), 10, depth=8, width=4).eval()
    images = torch.randn(2, 3, 32, 32)
    assert model(images).equal(model(images))
    block = model.blocks[1]
    x = torch.randn(2, 4, 8, 8)
    assert torch.allclose(block(x) - block.shortcut(x), (block.branches[0](x) + block.branches[1](x)) / 2, atol=1e-6)


def test_shake_shake_on_resnet18_is_resnet18_with_a_second_branch():
    """Its counts are ResNet-18's, the branches' twice; with equal branches and an even mixture it is ResNet-18."""
    outside = (3 * 64 * 9 + 2 * 64) + (512 * 10 + 10)  # stem and head
    outside += sum(a * b + 2 * b for a, b in ((64, 128), (128, 256), (256, 512)))  # shortcuts
    whole = parameters(ShakeShakeResNet18(3, (32, 32), 10))
    assert whole == 2 * (parameters(ResNet18(3, (32, 32), 10)) - outside) + outside

    shaken, plain = (made(3, (32, 32), 10, width=4) for made in (ShakeShakeResNet18, ResNet18))
    weights = plain.state_dict()
    of_plain = {name: weights[name.replace(".other.", ".")] for name in shaken.state_dict()}
    shaken.load_state_dict(of_plain)
    images = torch.randn(6, 3, 32, 32)
    assert torch.allclose(shaken.eval()(images), plain.eval()(images), atol=1e-5)
    assert torch.allclose(shaken.train()(images), plain.train()(images), atol=1e-4)  # any mixture of equals is they


def test_shake_shake_on_resnet18_shakes_every_block_in_training_alone():
    model = ShakeShakeResNet18(3, (32, 32), 10, width=4)
    for block in model.blocks:
        x = torch.randn(4, block.conv1.in_channels, 8, 8)
        first, second = block.branch(x), block.other.branch(x)
        within = [torch.minimum(first, second), torch.maximum(first, second)]
        sums = block(x), block(x)
        assert not torch.allclose(*sums)
        low, high = (torch.relu(side + block.shortcut(x)) for side in within)
        assert ((low - 1e-4 <= sums[0]) & (sums[0] <= high + 1e-4)).all()
        block.eval()
        mean = (block.branch(x) + block.other.branch(x)) / 2
        assert torch.allclose(block(x), torch.relu(mean + block.shortcut(x)), atol=1e-5)
        assert block(x).equal(block(x))


@pytest.mark.parametrize(
    ("model", "shape", "width"),
    [
        (Vgg(3, (32, 32), 10, depth=11), (3, 32, 32), 512),
        (Vgg(1, (28, 28), 10, depth=19), (1, 28, 28), 512),
        (Vgg(3, (32, 32), 10, depth=11, width=4), (3, 32, 32), 32),
        (Dla(3, (32, 32), 10, width=8), (3, 32, 32), 64),
        (ResNet9(3, (32, 32), 10), (3, 32, 32), 128),
        (ResNet9(1, (28, 28), 10, width=4), (1, 28, 28), 32),
        (ResNet18(3, (32, 32), 10, width=8), (3, 32, 32), 64),
        (MnistNet(1, (28, 28), 10, width=8), (1, 28, 28), 32),
        (Dla(3, (32, 32), 10), (3, 32, 32), 512),
        (Dla(1, (28, 28), 10), (1, 28, 28), 512),
        (ShakeShake(3, (32, 32), 10), (3, 32, 32), 128),
        (ShakeShake(1, (28, 28), 10, width=8), (1, 28, 28), 32),
        (ShakeShakeResNet18(3, (32, 32), 10, width=8), (3, 32, 32), 64),
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
    from alrun.models.classifier import Headed
    from alrun.system.torchvision_import import torchvision

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
