"""Hours at the paper's size are those that its tables and text state."""

import pytest

from alrun.analysis.paper import hours

# Table 12, training in rounds 1 and 2 (4,000 and 7,000 labels) and 8 (25,000): entropy and BADGE, reset and update.
ROUND_1, ROUND_2 = (609.2 + 498.8 + 613.1 + 417.7) / 4, (1397.5 + 1212.7 + 1339.1 + 1083.1) / 4


def test_seconds_are_those_of_table_12_and_between_its_rows_on_a_line():
    assert hours.seconds_of_round(4000) == pytest.approx(ROUND_1)
    assert hours.seconds_of_round(5500) == pytest.approx((ROUND_1 + ROUND_2) / 2)
    assert hours.seconds_of_round(1000) == pytest.approx(ROUND_1 / 4)
    assert hours.seconds_of_round(50000) == pytest.approx(2 * hours.seconds_of_round(25000))


def test_a_run_of_table_12_takes_what_the_papers_text_says():
    """8 hours with reset, 7.6 with update (Section 4.8, Appendix F)."""
    labels = [4000, 7000, 10000, 13000, 16000, 19000, 22000, 25000]
    whole = hours.hours_of_run("resnet18", labels, 300)
    assert whole is not None
    assert 7.4 < whole < 8.0
    assert hours.hours_of_run("small_cnn", labels, 150) == pytest.approx(whole / 2)  # stands for ResNet-18
    assert hours.hours_of_run("mnist_net", labels, 300) is None
