"""Does every strategy, and every way of training, run on this device? The tiny runs of ``make golden``, once each.

    python -m benchmarks.gpu.strategies                          # on a GPU if there is one
    python -m benchmarks.gpu.strategies --device cpu --only dss  # command lines that hold this

The exit status is 1 if one fails. benchmarks/gpu/checks.py checks that the numbers are right.
"""

import argparse
import logging
import sys
from pathlib import Path
from time import perf_counter

import torch

from alrun.settings import schema
from alrun.system import device
from alrun.system.errors import first_line
from benchmarks.machine import add_row
from scripts import golden


def main() -> None:
    """Print the runs that fail, and how many succeeded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--only", default="", help="runs whose command line holds this")
    parser.add_argument("--csv", type=Path, help="append a row for each to this file")
    arguments = parser.parse_args()
    schema.register()
    logging.disable(logging.WARNING)
    where = device.choose_device(arguments.device)
    commands = [command for command in golden.commands() if arguments.only in " ".join(command)]
    failed = 0
    for command in commands:
        started = perf_counter()
        outcome = attempt_run([*command, f"runtime.device={where}"])
        failed += outcome != "ran"
        if outcome != "ran":
            print(f"{' '.join(command)}: {outcome}", flush=True)
        seconds = round(perf_counter() - started, 2)
        add_row(arguments.csv, {"command": " ".join(command), "seconds": seconds, "outcome": outcome})
    print(f"{device.describe(where)}, torch {torch.__version__}: {len(commands) - failed} of {len(commands)} ran")
    sys.exit(failed > 0)


def attempt_run(command: list[str]) -> str:
    """``ran``, or the error in words."""
    try:
        golden.digests(command)
    except Exception as error:  # whatever happens on a new device, the others run
        return f"{type(error).__name__}: {first_line(error)}"
    return "ran"


if __name__ == "__main__":
    main()
