"""A case of benchmarks/training.py: a network, its image size and a batch size, built as a run builds them."""

import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig
from torch.utils.flop_counter import FlopCounterMode

from alrun.loop.components import Parts, build_parts
from alrun.pool.pool import Pool
from alrun.settings import schema
from alrun.system import device, rng
from alrun.training.trainer import Trainer

schema.register()


class Case(NamedTuple):
    """A model and the images that the paper uses it for."""

    model: str
    shape: tuple[int, int, int]  # of an image: channels, height, width
    augmentation: str
    cpu_images: int  # in the timed epoch on a CPU


CASES = [
    Case("mnist_net", (1, 28, 28), "none", 1000),
    Case("resnet18", (3, 32, 32), "crop_flip", 160),
    Case("vgg11", (3, 32, 32), "crop_flip", 320),
    Case("vgg19", (3, 32, 32), "crop_flip", 160),
    Case("dla", (3, 32, 32), "crop_flip", 160),
    Case("shake_shake", (3, 32, 32), "crop_flip", 160),
]


class Made(NamedTuple):
    """A case, ready to train."""

    cfg: DictConfig
    parts: Parts
    where: torch.device
    pool: Pool  # all labeled

    @property
    def trainer(self) -> Trainer:
        """The trainer, which trains in epochs."""
        assert isinstance(self.parts.trainer, Trainer)
        return self.parts.trainer


def make(case: Case, batch_size: int, overrides: list[str]) -> Made:
    """Random images in an npz file, and the parts of a run on it."""
    draws = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.npz"
        arrays = {}
        for split, count in (("train", max(2000, 2 * batch_size)), ("test", 20)):
            arrays[f"{split}_images"] = draws.integers(0, 256, (count, *case.shape), dtype=np.uint8)
            arrays[f"{split}_labels"] = np.arange(count) % 10
        np.savez(path, **arrays)
        GlobalHydra.instance().clear()
        with initialize_config_module("alrun.conf", version_base="1.3"):
            names = ["dataset=npz", f"dataset.path={path}", f"model={case.model}", f"augmentation={case.augmentation}"]
            cfg = compose("config", [*names, f"training.batch_size={batch_size}", *overrides])
        where = device.choose_device(cfg.runtime.device)
        device.set_deterministic(cfg.runtime.deterministic)
        device.set_precision(cfg.training.precision)
        rng.seed_globals(0)
        parts = build_parts(cfg, where)
    pool = Pool(
        torch.from_numpy(parts.data.train_images).to(where), torch.from_numpy(parts.data.train_labels).to(where)
    )
    return Made(cfg, parts, where, pool)


def operations(made: Made) -> float:
    """Additions and multiplications of one training step, for each image."""
    model, size = made.parts.model.to(made.where).train(), made.trainer.batch_size
    images = made.parts.normalize(made.pool.images[:size])
    with FlopCounterMode(display=False) as counter:
        model(images).sum().backward()
    model.zero_grad()
    return counter.get_total_flops() / size
