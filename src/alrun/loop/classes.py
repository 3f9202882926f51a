"""The numbers of classes that the settings of a strategy give by name or as rare: the data decide them."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

from alrun.data.dataset import ImageData
from alrun.data.rare import rare_classes
from alrun.pool.classes import class_number
from alrun.settings import factory
from alrun.strategies.base import Strategy
from alrun.system.errors import SettingError


def with_known_classes(cfg: DictConfig, strategy: Strategy, data: ImageData) -> Strategy:
    """``strategy``, or a new one if its settings give classes of ``data`` by name or as rare."""
    settings = OmegaConf.to_container(cfg.strategy, resolve=True)
    numbered = with_numbers(settings, data, "strategy")
    return strategy if numbered == settings else factory.build(DictConfig(numbered), "strategy")


def with_numbers(settings: Any, data: ImageData, key: str) -> Any:
    """``settings`` (plain values) with numbers for the classes that are given by name or as rare, at any depth.

    Raises:
        UserError: The data set has no such class, or none of its classes is rare.
    """
    if not isinstance(settings, dict):
        return settings
    return {
        name: numbers_of(value, data, f"{key}.{name}")
        if name in ("query_classes", "private_classes") and value is not None
        else with_numbers(value, data, f"{key}.{name}")
        for name, value in settings.items()
    }


def numbers_of(value: Any, data: ImageData, key: str) -> Any:
    """The numbers of classes that are listed, or of the rare ones if ``value`` says ``rare``.

    Raises:
        UserError: There is no such class, or no class is rare.
    """
    if isinstance(value, list):
        return [class_number(each, data, key) for each in value]
    if value != "rare":
        return value  # which the strategy refuses
    if not (rare := rare_classes(data)):
        raise SettingError(f"{key}=rare: no class is rare: add imbalance=..., or list classes.")
    return rare
