"""The section on what more labels would bring."""

import numpy as np
import pandas as pd

from alrun.analysis import forecast, outlook

LABELS = np.arange(100, 900, 100)


def repeats(name: str, exponent: float, count: int = 2) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"curve": name, "run": f"{name}{k}", "round": range(8), "labeled": LABELS}) for k in range(count)
    ]
    return pd.concat([part.assign(test_accuracy=0.95 - 4 * LABELS**-exponent) for part in parts])


def test_each_curve_has_the_mean_of_the_forecasts_of_its_repeats_or_a_reason():
    short = repeats("short", 0.5).query("round < 3")
    table = outlook.outlook_section(pd.concat([repeats("slow", 0.5), short])).tables["more labels"]
    assert table["curve"].tolist() == ["slow", "short"]
    (curve,) = [outlook.curve_of(run) for _, run in repeats("slow", 0.5, 1).groupby("run")]
    found = forecast.predict(curve, np.array([1200.0]))
    gain = [100 * (values[0] - curve.accuracy[-1]) for values in (found.middle, found.low, found.high)]
    assert table["next labels"].tolist() == ["400", ""]
    assert table["gain (points)"][0] == f"{gain[0]:+.1f} ({gain[1]:.1f} to {gain[2]:.1f})"
    assert table["gain (points)"][1] == "no forecast: it needs 5 rounds, and there are 3"
