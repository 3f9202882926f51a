"""What sentences call the parts of a run: as a user chooses them."""

import pytest
from omegaconf import OmegaConf

from alrun.data.augmentation import CropFlip, NoAugmentation
from alrun.models import SmallCnn
from alrun.settings.option_names import named, options_of_group
from alrun.strategies.more.clusters import KMeansSampling
from alrun.strategies.random import Random
from alrun.strategies.seed_set import BalancedSeedSet


class Ratio(Random):
    """A strategy of the user's own."""


@pytest.mark.parametrize(
    ("part", "key", "group", "name"),
    [
        (KMeansSampling(), "strategy", None, "strategy=kmeans"),
        (KMeansSampling(), "strategy.inner", "strategy", "strategy@strategy.inner=kmeans"),
        (BalancedSeedSet(), "seed_set", None, "seed_set=balanced"),
        (SmallCnn(1, (8, 8), 4), "model", None, "model=small_cnn"),
        (CropFlip(4, True), "augmentation", None, "augmentation=crop_flip"),
        (CropFlip(2, False), "augmentation", None, "augmentation=crop"),
        (NoAugmentation(), "augmentation", None, "augmentation=none"),
        ({"_target_": "alrun.models.Vgg", "depth": 19}, "model", None, "model=vgg19"),
        ({"_target_": "alrun.models.Vgg"}, "model", None, "model=vgg11 or vgg19"),
        ({"_target_": "mine.SmallCnn"}, "model", None, "model: SmallCnn"),
        (Ratio(), "strategy", None, "strategy: Ratio"),
        (Ratio(), "strategy.inner", "strategy", "strategy.inner: Ratio"),
    ],
)
def test_a_part_is_named_by_its_option(part, key, group, name):
    assert named(part, key, group) == name
    if isinstance(part, dict):
        assert named(OmegaConf.create(part), key, group) == name


@pytest.mark.parametrize("group", ["strategy", "model", "augmentation", "dss", "seed_set", "stopping"])
def test_every_option_is_named_by_itself(group):
    for option, settings in options_of_group(group):
        assert named(settings, group) == f"{group}={option}"
