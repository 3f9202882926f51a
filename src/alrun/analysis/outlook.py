"""The section of a report on what more labels would bring."""

import numpy as np
import pandas as pd

from alrun.analysis import forecast
from alrun.analysis.efficiency import Curve
from alrun.analysis.metrics import ACCURACY, PLAIN
from alrun.analysis.page import Section


def outlook_section(named: pd.DataFrame) -> Section:
    """What more labels would bring, by curve: the mean over repeats of what is forecast for each."""
    rows = []
    for name, repeats in named.groupby("curve", sort=False):
        curves = [curve_of(run) for _, run in repeats.groupby("run", sort=False)]
        reasons = [forecast.reason_to_withhold(curve) for curve in curves]
        given = [curve for curve, reason in zip(curves, reasons, strict=True) if reason is None]
        if not given:
            rows.append({"curve": name, "next labels": "", "gain (points)": f"no forecast: {reasons[0]}"})
            continue
        ahead = forecast.next_labels(given[0])
        gains = 100 * np.mean([gain(curve, ahead) for curve in given], axis=0)
        text = f"{gains[0]:+.1f} ({gains[1]:.1f} to {gains[2]:.1f})"
        rows.append({"curve": name, "next labels": f"{ahead:,}", "gain (points)": text})
    text = (
        "What more labels would bring, had the runs gone on: the learning curve of each repeat is extrapolated by "
        "power laws, with an interval that holds nine of ten outcomes of a run (alrun forecast --check compares them "
        "with outcomes); the table has means over repeats."
    )
    return Section("What more labels would bring", text, {}, {"more labels": pd.DataFrame(rows)})


def curve_of(rounds: pd.DataFrame) -> Curve:
    """The learning curve of a run."""
    rounds = rounds.sort_values("round")
    return Curve(PLAIN.x(rounds).to_numpy(float), rounds[ACCURACY.column].to_numpy(float))


def gain(curve: Curve, ahead: int) -> tuple[float, float, float]:
    """Middle and interval of the gain in accuracy by ``ahead`` more labels, as far as a forecast reaches."""
    last = curve.labels[-1]
    found = forecast.predict(curve, np.array([min(last + ahead, forecast.REACH * last)]))
    middle, low, high = (float(values[0] - curve.accuracy[-1]) for values in (found.middle, found.low, found.high))
    return middle, low, high
