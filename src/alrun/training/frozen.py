"""Weights that training does not change: kept once, instead of in every checkpoint."""

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from alrun.system import files
from alrun.system.errors import StorageError
from alrun.training.checkpoint import load_checkpoint, serialize


class Frozen:
    """Weights that training does not change, in a file of their own instead of in every checkpoint beside it.

    A checkpoint leaves out only tensors that equal those of the file: a network that changes them loses nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.held: dict[str, Tensor] | None = None

    def read(self) -> dict[str, Tensor]:
        """The tensors of the file by name; empty if there is none.

        Raises:
            UserError: It is damaged.
        """
        if self.held is None and self.path.exists():
            try:
                self.held = load_checkpoint(self.path)
            except ValueError as error:
                raise StorageError(
                    f"{self.path} is damaged ({error}): delete {self.path.parent}/*.pt to start this run over."
                ) from error
        return self.held or {}

    def left_out(self, weights: dict[str, Tensor], names: Iterable[str]) -> list[str]:
        """Those of ``names`` that a checkpoint of ``weights`` can leave out; the first call creates the file."""
        names = [name for name in names if name in weights]
        if names and not self.read():
            files.create(self.path, serialize({name: weights[name].detach().cpu() for name in names}))
        held = self.read()
        return [name for name in names if name in held and is_same(held[name], weights[name])]

    def rest(self, weights: dict[str, Tensor], names: list[str]) -> dict[str, Tensor]:
        """``weights`` without the tensors ``names``."""
        return {name: tensor for name, tensor in weights.items() if name not in set(names)}

    def whole(self, rest: dict[str, Tensor], names: list[str]) -> dict[str, Tensor]:
        """``rest`` together with the tensors ``names`` of the file.

        Raises:
            UserError: The file is damaged or gone.
        """
        held = self.read()
        if lost := [name for name in names if name not in held]:
            raise StorageError(
                f"{self.path} lacks {lost[0]} and is needed by the checkpoints beside it: copy it back, or delete "
                f"{self.path.parent}/*.pt to start this run over."
            )
        return rest | {name: held[name] for name in names}


def is_same(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are equal in type, shape and every value."""
    return a.dtype == b.dtype and torch.equal(a, b.detach().to(a.device))


def frozen_beside(path: Path) -> Path:
    """Path of the frozen weights of a training at ``path``: training.pt, frozen.pt."""
    return path.with_name(f"{path.name.removesuffix('training.pt')}frozen.pt")
