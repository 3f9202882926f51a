"""``alrun speed``: how fast a model trains on this machine, with other numbers of threads and memory formats.

    alrun speed
    alrun speed dataset=digits model=mnist_net training.precision=bf16

It takes what a run takes, trains a copy of the model on random images for a moment with each choice, and prints images
per second. If another choice is clearly faster than the run's own, it prints the settings to type. A run follows its
settings (runtime.threads, runtime.memory_format) even if others are faster: the results of two choices differ in their
last bits, so keep to one in a study.
"""

import copy
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from omegaconf import DictConfig

from alrun.commands import console
from alrun.loop import execution
from alrun.loop.components import Parts, build_parts
from alrun.loop.execution import FORMATS, Choice
from alrun.pool.pool import Pool
from alrun.settings import planned_runs
from alrun.system import device, rng
from alrun.system.errors import UserError
from alrun.training.trainer import Trainer

SECONDS = 0.3  # of training steps per candidate, after one that does not count
WORTH = 1.1  # times as fast as the run's own choice: a smaller gain may be chance


def main() -> None:
    """Measure and print, setting by setting."""
    parser = console.make_parser("speed", __doc__)
    parser.add_argument("overrides", nargs="*", metavar="group=option", help="as for a run")
    parser.add_argument("-m", "--multirun", action="store_true", help="a sweep, as for runs")
    console.add_config_dir(parser)
    arguments = parser.parse_intermixed_args()
    with console.reporting_mistakes():
        words = console.with_config_dir(arguments.overrides, arguments.config_dir)
        runs = planned_runs.runs_of_command([*words, *(["hydra.mode=MULTIRUN"] if arguments.multirun else [])])
        for setting in dict.fromkeys(run.folder.parent for run in runs):
            print(describe_speeds(setting, next(run.cfg for run in runs if run.folder.parent == setting)))


def describe_speeds(setting: Path, cfg: DictConfig) -> str:
    """The measurements of a setting as text: a line for each choice, and what to type."""
    where, parts = build_for_timing(cfg)
    speeds = measure_choices(cfg, parts, where)
    own, best = choice_of_run(cfg, where), fastest(speeds)
    width = max(len(str(each)) for each in speeds)
    lines = [f"{setting.name} on {device.describe(where)}, images per second in training:"]
    lines += [f"  {each!s:<{width}}  {speed:9.0f}{'  as it is set' * (each == own)}" for each, speed in speeds.items()]
    if best == own:
        return "\n".join([*lines, "None is clearly faster than the choice that is set."])
    return "\n".join([*lines, f"Fastest: {' '.join(settings_to_type(best, own))}"])


def settings_to_type(best: Choice, own: Choice) -> Sequence[str]:
    """The settings in which ``best`` differs from a run's ``own`` choice."""
    pairs = ((name, getattr(best, name), getattr(own, name)) for name in ("threads", "memory_format"))
    return [f"runtime.{name}={value}" for name, value, is_set in pairs if value != is_set]


def build_for_timing(cfg: DictConfig) -> tuple[torch.device, Parts]:
    """The device and the parts of a run, as the run would build them."""
    where = device.choose_device(cfg.runtime.device)
    device.prepare_process(cfg.training.precision, cfg.runtime.deterministic, cfg.runtime.threads)
    return where, build_parts(cfg, where)


def choice_of_run(cfg: DictConfig, where: torch.device) -> Choice:
    """The threads and the memory format that the run's settings name."""
    return execution.choose_execution(cfg.runtime.threads, cfg.runtime.memory_format, where)


def measure_choices(cfg: DictConfig, parts: Parts, where: torch.device) -> dict[Choice, float]:
    """Images per second: the run's own choice first, then other numbers of threads, then the fastest in other formats.

    On a GPU the threads do not matter. A format in which the model would corrupt memory is not tried.
    """
    own = execution.check_and_apply(choice_of_run(cfg, where), parts, where)
    counts = [own.threads, *(device.thread_choices() if where.type == "cpu" else [])]
    choices = dict.fromkeys(Choice(count, own.memory_format) for count in counts)
    speeds = {each: training_speed(parts, where, each) for each in choices}
    best = fastest(speeds)
    for name in FORMATS:
        other = Choice(best.threads, name)
        if other not in speeds and not execution.corrupts_memory(parts.model, name, where):
            speeds[other] = training_speed(parts, where, other)
    return speeds


def fastest(speeds: dict[Choice, float]) -> Choice:
    """The run's own choice, which comes first, unless another one is clearly faster."""
    own, best = next(iter(speeds)), max(speeds, key=speeds.__getitem__)
    return best if speeds[best] > WORTH * speeds[own] else own


def training_speed(parts: Parts, where: torch.device, choice: Choice) -> float:
    """Images per second of training steps on random images; the model and torch's random numbers stay as they are."""
    trainer = parts.trainer
    if not isinstance(trainer, Trainer):
        raise UserError(
            "optimizer=convex takes no steps on batches, so there is no speed to measure: give another optimizer."
        )
    size = trainer.batch_size
    model = copy.deepcopy(parts.model).train()
    execution.apply(choice, parts, model, where)
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
    where, parts = build_for_timing(cfg)
    return training_speed(parts, where, execution.check_and_apply(choice_of_run(cfg, where), parts, where))
