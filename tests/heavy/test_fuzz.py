"""Random configurations and command lines: ``make fuzz`` (ARGS="--examples 500" for fewer).

Each is composed, checked and built as a run would be. What is valid must build, and what is not must be told in one
sentence; an error without one is a bug, and hypothesis reduces its command line to the shortest that shows it.
"""

import argparse
import time
import warnings
from collections import Counter

from hypothesis import HealthCheck, given, seed
from hypothesis import settings as hypothesis_settings

from tests.heavy.fuzz_cases import command_lines, outcome


def main() -> None:
    """Print how many built and how many were told what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    outcomes: Counter[bool] = Counter()
    started = time.perf_counter()

    @seed(arguments.seed)
    @hypothesis_settings(
        max_examples=arguments.examples,
        deadline=None,
        database=None,
        suppress_health_check=[*HealthCheck],  # type: ignore[arg-type]
    )
    @given(command_lines())
    def fuzz(line: tuple[str, ...]) -> None:
        outcomes[outcome(line) == "built"] += 1

    fuzz()
    minutes = (time.perf_counter() - started) / 60
    print(
        f"{outcomes.total()} command lines in {minutes:.1f} minutes: {outcomes[True]} built, {outcomes[False]} refused"
    )
    print("refusals without a sentence: 0")


if __name__ == "__main__":
    main()
