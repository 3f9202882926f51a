"""``make plan``: the hours behind results/, those of what was dropped, and those at the paper's size."""

import pandas as pd
import pytest

from alrun.settings.planned_runs import paper_experiments
from docs.generate.findings_studies import ROOT, STUDIES
from scripts import hours
from tests.analysis.made_tables import make_table, save

PAGE = ROOT / "docs" / "evidence" / "findings.md"
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
    pool = hours.Hours("pools/redundancy", 50, 40.0, 0, 0.0)  # no finding's, though its name ends alike
    (finding,) = (each for each in hours.FINDINGS if each.facet == "redundancy")
    line = hours.row_of(finding, [*found, pool])
    assert (line["runs"], line["dropped"]) == (2, 6)
    assert (line["hours"], line["their hours"]) == (f"{6 * 630 / 3600:.1f}", "7.5")
    assert line["runs at scale=paper"] == 72  # by hand: 2 ways to copy, 4 factors, 3 strategies, 3 repeats
    assert float(line["their hours there"]) > 72


@pytest.fixture(scope="module")
def committed() -> list[hours.Hours]:
    return hours.spent(hours.RESULTS)


def test_all_that_is_committed_has_hours_and_each_finding_asks_for_experiments_of_the_paper(committed):
    assert {each.experiment for each in committed} >= {"quickstart", "recipe/whole"}
    assert {name for names in hours.PAPER.values() for name in names} <= set(paper_experiments())


def sections_of_the_page() -> dict[str, dict[str, str]]:
    """By title of a section of the page of findings that has a table of studies: the cell of hours by study."""
    found = {}
    for text in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        title, _, body = text.partition("\n")
        if "| verdict | hours |" in body:
            rows = [line.strip("| ").split(" | ") for line in body.splitlines() if line.startswith("| ")][1:]
            found[title] = {row[0]: row[-1].strip(" |") if len(row) == 6 else "" for row in rows}
    return found


def test_the_rows_are_the_sections_of_the_page_of_findings_with_its_hours(committed, monkeypatch):
    monkeypatch.setattr(hours, "at_paper_size", lambda _: (0, ""))
    lines = {str(line["finding"]): line for line in (hours.row_of(each, committed) for each in hours.FINDINGS)}
    page = sections_of_the_page()
    assert list(lines) == list(page)
    for finding in hours.FINDINGS:
        tables, expected = [], 0.0
        for study in STUDIES.values():
            path = hours.RESULTS / study.facets.get(finding.facet, "none") / "rounds.csv"
            if path.exists():
                tables.append(pd.read_csv(path))
                stated = page[finding.title][study.title]  # none where a table has no answer yet
                expected += float(stated) if stated else tables[-1][hours.PHASES].to_numpy().sum() / 3600
        runs = pd.concat(tables)["run"].nunique()  # each once
        assert lines[finding.title]["runs"] == runs
        assert float(lines[finding.title]["hours"]) == pytest.approx(expected, abs=0.05 * (len(tables) + 1) + 1e-9)
