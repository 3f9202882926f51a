import math

import pytest
import torch

from alrun.data.augmentation import CropFlip, NoAugmentation, Normalize, ResizedCrop
from alrun.settings import factory
from alrun.system.errors import UserError
from alrun.system.torchvision_import import torchvision  # noqa: F401 - makes the next import work beside a CPU torch

# isort: split
from torchvision.transforms import v2


def bytes_like(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28), (3, 5, 9)])
def test_every_crop_and_flip_equals_torchvisions(shape):
    augmentation = CropFlip(padding=4, flip=True)
    parameters = torch.cartesian_prod(torch.arange(9), torch.arange(9), torch.arange(2))
    images = bytes_like(len(parameters), *shape)
    ours = augmentation.apply(images, parameters)
    for image, (top, left, flip), got in zip(images, parameters.tolist(), ours, strict=True):
        padded = v2.functional.pad(image, [4])
        expected = v2.functional.crop(padded, top, left, *shape[1:])
        assert got.equal(v2.functional.horizontal_flip(expected) if flip else expected)


def test_draws_are_uniform_over_offsets_and_flips():
    draws = CropFlip(padding=4, flip=True).draw(90_000, torch.Generator().manual_seed(0))
    for column, values in ((0, 9), (1, 9), (2, 2)):
        counts = draws[:, column].bincount(minlength=values)
        assert len(counts) == values
        expected = 90_000 / values
        assert ((counts - expected) ** 2 / expected).sum() < 30  # chi-squared, 8 degrees: p = 0.0002


def test_without_flip_no_image_is_mirrored():
    assert CropFlip(padding=2, flip=False).draw(1000, torch.Generator())[:, 2].sum() == 0


def test_no_augmentation_leaves_images_alone():
    images = bytes_like(4, 3, 8, 8)
    assert NoAugmentation().apply(images, NoAugmentation().draw(4, torch.Generator())) is images


def test_normalization_equals_torchvisions():
    mean, std = [0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]
    images = bytes_like(6, 3, 8, 8)
    steps = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, std)])
    expected = torch.stack([steps(image) for image in images])
    assert torch.allclose(Normalize(mean, std, torch.device("cpu"))(images), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("option", ["trivial_augment", "rand_augment"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_policy_is_torchvisions_transform_of_the_cropped_image_with_the_seed_that_was_drawn(
    composed, option, channels
):
    augmentation = factory.build(composed(f"augmentation={option}").augmentation, "augmentation")
    images = bytes_like(40, channels, 16, 16)
    parameters = augmentation.draw(40, torch.Generator().manual_seed(1))
    torch.manual_seed(7)
    altered, following = augmentation.apply(images, parameters), torch.rand(())
    torch.manual_seed(7)
    assert torch.rand(()) == following  # what else is random is not disturbed
    transform = {"trivial_augment": v2.TrivialAugmentWide(), "rand_augment": v2.RandAugment(2, 9)}[option]
    for i in range(40):
        cropped = CropFlip(4, True).apply(images[i : i + 1], parameters[i : i + 1, :3])[0]
        torch.manual_seed(int(parameters[i, 3]))
        assert altered[i].equal(transform(cropped))
    assert altered[5:25].equal(augmentation.apply(images[5:25], parameters[5:25]))
    assert len(parameters[:, 3].unique()) == 40
    assert (altered != CropFlip(4, True).apply(images, parameters[:, :3])).any()


def test_a_policy_that_has_no_such_setting_is_refused(composed):
    cfg = composed("augmentation=rand_augment", "+augmentation.transform.loudness=3")
    with pytest.raises(UserError, match="loudness"):
        factory.build(cfg.augmentation, "augmentation")


@pytest.mark.parametrize("flip", [False, True])
def test_a_resized_crop_is_torchvisions(flip):
    images = torch.randint(256, (60, 3, 12, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    crop = ResizedCrop(0.08, flip)
    parameters = crop.draw(60, torch.Generator().manual_seed(1))
    altered = crop.apply(images, parameters)
    size = torch.tensor([12, 20])
    for image, (*shares, flips), result in zip(images, parameters.tolist(), altered, strict=True):
        share = torch.tensor(shares) / crop.UNIT
        sides = (share[:2] * size).round().clamp_min(1)
        top, left = (share[2:] * (size - sides + 1)).floor().int().tolist()
        height, width = sides.int().tolist()
        expected = v2.functional.resized_crop(image.float(), top, left, height, width, [12, 20], antialias=True)
        expected = v2.functional.hflip(expected) if flips else expected
        assert (result.float() - expected).abs().max() <= 0.51
    assert parameters[:, 4].any() == flip


def test_parts_have_the_areas_and_ratios_that_are_asked_for():
    parameters = ResizedCrop(0.25, False).draw(20_000, torch.Generator().manual_seed(0))
    height, width = (parameters[:, :2].double() / ResizedCrop.UNIT).unbind(1)
    whole = (height < 1) & (width < 1)
    area, ratio = (height * width)[whole], (width / height)[whole].log() / math.log(4 / 3)
    assert 0.2499 < area.min() < 0.26
    assert area.max() > 0.95
    assert (ratio.abs() <= 1.001).all()
    assert abs(float(ratio.mean())) < 0.02
