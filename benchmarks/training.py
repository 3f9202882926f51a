"""Training speed against a plain loop: ``make bench-training`` (ARGS="--models mnist_net training.precision=bf16").

The reference is a PyTorch loop as tutorials write it (training_cases/plain.py), timed in the same process with the
same number of threads. The floor is the arithmetic of the step at the speed of this machine's matrix product or of a
large convolution, whichever is faster, in the run's precision. Words that are not options or their values are settings
for alrun.
"""

import argparse
from pathlib import Path
from time import perf_counter

import torch

from alrun.commands import speed
from alrun.loop import execution
from alrun.system import device
from benchmarks.machine import add_row, arithmetic_speed
from benchmarks.training_cases import plain
from benchmarks.training_cases.case import CASES, Case, Made, make, operations
from benchmarks.training_cases.several import WAYS


def main() -> None:
    """Print a row per model and batch size, then the speed of several runs at once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default=",".join(case.model for case in CASES), help="separated by commas")
    parser.add_argument("--batch-sizes", default="20,128", help="of the optimizer, separated by commas")
    parser.add_argument("--runs", default="2,4,8", help="how many runs at once, separated by commas; empty: skip")
    parser.add_argument("--ways", default=",".join(WAYS), help="of running several at once, separated by commas")
    parser.add_argument("--csv", type=Path, help="append all numbers to this file as well")
    arguments, overrides = parser.parse_known_args()
    cases = [case for case in CASES if case.model in arguments.models.split(",")]
    sizes = [int(size) for size in arguments.batch_sizes.split(",")]
    alone = single(cases, sizes, overrides, arguments.csv)
    if arguments.runs:
        runs = [int(runs) for runs in arguments.runs.split(",")]
        together(cases, runs, arguments.ways.split(","), overrides, alone, arguments.csv)


def single(
    cases: list[Case], batch_sizes: list[int], overrides: list[str], path: Path | None
) -> dict[str, tuple[float, str]]:
    """Print the table of one run at a time; by model, images a second and memory format at the first batch size."""
    print("img/s: images a second, epoch: seconds for 1,000 images, floor: arithmetic at the machine's speed")
    heads = ("batch", "img/s", "epoch s", "plain img/s", "×plain", "floor img/s", "of floor")
    widths = (7, 9, 9, 13, 8, 13, 10)
    print(f"{'model':<13}" + "".join(f"{head:>{width}}" for head, width in zip(heads, widths, strict=True)) + "  with")
    alone: dict[str, tuple[float, str]] = {}
    for case in cases:
        for size in batch_sizes:
            made = make(case, size, overrides)
            count = images_in_epoch(case, made, size)
            choice = speed.fastest(speed.measure_choices(made.cfg, made.parts, made.where))
            execution.apply(choice, made.parts, made.parts.model, made.where)
            floor = arithmetic_speed(made.where, made.cfg.training.precision) / operations(made)
            ours = images_per_second(made, count)
            reference = plain.images_per_second(made, count)
            alone.setdefault(case.model, (ours, choice.memory_format))
            print(
                f"{case.model:<13}{size:>7}{ours:>9.0f}{1000 / ours:>9.2f}{reference:>13.0f}{ours / reference:>8.2f}"
                f"{floor:>13.0f}{100 * ours / floor:>8.0f} %  {choice}, {device.describe(made.where)}",
                flush=True,
            )
            add_row(path, row(made, case, size, "alone", 1, ours) | {"plain": reference, "floor": floor})
    return alone


def row(made: Made, case: Case, size: int, way: str, runs: int, speed: float) -> dict[str, object]:
    """A measurement as a row of the CSV; speeds are images a second, of all runs together."""
    return {
        "model": case.model,
        "batch_size": size,
        "precision": made.cfg.training.precision,
        "cuda_graph": made.cfg.runtime.cuda_graph,
        "device": device.describe(made.where),
        "way": way,
        "runs": runs,
        "images_per_second": speed,
        "plain": "",
        "floor": "",
    }


def images_in_epoch(case: Case, made: Made, size: int) -> int:
    """Images in the timed epoch: at least two batches, and on a GPU enough to hide the start."""
    return max(2 * size, case.cpu_images if made.where.type == "cpu" else 2000)


def images_per_second(made: Made, count: int) -> float:
    """The faster of two epochs as a round trains them, after a batch that does not count."""
    trainer = made.trainer
    _, engine = trainer.begin(made.parts.model.train(), made.pool)
    draws, seconds = torch.Generator().manual_seed(0), []
    for part in (trainer.batch_size, count, count):
        started = perf_counter()
        index = torch.randperm(part, generator=draws)
        engine.epoch(index.to(made.where), trainer.augmentation.draw(part, draws))
        engine.read()
        seconds.append(perf_counter() - started)
    return count / min(seconds[1:])


def together(
    cases: list[Case],
    runs: list[int],
    ways: list[str],
    overrides: list[str],
    alone: dict[str, tuple[float, str]],
    path: Path | None,
) -> None:
    """Print the speed of several runs at once, against one run with its best number of threads."""
    print(f"\nseveral runs at once, batch size 20, one thread each: images a second together (× one run), {runs} runs")
    for case in cases:
        made = make(case, 20, overrides)
        images, (speed_alone, layout) = images_in_epoch(case, made, 20), alone[case.model]
        for way in ways:
            cells = []
            for count in runs:
                speed = WAYS[way](count, case, 20, [f"runtime.memory_format={layout}", *overrides], images)
                add_row(path, row(made, case, 20, way, count, speed))
                cells.append(f"{speed:9.0f} (×{speed / speed_alone:.2f})")
            print(f"{case.model:<13}{way:<11}" + "".join(cells), flush=True)


if __name__ == "__main__":
    main()
