import io
import os
import subprocess
import sys
import time

import pandas as pd
import pytest

from benchmarks import scale, scale_pool, scale_ray, scale_run
from benchmarks.timed_run import Spent, used_by_all
from docs.generate import scale_ray_section, scale_run_section


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Pools of some hundred vectors, within the process."""
    monkeypatch.setattr(scale_pool, "PART", 400)
    monkeypatch.setattr(scale_pool, "CLASSES", 10)
    monkeypatch.setattr(scale, "SIZE", 20)
    monkeypatch.setattr(scale_run, "LABELED", 20)
    monkeypatch.setattr(scale_run, "ROUNDS", 3)
    monkeypatch.setattr(scale_run, "TEST", 50)
    monkeypatch.setattr(scale_ray, "TEST", 50)
    return tmp_path


class Peaks:
    """As scale.Memory has them at its end."""

    all, anonymous = 1.5, 0.75


def test_parts_of_a_run_add_up_to_the_whole():
    spent = [
        Spent("open", 0, 10.0, 8.0),
        *(Spent("train", round, 2.0, 1.0) for round in (0, 1)),
        *(Spent("fit", round, 3.0, 1.5) for round in (0, 1)),
        Spent("select", 0, 30.0, 20.0),
        *(Spent("write", round, 0.5, 0.25) for round in (0, 0, 1)),
        Spent("all", 0, 50.0, 33.0),
    ]
    table = pd.DataFrame(scale_run.rows(spent, Peaks, "kept", 400, "cold")).set_index("part")  # type: ignore[arg-type]
    assert table["times"].astype(int).to_dict() == {
        "open": 1, "train": 2, "evaluate": 2, "select": 1, "write": 3, "rest": 1, "all": 1,
    }  # fmt: skip
    cpu_seconds = table["cpu_seconds"].astype(float)
    assert cpu_seconds["evaluate"] == 1.0  # fit less train
    assert cpu_seconds["rest"] == 33 - (8 + 3 + 20 + 0.75)
    assert cpu_seconds.drop("all").sum() == cpu_seconds["all"]
    assert (table.loc["all", "peak_gb"], table.loc["open", "peak_gb"]) == ("1.50", "")
    written = pd.concat([table.assign(hash=hash) for hash in scale_run.KEPT]).reset_index().to_csv(index=False)
    text = scale_run_section.section(pd.read_csv(io.StringIO(written)))
    assert "A later run opens in 8.0 processor seconds (10 s of the clock)" in text
    assert "A round takes 21.9 processor seconds: train 1.0, evaluate 0.5, select 20.0, write 0.4" in text


def test_a_whole_run_is_timed_and_what_it_queries_is_what_it_queries_otherwise(small, monkeypatch, capsys):
    folder, outputs = small / "pool", small / "pool-outputs"
    scale_pool.make(folder, 400)
    scale_run.write_test_set(folder)
    monkeypatch.setattr(sys, "argv", ["scale_run", "--size=400", f"--folder={folder}", "--here=first"])
    scale_run.main()
    lines = capsys.readouterr().out.splitlines()[-len(scale_run.PARTS) :]
    assert [line.split(",")[:4] for line in lines] == [
        ["first", "400", part, times] for part, times in zip(scale_run.PARTS, "1332511", strict=True)
    ]
    (queries,) = outputs.glob("runs/*/*/queries.csv")
    assert len(pd.read_csv(queries)) == 60


def test_terms_of_a_selection_come_from_all_its_parts(small):
    scale_ray.make(small, 400)
    for case, parts in (("margin", 1), ("badge", scale_ray.PARTS)):  # scores: one chunk, and no part has less
        rows = pd.DataFrame(scale_ray.terms(small, case, 400)).set_index("term")
        assert rows["times"].astype(int).to_dict() == {"open": 3, "part": parts, "file": parts, "decide": 3}
        assert (rows["cpu_seconds"].astype(float) > 0).all()


def test_processor_seconds_of_others_count_by_their_mark():
    work = "import time\nstart = time.process_time()\nwhile time.process_time() < start + 0.2: pass\nprint(); input()"
    mark = {"ALRUN_TEST_MARK": str(time.monotonic_ns())}
    busy = subprocess.Popen(
        [sys.executable, "-c", work], env={**os.environ, **mark}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert busy.stdout
    busy.stdout.readline()
    (named,) = (f"{key}={value}" for key, value in mark.items())
    assert 0.2 <= used_by_all(named) < 5
    busy.communicate(b"\n")
    assert used_by_all(named) == 0


def test_the_model_of_a_selection_adds_its_terms_up():
    numbers = {"open": 2.0, "task": 0.5, "file": 0.25, "part": 1.0, "decide": 3.0}
    rows = [{"case": "margin", "term": term, "cpu_seconds": value, "workers": 0} for term, value in numbers.items()]
    rows += [{"case": "margin", "term": "start", "cpu_seconds": 6.0 * w, "workers": w} for w in (1, 2)]
    terms = pd.DataFrame(rows)
    assert scale_ray_section.modeled(terms, "margin", 4, 8) == 4 * 2 + 8 * 1.75 + 3
    assert scale_ray_section.value(terms, "margin", "start") == 6  # per worker


def test_the_page_states_what_the_test_of_kills_saw():
    killed = [("run with kills", 7, 3, 0.0), ("run with kills", 20, 22, 0.0), ("embedding, train", 0, 0, 0.0)]
    columns = ["check", "workers_killed", "drivers_killed", "difference"]
    text = scale_ray_section.kills(pd.DataFrame(killed, columns=columns))
    assert "27 workers and 25 drivers killed at random moments in 2 runs" in text
    assert "no process of them was left" not in text
    text = scale_ray_section.kills(pd.DataFrame([*killed, ("no process left", 0, 0, 0.0)], columns=columns))
    assert "no process of them was left" in text
    assert scale_ray_section.section(pd.DataFrame({"case": ["margin"]}), None, None, None).startswith("## On many")
