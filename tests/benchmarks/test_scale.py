import csv
import sys

import numpy as np
import pandas as pd
import pytest

from benchmarks import sample_loss, scale, scale_pool
from docs.generate import scale_page


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(scale_pool, "PART", 200)
    monkeypatch.setattr(scale, "LABELED", 50)
    monkeypatch.setattr(scale, "SIZE", 20)


@pytest.fixture
def run(monkeypatch, capsys, small):
    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["scale", *arguments])
        scale.main()
        return capsys.readouterr().out

    return run


def test_a_small_pool_is_the_first_part_of_a_large_one(small, tmp_path):
    scale_pool.make(tmp_path, 600)
    rows, labels = scale_pool.opened(tmp_path, 400)
    assert rows.shape == (400, scale_pool.WIDTH)
    assert rows.dtype == np.float16
    assert np.array_equal(rows[200:], scale_pool.part(1)[0])
    assert np.array_equal(labels, np.concatenate([scale_pool.part(0)[1], scale_pool.part(1)[1]]))


@pytest.mark.parametrize("case", scale.CASES)
def test_every_case_is_a_row(run, small, tmp_path, case):
    scale_pool.make(tmp_path, 400)
    printed = run(case, "--here", "--sizes=400", f"--folder={tmp_path}")
    row = dict(zip(scale.FIELDS, next(csv.reader([printed])), strict=True))
    assert (row["case"], row["n"], row["workers"], row["cache"]) == (case, "400", "1", "cold")
    assert 0.1 < float(row["anon_gb"]) <= float(row["peak_gb"])


def test_a_case_that_is_in_the_file_is_not_measured_again(run, tmp_path):
    path = tmp_path / "scale.csv"
    row = dict.fromkeys(scale.FIELDS, "1") | {"case": "margin", "n": "200", "cache": "cold"}
    pd.DataFrame([row]).to_csv(path, index=False)
    run("margin", "--sizes=200", f"--folder={tmp_path}", "--csv", str(path))
    assert len(pd.read_csv(path)) == 1


def test_what_a_sample_loses_is_told_against_all_examples(monkeypatch, small, capsys, tmp_path):
    arguments = ["--pool=150", "--labeled=10", "--size=5", "--draws=3", "--csv", str(tmp_path / "loss.csv")]
    monkeypatch.setattr(sys, "argv", ["sample_loss", *arguments])
    sample_loss.main()
    loss = pd.read_csv(tmp_path / "loss.csv")
    assert loss["sample"].tolist() == [50, 100, 5]
    assert ((loss["worst"] > 0) & (loss["worst"] <= loss["median"]) & (loss["median"] <= 1)).all()
    assert loss["median"].iloc[-1] < loss["median"].iloc[:-1].min()  # a random selection reaches least


def test_the_page_gives_slopes_and_names_what_was_not_measured():
    rows = [
        {"case": "badge", "n": n, "workers": 1, "cache": "cold", "cpu_seconds": 3e-5 * n**1.05}
        for n in (100_000, 1_000_000)
    ]
    measured = pd.DataFrame(rows).assign(seconds=1.0, load=9.0, peak_gb=1.0, anon_gb=0.5, read_gb=0.1)
    assert scale_page.slope(measured) == pytest.approx(1.05)
    text = scale_page.page(measured, pd.DataFrame([{"way": "random", "n": 1000, "median": 0.57}]))
    assert "| random | 1,000 | 0.57 |" in text
    assert "| 1.05 |" in text
    assert "Not measured yet: margin of 100,000" in text
    assert "badge of 10,000,000" in text
    assert "badge of 100,000," not in text
