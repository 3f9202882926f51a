"""Time the start of interactive commands, beside ``python -c 'import hydra'`` in the same minute.

    make bench-startup

The commands start in turn, several times, and the median counts: other load on the machine slows all of them alike.
The exit status is 1 if ``alrun --help`` takes more than 1.5 times as long as Hydra, or a command imports torch.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter

LIMIT = 1.5  # of --help, in units of importing Hydra
REFERENCE = "import hydra"
COMMANDS = ("--help", "help", "help settings", "status --help", "plan seed=0", "status seed=0", "seed=0 --cfg job")
PROBE = (
    "import atexit, os, sys; atexit.register(lambda: os._exit(9) if 'torch' in sys.modules else None); "
    "sys.argv[0] = 'alrun'; from alrun.__main__ import main; main()"
)


def main() -> None:
    """Print a line per command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=9, help="of every command; the first does not count")
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder:
        rows = [("python -c 'import hydra'", [sys.executable, "-c", REFERENCE])]
        rows += [(f"alrun {words}", [sys.executable, "-m", "alrun", *words.split()]) for words in COMMANDS]
        times: dict[str, list[float]] = {name: [] for name, _ in rows}
        for _ in range(repeats + 1):
            for name, command in rows:
                times[name].append(time_command(command, Path(folder)))
        heavy = [words for words in COMMANDS if imports_torch(words.split(), Path(folder))]
    medians = {name: median(values[1:]) for name, values in times.items()}
    hydra = medians[rows[0][0]]
    print(f"{'command':<28}{'seconds':>8}{'times Hydra':>13}")
    for name, value in medians.items():
        print(f"{name:<28}{value:>8.2f}{value / hydra:>13.2f}")
    for words in heavy:
        print(f"alrun {words} imports torch")
    sys.exit(bool(heavy) or medians["alrun --help"] > LIMIT * hydra)


def time_command(command: list[str], folder: Path) -> float:
    """Seconds that ``command`` takes in ``folder``."""
    started = perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - started


def imports_torch(words: Sequence[str], folder: Path) -> bool:
    """Whether ``alrun`` with these words has imported torch when it ends."""
    command = [sys.executable, "-c", PROBE, *words]
    answer = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
    return answer.returncode == 9


if __name__ == "__main__":
    main()
