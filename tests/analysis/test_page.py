"""The report in a browser: it fits a phone, asks nothing of the network and logs no error."""

import pytest

from alrun.analysis import report, rounds
from tests.analysis.made_runs import make_run
from tests.heavy import browser


@pytest.fixture
def chromium() -> str:
    """The path of Chromium, or a skip."""
    found = browser.browser()
    if found is None:
        pytest.skip("no Chromium is installed (apt-get install chromium)")
    return found


def test_a_report_fits_every_width_and_a_page_that_does_not_is_found_out(tmp_path, chromium):
    runs = [
        make_run(tmp_path / "toy", option, seed, [0.5, 0.6 + seed / 50, 0.7], very_long_setting_of_this_strategy=option)
        for option in ("random", "a_strategy_with_a_very_long_name_indeed")
        for seed in (0, 1)
    ]
    page = report.write_report(rounds.gather(runs), tmp_path / "report", "A title", report.Choices(images=False))
    assert browser.problems(browser.examine(page, chromium)) == []
    bad = page.read_text().replace(
        "</body>", '<div style="width: 1100px">x</div><img src="http://127.0.0.1:9/x"></body>'
    )
    page.write_text(bad)
    found = "\n".join(browser.problems(browser.examine(page, chromium)))
    assert "at 390 px the page is 11" in found
    assert "at 1280 px the page" not in found
    assert "at 390 px it asks for http://127.0.0.1:9/x." in found
