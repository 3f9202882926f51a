"""Hours at the paper's size are those that its tables and text state."""

import pytest

from alrun.analysis.paper import hours
from alrun.settings.planned_runs import runs_of_command

# Table 12, training in rounds 1 and 2 (4,000 and 7,000 labels) and 8 (25,000): entropy and BADGE, reset and update.
ROUND_1, ROUND_2 = (609.2 + 498.8 + 613.1 + 417.7) / 4, (1397.5 + 1212.7 + 1339.1 + 1083.1) / 4


def test_seconds_are_those_of_table_12_and_between_its_rows_on_a_line():
    assert hours.seconds_of_round(4000) == pytest.approx(ROUND_1)
    assert hours.seconds_of_round(5500) == pytest.approx((ROUND_1 + ROUND_2) / 2)
    assert hours.seconds_of_round(1000) == pytest.approx(ROUND_1 / 4)
    assert hours.seconds_of_round(50000) == pytest.approx(2 * hours.seconds_of_round(25000))


def test_a_run_of_table_12_takes_what_the_papers_text_says_at_every_scale():
    """8 hours with reset, 7.6 with update (Section 4.8, Appendix F), of its rounds 1 to 8; round 0 adds minutes."""
    found = {}
    for scale in ("paper", "small"):
        words = ["experiment=reset_update/cifar10", "strategy=entropy", "seed=0", "model_update=reset"]
        (run,) = runs_of_command([*words, f"scale={scale}"])
        found[scale] = hours.hours_at_paper_size(run.cfg)
    assert 7.4 < found["paper"] - ROUND_1 / 4 / 3600 < 8.0
    assert found["small"] == pytest.approx(found["paper"], rel=0.02)


def test_half_the_epochs_take_half_the_time_and_other_networks_are_not_estimated():
    (run,) = runs_of_command(["experiment=reset_update/cifar10", "strategy=badge", "seed=0", "model_update=reset"])
    whole = hours.hours_at_paper_size(run.cfg)
    run.cfg.training.max_epochs //= 2
    assert hours.hours_at_paper_size(run.cfg) == pytest.approx(whole / 2)
    (run,) = runs_of_command(["experiment=baseline/mnist", "strategy=badge", "seed=0"])
    assert hours.hours_at_paper_size(run.cfg) is None
