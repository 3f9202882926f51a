"""Weights of a network from a file of somebody's: found within what frameworks wrap around them, and checked."""

import pickle
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from alrun.system.errors import UserError, first_line

WRAPPED = ("state_dict", "model_state_dict", "model", "network", "student", "teacher")  # keys that hold a state dict
PREFIXES = ("module.", "model.", "network.", "backbone.", "encoder.", "_orig_mod.")
HEAD = 2  # tensors of a last layer
SHOWN = 3  # names of a longer list


def load(network: nn.Module, path: str, setting: str) -> None:
    """Give ``network``, without its head, the weights in the file at ``path``; those of a head are passed over.

    ``setting`` is that of the network, for messages.

    Raises:
        UserError: The file cannot be read, or its names or shapes do not fit.
    """
    where = f"{setting}.weights={path}"
    stored = fitting(read(path, where), network)
    wanted = network.state_dict()
    lost = [name for name in wanted if name not in stored and not name.endswith("num_batches_tracked")]
    wrong = [name for name in wanted if name in stored and stored[name].shape != wanted[name].shape]
    strange = [name for name in stored if name not in wanted]
    if lost:
        raise UserError(
            f"{where} does not fit {type(network).__name__}: it lacks {listed(lost)}, and has "
            f"{listed(strange) or 'no others'}: name the network that these weights are of."
        )
    if deeper := beyond(strange, wanted):
        raise UserError(
            f"{where} does not fit {type(network).__name__}: it has {listed(deeper)} of a deeper "
            "network: name the network that these weights are of."
        )
    if wrong:
        first = wrong[0]
        raise UserError(
            f"{where} does not fit {type(network).__name__}: {listed(wrong)} differ in shape, "
            f"{tuple(stored[first].shape)} there and {tuple(wanted[first].shape)} here: name the network that these "
            "weights are of."
        )
    network.load_state_dict({name: stored[name] for name in wanted if name in stored}, strict=False)


def beyond(strange: Sequence[str], wanted: Iterable[str]) -> list[str]:
    """Those of the ``strange`` names that are in numbered blocks beside numbered blocks of the network.

    A head may lie there too: its last layer has two tensors, a block has more.
    """
    known = {name[:end] for name in wanted for end in dots(name)}
    numbered = {part.rpartition(".")[0] for part in known if part.rpartition(".")[2].isdecimal()}
    blocks: dict[str, list[str]] = {}
    for name in strange:
        first = next((name[:end] for end in dots(name) if name[:end] not in known), name)
        if first.rpartition(".")[0] in numbered and first.rpartition(".")[2].isdecimal():
            blocks.setdefault(first, []).append(name)
    return [name for block in blocks.values() if len(block) > HEAD for name in block]


def dots(name: str) -> list[int]:
    """Where the dots of a name are."""
    return [at for at, letter in enumerate(name) if letter == "."]


def read(path: str, where: str) -> dict[str, Tensor]:
    """The tensors in a file by name, whatever a framework wrapped around them; code in it is not run.

    ``where`` names the file in messages.

    Raises:
        UserError: It is not there, or holds none.
    """
    if not Path(path).is_file():
        raise UserError(f"{where}: there is no such file; give one that holds a state dict, or DEFAULT.")
    try:
        if path.endswith(".safetensors"):
            from safetensors.torch import load_file  # pyright: ignore[reportMissingImports]

            stored: Any = load_file(path)
        else:
            stored = torch.load(path, map_location="cpu", weights_only=True)
    except ImportError:
        raise UserError(f"{where} needs the safetensors package: pip install safetensors.") from None
    except pickle.UnpicklingError as error:  # torch's own words advise to run what is in the file
        raise UserError(
            f"{where} cannot be read as weights: it must hold tensors alone, saved by torch.save(model.state_dict(), "
            "file), or be a .safetensors file."
        ) from error
    except Exception as error:  # whatever zip and torch raise for a file that is something else
        raise UserError(f"{where} cannot be read as weights: {first_line(error)}.") from error
    while isinstance(stored, dict) and (inner := next((stored[key] for key in WRAPPED if is_dict(stored, key)), None)):
        stored = inner
    tensors = (
        {str(key): value for key, value in stored.items() if isinstance(value, Tensor)}
        if isinstance(stored, dict)
        else {}
    )
    if not tensors:
        raise UserError(f"{where} holds no state dict: save one by torch.save(model.state_dict(), file).")
    return tensors


def is_dict(stored: dict[Any, Any], key: str) -> bool:
    """Whether a dictionary lies at ``key``."""
    return isinstance(stored.get(key), dict)


def fitting(stored: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """``stored`` without the prefixes that wrappers put before names, where the network's names are found so."""
    wanted = set(network.state_dict())

    def known(names: dict[str, Tensor]) -> int:
        return len(wanted & set(names))

    while True:
        better = [
            shorter
            for prefix in PREFIXES
            if known(shorter := {name.removeprefix(prefix): each for name, each in stored.items()}) > known(stored)
        ]
        if not better:
            return stored
        stored = max(better, key=known)


def listed(names: list[str]) -> str:
    """``3 names (a, b, c)``."""
    if not names:
        return ""
    more = ", ..." if len(names) > SHOWN else ""
    return f"{len(names)} {'name' if len(names) == 1 else 'names'} ({', '.join(names[:SHOWN])}{more})"
