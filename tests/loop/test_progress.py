from dataclasses import replace

import pytest
import torch

from alrun.loop.progress import Progress, answers_in_words, duration
from alrun.runs.round_record import RoundRecord
from alrun.runs.state import RunState
from alrun.system.energy import Cost
from tests.runs.test_state import RECORD


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (42, "42 s"),
        (89, "89 s"),
        (91, "2 min"),
        (59 * 60, "59 min"),
        (7260, "2 h 01 min"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("opinions", "strangers", "words"),
    [(1, False, "labels"), (1, True, "answers"), (3, False, "answers, 3 on each example")],
)
def test_a_budget_of_answers_is_called_so_where_answers_are_not_labels(opinions, strangers, words):
    assert answers_in_words(opinions, strangers) == words


def trained(round: int, labeled: int, answers: int) -> RoundRecord:
    made = replace(RECORD, round=round, labeled=labeled, answers=answers, epochs=5, select_seconds=0.0)
    return replace(made, train_seconds=answers * 0.1, evaluate_seconds=4.0)


@pytest.mark.parametrize("share", [1, 0.5])
def test_time_left_scales_with_answers_and_rounds(caplog, share):
    """With the selections that are over; the round just evaluated has none yet, which once hid minutes of each."""
    caplog.set_level("INFO")
    progress, sizes, nothing = Progress("badge", rounds=4, max_epochs=5, show=False), [100, 200, 300, 400], Cost()
    state = RunState("data", [torch.arange(100)])
    for round, answers in enumerate((100, 200)):
        progress.start_round(round, answers)
        progress.epoch(5, 0.5)
        state.add_round(trained(round, int(share * answers), answers), {})
        progress.end_round(state.rounds, sizes)
        state.add_query(torch.arange(100), Cost(60.0), nothing)
    assert ("labels  test" in caplog.messages[1]) == (share == 1)
    assert ("100 labels of 200 answers  test" in caplog.messages[1]) == (share < 1)
    # 0.1 s of training an answer: 70 s; evaluation and a selection of two rounds: 128 s.
    assert caplog.messages[1].endswith("test accuracy 50.00 %  (5 epochs, stopped by accuracy, 24 s)  about 3 min left")


def test_each_pass_of_a_query_is_a_bar_of_its_own(caplog):
    caplog.set_level("INFO")
    progress = Progress("badge", rounds=4, max_epochs=5, show=False)
    progress.start_selection(2, 100)
    for _ in range(5):
        progress.passed(50)
    assert [message.split(";")[0] for message in caplog.messages] == [
        "query after round 2: pass 2",
        "query after round 2: pass 3",
    ]
    assert progress.count == 50
    progress.end_selection()
