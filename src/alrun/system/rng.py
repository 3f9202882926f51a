"""Random numbers that depend on their purpose, never on earlier draws: a resumed run draws the same ones."""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch


def derive(*parts: int | str) -> int:
    """A 63-bit seed for a purpose, such as ``derive(seed, "train", round, epoch)``."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1


def generator(*parts: int | str) -> torch.Generator:
    """A CPU generator for a purpose; drawing on the CPU makes the draws equal on every device."""
    return torch.Generator().manual_seed(derive(*parts))


def seed_globals(*parts: int | str) -> None:
    """Seed torch's global generators: weight initialization and dropout use them."""
    torch.manual_seed(derive(*parts))


@contextmanager
def same(purpose: str) -> Iterator[None]:
    """A context in which torch's CPU generator, so also random weights, draws the same in every process."""
    with kept(torch.device("cpu")):
        seed_globals(purpose)
        yield


def kept(device: torch.device) -> AbstractContextManager[None]:
    """A context after which torch's global generators, the device's included, are as they were before it."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])
