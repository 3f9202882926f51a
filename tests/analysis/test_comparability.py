"""Runs that end early or lack rounds are named, and compared over what all have."""

import pandas as pd
import pytest

from alrun.analysis import comparability, scores
from alrun.analysis.curves import name_curves
from tests.analysis.made_tables import make_table

WHOLE = {("random", seed): (0.1, 0.3, 0.5) for seed in range(3)} | {
    ("badge", seed): (0.1, 0.5, 0.7) for seed in range(3)
}


def test_runs_that_end_early_are_named_and_compared_up_to_there():
    table = make_table(WHOLE | {("badge", 1): (0.1, 0.5)})
    named = name_curves(table)
    (told,) = [note for note in comparability.notes(named) if "end before" in note]
    assert told.startswith(
        "Runs end before 300 labels, where others do (badge seed 1 at 200): mean and final accuracies "
    )
    assert "are compared up to 200 labels" in told
    runs = scores.per_run(named).groupby("curve")[["aubc", "final"]].mean()
    assert runs.loc["random"].tolist() == pytest.approx([0.2, 0.3])
    assert runs.loc["badge"].tolist() == pytest.approx([0.3, 0.5])


def test_runs_with_gaps_are_named():
    table = make_table(WHOLE)
    table = table[~((table["strategy"] == "badge") & (table["seed"] == 1) & (table["round"] == 1))]
    told = [note for note in comparability.notes(name_curves(table)) if "lack rounds" in note]
    assert told == [
        "Runs lack rounds that other repeats have (badge seed 1: 1): their curves are straight there, and tests of a "
        "round use the repeats that have it."
    ]


def test_whole_runs_get_no_such_note():
    assert not [note for note in comparability.notes(name_curves(make_table(WHOLE))) if "Runs" in note]


def test_what_a_spreadsheet_spells_in_another_way_is_one_setting():
    first = make_table(
        {key: WHOLE[key] for key in WHOLE if key[1] < 2}, **{"model.dropout": "0.0", "model.fused": "true"}
    )
    again = make_table(
        {key: WHOLE[key] for key in WHOLE if key[1] == 2}, **{"model.dropout": "0", "model.fused": "TRUE"}
    )
    assert set(name_curves(pd.concat([first, again], ignore_index=True))["curve"]) == {"random", "badge"}
    for missing in ("nan", float("nan")):  # of whatever a table lacks
        assert name_curves(first.assign(**{"model.dropout": missing}))["facet"].nunique() == 1
    other = again.assign(**{"model.dropout": "0.5"})
    assert name_curves(pd.concat([first, other], ignore_index=True))["facet"].nunique() == 2
