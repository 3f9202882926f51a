import csv
import sys

import pytest

from benchmarks import large_pools


@pytest.fixture
def run(monkeypatch, capsys):
    def run(*arguments: str) -> str:
        numbers = ["--pool=300", "--features=6", "--classes=5", "--labeled=50", "--size=10"]
        monkeypatch.setattr(sys, "argv", ["large_pools", *arguments, *numbers])
        large_pools.main()
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize("case", large_pools.CASES)
def test_every_case_is_a_row(run, case):
    row = dict(zip(large_pools.FIELDS, next(csv.reader([run(case, "--here")])), strict=True))
    assert (row["case"], row["n"], row["labeled"], row["size"]) == (case, "300", "50", "10")
    assert float(row["seconds"]) >= float(row["of a pass"])
    assert float(row["peak_gb"]) > 0.1


def test_a_case_that_is_in_the_file_is_not_measured_again(run, tmp_path):
    path = tmp_path / "large.csv"
    row = {name: "1.0" for name in large_pools.FIELDS} | {"case": "margin", "n": "300", "labeled": "50", "size": "10"}
    large_pools.write(path, [row | {"seconds": "12345.6"}])
    assert "12345.6" in run("margin", "--csv", str(path))
    assert len(large_pools.rows_of(path)) == 1
