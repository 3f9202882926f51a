"""A short version of tests/heavy/test_fuzz.py: what comes of random command lines is a run's parts or one sentence."""

import pytest
from hypothesis import HealthCheck, given, settings

from tests.heavy.fuzz_cases import command_lines, outcome


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=25, deadline=None, database=None, suppress_health_check=[*HealthCheck])
@given(command_lines())
def test_a_random_command_line_builds_or_is_refused_in_one_sentence(line):
    outcome(line)


def test_a_valid_line_builds_and_a_wrong_one_is_told():
    assert outcome(("strategy=entropy", "model.width=4")) == "built"
    assert "did you mean" in outcome(("strategy=entropi",))
