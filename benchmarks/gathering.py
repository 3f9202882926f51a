"""Seconds and memory of ``python -m alrun results`` and ``alrun report`` for 3,000 made-up runs of 9 rounds."""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from alrun.runs.run_folder import RESULTS
from alrun.settings.identity import digest

ACCURACY = "round,labeled,test_accuracy,calibration_error,train_accuracy,epochs,steps,stopped_by,restarts,device"
STRATEGIES = ("random", "entropy", "margin", "badge")
REPEATS = 5


def main() -> None:
    """Make the runs, gather and report them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3000)
    count = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            make_run(Path(folder, "runs"), number)
        for name, output in (("results", "results.csv"), ("report", "report")):
            command = [sys.executable, "-m", f"alrun.{name}", f"{folder}/runs", "-o", f"{folder}/{output}"]
            seconds, gigabytes = measure_command(command)
            print(f"alrun.{name} of {count} runs: {seconds:.1f} s, {gigabytes:.2f} GB, start of Python included")
        sizes = {name: Path(folder, name).stat().st_size / 1e6 for name in ("results.csv", "report/report.html")}
    print(", ".join(f"{name}: {size:.1f} MB" for name, size in sizes.items()))


def measure_command(command: list[str]) -> tuple[float, float]:
    """Seconds and peak memory in GB of a command."""
    started = perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return perf_counter() - started, usage.ru_maxrss * 1024 / 1e9


def make_run(folder: Path, number: int) -> None:
    """Write the files of finished run ``number`` of a sweep over a setting, strategies and seeds."""
    setting, seed = divmod(number, len(STRATEGIES) * REPEATS)
    strategy = STRATEGIES[seed % len(STRATEGIES)]
    seed //= len(STRATEGIES)
    run = folder / f"cifar10-resnet18-{digest(setting)}" / f"{strategy}-{digest(strategy, 6)}-seed{seed}"
    run.mkdir(parents=True)
    rounds = range(9)
    scatter = random.Random(number)
    shares = [0.5 + r / 20 + (scatter.gauss(0, 0.01) if r else 0) for r in rounds]
    lines = [f"{r},{1000 + 3000 * r},{share},0.05,0.99,80,4000,accuracy,0,cuda" for r, share in enumerate(shares)]
    (run / "accuracy.csv").write_text("\n".join([ACCURACY, *lines, ""]))
    lines = [f"{r},{1000 + 3000 * r},600.0,2.0,30.0" for r in rounds]
    (run / "timing.csv").write_text("\n".join(["round,labeled,train_seconds,evaluate_seconds,select_seconds", *lines]))
    lines = [f"{r},{c},0.9,{100 + 300 * r}" for r in rounds for c in range(10)]
    (run / "per_class.csv").write_text("\n".join(["round,class,test_accuracy,labeled", *lines, ""]))
    options = {"strategy": strategy, "dataset": "cifar10", "model": "resnet18", "optimizer": "sgd"}
    meta = {"options": options, "settings": settings(strategy, 0.001 * (setting + 1)), "seed": seed, "device": "a GPU"}
    (run / "run.json").write_text(json.dumps(meta))
    for name in ("done", *RESULTS):
        (run / name).touch()


def settings(strategy: str, rate: float) -> dict[str, object]:
    """Settings of the size that a run has."""
    build = {"_target_": "torch.optim.SGD", "_partial_": True, "lr": rate, "momentum": 0.9, "weight_decay": 5e-4}
    return {
        "dataset": {
            "_target_": "alrun.data.sources.torchvision_data",
            "name": "CIFAR10",
            "mean": [0.4914, 0.4822, 0.4465],
        },
        "model": {"_target_": "alrun.models.ResNet18", "width": 64},
        "strategy": {"_target_": f"alrun.strategies.{strategy}"},
        "optimizer": {"lr": rate, "build": build, "swa": None},
        "augmentation": {"_target_": "alrun.data.augmentation.CropFlip", "padding": 4},
        "budget": {"seed_size": 1000, "batch_size": 3000, "total": 25000},
        "training": {"max_epochs": 300, "batch_size": 20, "stop_accuracy": 0.99, "patience": 10, "reset": True},
        "initial_seed": 42,
    }


if __name__ == "__main__":
    main()
