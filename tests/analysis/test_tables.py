"""Tables as text."""

import pandas as pd

from alrun.analysis import tables


def test_a_text_that_is_missing_does_not_end_a_report(tmp_path):
    table = pd.DataFrame({"curve": ["a_b", "c"], "pair": ["x|y", None], "p": [0.5, float("nan")]})
    tables.write(table, tmp_path / "table")
    assert (tmp_path / "table.md").read_text().splitlines()[2:] == [r"| a_b | x\|y | 0.5 |", "| c |  |  |"]
    assert r"a\_b & x|y & 0.5 \\" in (tmp_path / "table.tex").read_text()
    assert "nan" not in (tmp_path / "table.tex").read_text()
