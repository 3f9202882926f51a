"""``make plan``: the hours behind results/, those of what was dropped, and those at the paper's size."""

import pandas as pd
import pytest

from alrun.settings.planned_runs import paper_experiments
from scripts import hours
from tests.analysis.made_tables import make_table, save

CURVES = {("random", seed): (0.5, 0.6, 0.7) for seed in (0, 1)}


def test_hours_are_summed_and_what_no_table_has_was_dropped(tmp_path):
    table = make_table(CURVES).assign(train_seconds=600.0, evaluate_seconds=20.0, select_seconds=10.0)
    save(table, tmp_path / "features" / "redundancy")
    pilots = [("features/redundancy", 5, 1800), ("scratch/redundancy", 3, 7200), ("scratch/subsets", 1, 360)]
    pd.DataFrame(pilots, columns=["experiment", "runs", "seconds"]).to_csv(tmp_path / "pilots.csv", index=False)
    found = hours.spent(tmp_path)
    assert found[0][:2] == ("features/redundancy", 2)
    assert found[0].hours == pytest.approx(6 * 630 / 3600)
    assert found[0][3:] == (3, pytest.approx(1.5))  # three more runs of half an hour
    assert found[1:] == [("scratch/redundancy", 0, 0, 3, 6), ("scratch/subsets", 0, 0, 1, pytest.approx(0.1))]
    (finding,) = (each for each in hours.FINDINGS if each.facet == "batch_size")
    line = hours.row_of(finding._replace(facet="redundancy"), found)
    assert line["runs"], line["dropped"] == (2, 6)
    assert (line["hours"], line["their hours"]) == (f"{6 * 630 / 3600:.1f}", "7.5")
    assert line["runs at scale=paper"] == 27
    assert float(line["their hours there"]) > 27 * 6


def test_all_that_is_committed_has_hours_and_each_finding_asks_for_experiments_of_the_paper():
    assert {each.experiment for each in hours.spent(hours.RESULTS)} >= {"quickstart", "recipe/whole"}
    assert {name for finding in hours.FINDINGS for name in finding.paper} <= set(paper_experiments())
