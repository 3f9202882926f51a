"""Are a GPU's numbers right? Training, passes and selection there against plain references in float64 on the CPU.

    python -m benchmarks.gpu.checks                                  # on a GPU if there is one
    python -m benchmarks.gpu.checks --small --device cpu             # a trial in seconds
    python -m benchmarks.gpu.checks --seed 7 --only k-center         # the inputs of an earlier time

Every call draws new inputs; the seed is printed. The exit status is 1 if a check fails.
"""

import argparse
import os
import sys
from pathlib import Path
from time import perf_counter

import torch

from alrun.system import device
from alrun.system.errors import first_line
from benchmarks.gpu import selection_checks, training_checks
from benchmarks.gpu.check import Bench, Check
from benchmarks.machine import add_row

CHECKS = [*selection_checks.CHECKS, *training_checks.CHECKS]


def main() -> None:
    """Print a row per check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--only", help="names of checks, separated by semicolons")
    parser.add_argument("--small", action="store_true", help="small inputs")
    parser.add_argument("--csv", type=Path, help="append the rows to this file as well")
    arguments = parser.parse_args()
    where = device.choose_device(arguments.device)
    if arguments.small:
        torch.set_num_threads(1)  # more threads would wait for one another
    wanted = arguments.only.split(";") if arguments.only else [check.name for check in CHECKS]
    print(f"{device.describe(where)}, torch {torch.__version__}, seed {arguments.seed}")
    verdicts = []
    for check in (check for check in CHECKS if check.name in wanted):
        started = perf_counter()
        found, verdict = judge_check(check, Bench(where, arguments.seed, arguments.small))
        seconds = round(perf_counter() - started, 2)
        verdicts.append(verdict)
        print(
            f"{check.name:<36}{found:>12.3g} of {check.allowed:<8.3g}{verdict} ({check.says}; {seconds} s)", flush=True
        )
        row = {"check": check.name, "measured": check.says, "found": found, "allowed": check.allowed}
        add_row(
            arguments.csv,
            row | {"verdict": verdict, "seed": arguments.seed, "device": device.describe(where), "seconds": seconds},
        )
    sys.exit(any(verdict.startswith("failed") for verdict in verdicts))


def judge_check(check: Check, bench: Bench) -> tuple[float, str]:
    """The measured value, and ``passed``, ``skipped`` or ``failed`` with the reason."""
    if check.needs_gpu and bench.device.type != "cuda":
        return float("nan"), "skipped: needs a GPU"
    try:
        found = check.measure(bench)
    except Exception as error:  # whatever happens on a new device, the other checks run
        return float("nan"), f"failed: {type(error).__name__}: {first_line(error)}"
    finally:
        device.set_precision("tf32")
    return found, "passed" if found <= check.allowed else "failed"


if __name__ == "__main__":
    main()
