"""What runs cost: sums of the phases, CO2, and runs that were not measured."""

import pandas as pd
import pytest

from alrun.analysis import costs


def measured(run: str, curve: str, train: list[float], reason: str = "rapl") -> pd.DataFrame:
    columns = {"run": run, "curve": curve, "train_joules": train, "select_joules": 600.0, "evaluate_joules": 150.0}
    return pd.DataFrame(columns).assign(energy_source=reason.split(";")[0], energy=reason, carbon_intensity="500")


def test_energy_is_summed_and_its_co2_follows_from_the_grid():
    table = pd.concat([measured("a", "badge", [3000, 2850]), measured("b", "badge", [3000, 6450])])
    section = costs.energy_section(table)
    row = section.tables["energy"].iloc[0]
    # Two rounds of 600 and 150 J; (5850 + 9450) / 2 = 7650 J of training; 9150 J are 2.54 Wh, at 500 g/kWh 1.27 g.
    assert row.tolist() == ["badge", "7.65", "1.2", "0.3", "2.54", "1.27"]
    assert "measured by rapl:" in section.text
    assert "500 g per kWh" in section.text
    assert "each of several simultaneous runs (at_once) counts the whole device" in section.text
    assert costs.energy_sentence(table) == [
        "2 runs used 5.08 Wh of the devices they ran on, 84 % in training and 13 % in selection; about 2.54 g of CO2."
    ]


def test_a_run_that_was_measured_in_part_does_not_look_cheap():
    table = pd.concat([measured("a", "badge", [3000, 2850]), measured("b", "random", [float("nan"), 10])])
    assert costs.energy_of_runs(table).set_index("run")["joules"].isna().to_dict() == {"a": False, "b": True}
    section = costs.energy_section(table)
    assert section.tables["energy"].set_index("per run").loc["random", "all (Wh)"] == ""
    assert "1 of 2 runs were not measured: a part of the run was not measured." in section.text


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (measured("a", "badge", [float("nan")], "none; no counter"), "Not measured: no counter."),
        (pd.DataFrame({"run": ["a"], "curve": ["badge"]}), "the version that computed these runs did not measure it"),
    ],
    ids=["no counter", "an old table"],
)
def test_why_nothing_was_measured_is_said(table, reason):
    section = costs.energy_section(table)
    assert reason in section.text
    assert not section.tables
    assert costs.energy_sentence(table) == []
