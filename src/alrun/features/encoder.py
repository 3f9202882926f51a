"""What an encoder is: it makes vectors of examples, and states all that they depend on."""

import hashlib
import inspect
import json
import os
import re
import sys
import sysconfig
import traceback
from abc import ABC, abstractmethod
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from alrun.data import content
from alrun.features.preprocessing import Preprocessing
from alrun.system.errors import UserError, first_line

Precision = Literal["float32", "float16"]


class Encoder(ABC):
    """Makes a vector of each example.

    Args:
        precision: In which vectors are stored; they are computed in float32.
        trained_on: The data that the network was trained on, for the record; None where nobody said.
    """

    takes = "images"  # or texts
    setting = "encoder"  # where it is given; whoever takes it from another setting names that here, for messages
    batch: ClassVar[dict[str, int]] = {"cpu": 16, "cuda": 256}  # examples of a pass that fit a processor's caches

    def __init__(self, precision: Precision = "float32", trained_on: str | None = None) -> None:
        self.precision = precision
        self.trained_on = trained_on

    @property
    @abstractmethod
    def name(self) -> str:
        """A short name, for folders and the log."""

    def key(self) -> dict[str, Any] | None:
        """What tells without the network whether it is as it was: settings, version, files; None: nothing does."""
        return None

    @abstractmethod
    def stated(self) -> dict[str, Any]:
        """All that its vectors depend on, the hash of its weights included, as plain values."""

    @abstractmethod
    def encode(self, examples: np.ndarray, device: torch.device) -> Tensor:
        """Vectors (b, d), on the device, of images (b, C, H, W) uint8 or of texts (b,)."""


class Network(Encoder):
    """A network of images: its library's preprocessing, then a forward pass."""

    def __init__(self, precision: Precision, trained_on: str | None) -> None:
        super().__init__(precision, trained_on)
        self._made: tuple[nn.Module, Preprocessing] | None = None

    @abstractmethod
    def make(self) -> tuple[nn.Module, Preprocessing]:
        """The network with its weights, whose output is the vector, and what images go through before it.

        Raises:
            UserError: It does not exist, or its weights cannot be had.
        """

    @property
    def made(self) -> tuple[nn.Module, Preprocessing]:
        """What ``make`` made, once."""
        if self._made is None:
            network, preprocessing = self.make()
            if any(map(is_lazy, (*network.parameters(), *network.buffers()))):
                raise UserError(
                    f"{self.setting}: {self.name} has layers that learn their size from the first batch, such as "
                    "LazyLinear, so its weights are not there yet: give these layers their size."
                )
            network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
            self._made = network, preprocessing
        return self._made

    def stated(self) -> dict[str, Any]:
        """The network's class, the hash of its weights, the preprocessing and the precision."""
        network, preprocessing = self.made
        return {
            "network": self.name,
            "weights": hash_of(network),
            "preprocessing": preprocessing.stated(),
            "precision": self.precision,
        }

    @torch.inference_mode()
    def encode(self, examples: np.ndarray, device: torch.device) -> Tensor:
        """One forward pass, without a wait for the device."""
        network, preprocessing = self.made
        if next((each.device.type for each in network.parameters()), device.type) != device.type:
            network.to(device)
        images = torch.from_numpy(np.ascontiguousarray(examples)).to(device, non_blocking=True)
        seen = preprocessing(images).contiguous(memory_format=torch.channels_last)
        try:
            vectors = network(seen)
        except (UserError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # whatever code of the user's own raises
            raise UserError(
                f"{self.setting}: {self.name} raised {type(error).__name__} ({first_line(error)}) in "
                f"{place_of(error)}, on float32 images of shape {tuple(seen.shape)}: fix it; what is computed is kept."
            ) from error
        if not isinstance(vectors, Tensor):
            raise UserError(
                f"{self.setting}: {self.name} gives a {type(vectors).__name__}; its output must be one tensor."
            )
        if vectors.ndim > 2 and vectors[0].numel() != vectors.shape[1]:
            raise UserError(
                f"{self.setting}: {self.name} gives {tuple(vectors.shape)} for {len(examples)} images; it must give "
                "(batch, features): end it with what makes a vector of each, such as torch.nn.AdaptiveAvgPool2d(1) and "
                "torch.nn.Flatten()."
            )
        return vectors.flatten(1) if vectors.ndim > 2 else vectors  # (b, d, 1, 1): pooled, and a vector all the same


def place_of(error: BaseException) -> str:
    """File and line of the last function outside installed packages that an error came through."""
    frames = traceback.extract_tb(error.__traceback__)
    last = next((frame for frame in reversed(frames) if "site-packages" not in frame.filename), frames[-1])
    return f"{last.filename}, line {last.lineno}"


def version_of(package: str) -> str:
    """``timm 1.0.20``; that it is not installed is said where it is needed."""
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return package


def files_at(name: str) -> dict[str, Any]:
    """What changes when the file or folder ``name`` does; the name alone where it is none, but one of a hub."""
    if not os.path.exists(name):
        return {"of": name}
    found = content.files_of(Path(name))
    return {"of": os.path.realpath(name), "files": [[inner, *content.stamp(file)] for inner, file in found]}


def code_of(network: nn.Module) -> dict[str, Any]:
    """SHA-256 of the file that defines a network's class, and of the user's other files that it uses, if there are any.

    These are the modules of its parts, and what they import by name; installed packages are not looked into.
    """
    module = inspect.getmodule(type(network))
    source = inspect.getsource(module) if module is not None else ""
    waiting = [module, *(inspect.getmodule(type(each)) for each in network.modules())]
    found: dict[str, ModuleType] = {}
    while waiting:
        each = waiting.pop()
        if each is None or each.__name__ in found or is_installed(each):
            continue
        found[each.__name__] = each
        for value in list(vars(each).values()):
            home = value if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            waiting.append(sys.modules.get(home) if isinstance(home, str) else home)
    others = {name: hashed(Path(str(each.__file__)).read_bytes()) for name, each in found.items() if each is not module}
    return {"code": hashed(source.encode()), **({"imports": others} if others else {})}


def form_of(network: nn.Module) -> str:
    """SHA-256 of what neither weights nor code tell of a network: how its parts were made.

    These are the settings that they print, and what parts of the user's own hold beside them: the constructor's
    ``pool="max"``, a tensor that is no buffer.
    """
    usual = vars(nn.Module()).keys()
    held = {
        name: {key: as_json(value) for key, value in sorted(vars(part).items()) if key not in usual}
        for name, part in network.named_modules()
        if (home := inspect.getmodule(type(part))) is not None and not is_installed(home)
    }
    printed = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(network))  # of an object: another one in each process
    return hashed(json.dumps([printed, held]).encode())


def as_json(value: Any, depth: int = 4) -> Any:
    """``value`` as JSON: numbers of a tensor as their hash, a function or class by name, an object by what it holds."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, (Tensor, np.ndarray)):
        array = np.ascontiguousarray(value.detach().cpu() if isinstance(value, Tensor) else value)
        return [str(array.dtype), array.shape, hashed(array.tobytes())]
    if isinstance(value, (torch.dtype, torch.device)):
        return str(value)
    if depth and isinstance(value, (list, tuple)):
        return [as_json(each, depth - 1) for each in value]
    if depth and isinstance(value, dict):
        return {str(key): as_json(each, depth - 1) for key, each in value.items()}
    named = value if hasattr(value, "__qualname__") else type(value)
    name = f"{named.__module__}.{named.__qualname__}"
    inside = {} if named is value or isinstance(value, nn.Module) else getattr(value, "__dict__", {})
    return [name, as_json(inside, depth - 1)] if depth and inside else name


def is_installed(module: ModuleType) -> bool:
    """Whether a module is of Python, of alrun or of an installed package, rather than a file of the user's own."""
    file = str(getattr(module, "__file__", None) or "")
    places = ("site-packages", "dist-packages")
    return (
        not file.endswith(".py")
        or file.startswith(sysconfig.get_paths()["stdlib"])
        or module.__name__.partition(".")[0] in ("alrun", "torch")
        or any(place in Path(file).parts for place in places)
    )


def hashed(source: bytes) -> str:
    """SHA-256 of a file's content."""
    return hashlib.sha256(source).hexdigest()


def hash_of(network: nn.Module) -> str:
    """SHA-256 of a network's class and of all that its state dict holds, by name."""
    total = hashlib.sha256(f"{type(network).__module__}.{type(network).__qualname__}".encode())
    for name, tensor in sorted(network.state_dict().items()):
        array = tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy() if tensor.numel() else b""
        total.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        total.update(array)
    return total.hexdigest()
