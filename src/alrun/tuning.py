"""How many CPU threads and which memory format a run uses: what trains its model fastest here, measured once."""

import copy
import json
import logging
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from omegaconf import DictConfig
from torch import nn

from alrun import device, files, identity, rng
from alrun.errors import UserError
from alrun.lock import Lock
from alrun.model import Classifier
from alrun.parts import Parts, build_parts
from alrun.pool import Pool

log = logging.getLogger(__name__)

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
SECONDS = 0.3  # of training steps per candidate, after one that does not count
REGISTER = 16  # float32 numbers in a CPU's widest register
WORTH = 1.1  # how much faster than the default another choice must be: below, it may be chance


@dataclass(frozen=True)
class Choice:
    """What a run uses."""

    threads: int
    memory_format: str

    def __str__(self) -> str:
        return f"{self.threads} thread{'s' * (self.threads != 1)}, {self.memory_format}"


def choose(cfg: DictConfig, parts: Parts, where: torch.device) -> Choice:
    """Apply to this process and to ``parts`` what the settings name, and for what they leave open the fastest.

    Measurements are kept in ``outputs/cache/speed``: all runs of the same model on the same hardware choose alike.

    Raises:
        UserError: The settings name a memory format in which this model would corrupt memory.
    """
    runtime, settings = cfg.runtime, identity.identity(cfg)
    threads = device.thread_choices() if runtime.threads is None else [runtime.threads]
    if where.type != "cpu":
        threads = threads[:1]
    formats = list(FORMATS) if runtime.memory_format is None else [runtime.memory_format]
    if where.type == "cpu" and "channels_last" in formats and overruns_in_channels_last(parts.model):
        if runtime.memory_format:
            raise UserError(
                "runtime.memory_format=channels_last: torch corrupts memory on a CPU when it trains this model so; "
                "use runtime.memory_format=contiguous, or a wider model."
            )
        formats.remove("channels_last")
    choice = Choice(threads[0], formats[0])
    if len(threads) * len(formats) > 1:
        what = {key: settings.get(key) for key in ("model", "optimizer", "augmentation")}
        what["data"] = [parts.data.channels, parts.data.image_size, parts.data.classes]
        what["training"] = [cfg.training.batch_size, cfg.training.precision, runtime.cuda_graph]
        what["here"] = [device.describe(where), torch.__version__, threads, formats]
        path = Path(cfg.paths.outputs) / "cache" / "speed" / f"{identity.digest(what, 16)}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        with Lock(path.with_suffix(".lock")):  # runs that start together would disturb one another's measurements
            speeds = read(path)
            if speeds is None:
                log.info("measuring which number of threads and memory format train this model fastest")
                speeds = measure(parts, where, threads, formats)
                files.write_text(path, json.dumps([[*astuple(each), speed] for each, speed in speeds.items()]) + "\n")
        choice = fastest(speeds)
        log.info("%s: %.0f images a second in training (%s)", choice, speeds[choice], others(speeds, choice))
    apply(choice, parts, parts.model, where)
    return choice


def overruns_in_channels_last(model: nn.Module) -> bool:
    """Whether a convolution of ``model`` writes where it must not, on a CPU with channels-last images.

    The backward pass of a strided 1x1 convolution does, where it has fewer input channels than fit a register: the
    process dies, or the gradients are wrong. Seen with torch 2.13; github.com/uxlfoundation/oneDNN/issues/6035.
    """
    return any(
        set(layer.kernel_size) == {1} and max(layer.stride) > 1 and layer.in_channels // layer.groups < REGISTER
        for layer in model.modules()
        if isinstance(layer, nn.Conv2d)
    )


def measure(parts: Parts, where: torch.device, threads: list[int], formats: list[str]) -> dict[Choice, float]:
    """Images a second of every number of threads, then of the other formats with the fastest number."""
    speeds = {each: training_speed(parts, where, each) for each in (Choice(count, formats[0]) for count in threads)}
    best = fastest(speeds)
    for name in formats[1:]:
        other = Choice(best.threads, name)
        speeds[other] = training_speed(parts, where, other)
    return speeds


def fastest(speeds: dict[Choice, float]) -> Choice:
    """The default, which comes first, unless another one is clearly faster."""
    default, best = next(iter(speeds)), max(speeds, key=speeds.__getitem__)
    return best if speeds[best] > WORTH * speeds[default] else default


def training_speed(parts: Parts, where: torch.device, choice: Choice) -> float:
    """Images a second of training steps on random images; the model and torch's random numbers stay as they are."""
    trainer, size = parts.trainer, parts.trainer.batch_size
    model = copy.deepcopy(parts.model).train()
    apply(choice, parts, model, where)
    with rng.kept(where):
        images = torch.randint(256, (size, *parts.data.train_images.shape[1:]), dtype=torch.uint8, device=where)
        _, engine = trainer.begin(model, Pool(images, torch.arange(size, device=where) % parts.data.classes))
        index, parameters = torch.arange(size, device=where), trainer.augmentation.draw(size, torch.default_generator)
        seconds: list[float] = []
        while len(seconds) < 3 or sum(seconds[1:]) < SECONDS:
            started = perf_counter()
            engine.epoch(index, parameters)
            device.synchronize(where)
            seconds.append(perf_counter() - started)
    return size / median(seconds[1:])


def images_per_second(cfg: DictConfig) -> float:
    """How fast a run of ``cfg`` would train here; reads its data and trains a copy of its model for a moment."""
    where = device.choose(cfg.runtime.device)
    device.set_precision(cfg.training.precision)
    parts = build_parts(cfg, where)
    return training_speed(parts, where, choose(cfg, parts, where))


def apply(choice: Choice, parts: Parts, model: Classifier, where: torch.device) -> None:
    """Let torch, the images of a run and ``model`` follow ``choice``."""
    torch.set_num_threads(choice.threads)
    memory_format = FORMATS[choice.memory_format]
    parts.normalize.memory_format = memory_format
    model.to(where).to(memory_format=memory_format)  # pyright: ignore[reportCallIssue]


def read(path: Path) -> dict[Choice, float] | None:
    """What was measured before, None where nothing was or the file is damaged."""
    try:
        return {Choice(threads, name): speed for threads, name, speed in json.loads(path.read_text())} or None
    except (FileNotFoundError, ValueError, TypeError):
        return None


def others(speeds: dict[Choice, float], choice: Choice) -> str:
    """What else was measured, in words."""
    return "; ".join(f"{each} {speed:.0f}" for each, speed in speeds.items() if each != choice)
