"""One thing is, several are; none are."""

import pytest

from alrun.system.counts import counted, is_or_are


@pytest.mark.parametrize(
    ("count", "thing", "sentence"),
    [
        (0, "line", "0 lines are"),
        (1, "line", "1 line is"),
        (2, "line", "2 lines are"),
        (1, "strategy", "1 strategy is"),
        (21, "strategy", "21 strategies are"),
    ],
)
def test_things_and_their_verb_follow_the_count(count, thing, sentence):
    assert f"{counted(count, thing)} {is_or_are(count)}" == sentence
