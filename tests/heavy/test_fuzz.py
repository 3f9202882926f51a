"""Random configurations and command lines: ``make fuzz`` (EXAMPLES=500 for fewer).

Each is composed, checked and built as a run would be. What is valid must build, and what is not must be refused in one
sentence; an error without one is a bug, and hypothesis reduces its command line to the shortest that shows it.
"""

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings

from tests.heavy.fuzz_cases import command_lines, outcome
from tests.heavy.sizes import size


@pytest.mark.filterwarnings("ignore")
def test_a_random_command_line_builds_or_is_refused_in_one_sentence():
    outcomes: Counter[bool] = Counter()
    wanted = size("EXAMPLES", 2000)
    checks: Any = [*HealthCheck]

    @seed(size("SEED", 0))
    @settings(max_examples=wanted, deadline=None, database=None, suppress_health_check=checks)
    @given(command_lines())
    def fuzz(line: tuple[str, ...]) -> None:
        outcomes[outcome(line) == "built"] += 1

    fuzz()
    print(f"{outcomes.total()} command lines: {outcomes[True]} built, {outcomes[False]} refused in a sentence")
    assert outcomes.total() >= wanted
    assert outcomes[True]
    assert outcomes[False]
