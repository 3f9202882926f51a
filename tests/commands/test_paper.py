"""Every experiment of the paper from end to end, at the scale that only tells whether it runs."""

import os
import re
import subprocess
import sys

import pytest

from alrun.runs.run_folder import state
from alrun.settings.planned_runs import of_the_paper


@pytest.mark.timeout(900)
def test_all_experiments_run_to_the_end(real_data, tmp_path):
    """As make paper SCALE=smoke STAND_INS=1, with one strategy: the others have tests of their own."""
    settings = ["scale=smoke", "seed=0", "strategy=badge", "at_once=two"]
    quick = ["runtime.threads=1", "runtime.memory_format=contiguous", "runtime.device=cpu"]
    command = [sys.executable, "-m", "alrun", "paper", "all", "--stand-ins", *settings, *quick]
    answer = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "ALRUN_DATA": str(real_data)}, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr[-3000:] + answer.stdout[-1000:]
    experiments = of_the_paper()
    assert re.findall(r"^experiment=(\S+)", answer.stdout, re.MULTILINE) == experiments
    outcomes = re.findall(r"(\d+) of (\d+) runs are done", answer.stdout)
    assert len(outcomes) == len(experiments)
    assert all(done == asked for done, asked in outcomes)
    runs = list(tmp_path.glob("outputs/runs/*/badge-*"))
    assert len(runs) < sum(int(asked) for _, asked in outcomes)  # sections share some
    assert all(state(run) == "done" for run in runs)
