"""The section on MNIST with few labels, on tables whose means are known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from docs.generate.findings_few_labels import few_labels

SETTINGS = {"dataset": "mnist", "model": "mnist_net", "hardware": "a CPU", "budget.batch_size": "10"}
ROUNDS = ["round", "labeled", "test_accuracy", "train_seconds", "evaluate_seconds", "select_seconds"]


def table(folder, name: str, offsets: dict[str, list[float]], seconds: float, **settings) -> None:
    """Commit runs whose accuracy rises from 50 + offset to 60 + offset %: an offset for each repeat."""
    rows = [
        SETTINGS
        | settings
        | {"run": f"{strategy}-{seed}", "strategy": strategy, "seed": seed, "strategy@strategy.inner": ""}
        | ({"strategy": "subsample", "strategy@strategy.inner": strategy} if settings else {})
        | {"round": number, "labeled": 50 + 10 * number, "test_accuracy": (50 + number + offset) / 100}
        | {"train_seconds": 359.0, "evaluate_seconds": 0.5, "select_seconds": seconds * (number < 10)}
        for strategy, values in offsets.items()
        for seed, offset in enumerate(values)
        for number in range(11)
    ]
    every = pd.DataFrame(rows).assign(schema_version=4)
    (folder / "scratch" / name).mkdir(parents=True)
    runs = every.drop(columns=ROUNDS).drop_duplicates("run")
    runs.to_csv(folder / "scratch" / name / "runs.csv", index=False)
    every[["run", *ROUNDS]].to_csv(folder / "scratch" / name / "rounds.csv", index=False)


def test_strategies_stand_beside_random_sampling_and_table_11(tmp_path):
    assert few_labels(tmp_path / "without", tmp_path) == []
    gains = {"badge": [2.0, 3.0, 2.5], "bald": [-9.0, -9.5, -9.1], "entropy": [-5.0, 0.0, 5.0]}
    random = [0.0, 1.0, 0.5]
    offsets = {name: [a + b for a, b in zip(random, each, strict=True)] for name, each in gains.items()}
    table(tmp_path, "mnist_low", {"random": random, **offsets}, 4.0)
    table(tmp_path, "mnist_low_part", {"deepfool": [7.0]}, 9.0, **{"strategy.candidate_factor": "200"})
    (page,) = few_labels(tmp_path, tmp_path)
    cells = {row[1].strip(): [cell.strip() for cell in row[2:-1]] for line in page.splitlines()
             if len(row := line.split("|")) == 9}  # fmt: skip
    assert list(cells)[-1] == "deepfool"  # it chose among fewer, though it is the most accurate
    assert cells["deepfool"] == ["62.0", "", "67.0", "1", "9.00 s", "1587.5 s"]
    assert cells["badge"][0] == "58.0"  # 55 % on average, 0.5 of random's repeats, and 2.5
    assert cells["badge"][2:] == ["63.0", "3", "4.00 s", "23.3 s"]
    half = stats.t.ppf(0.975, 2) * np.std(gains["badge"], ddof=1) / np.sqrt(3)
    numbers = [float(text.strip("[],")) for text in cells["badge"][1].split()]
    assert numbers == pytest.approx([2.5, 2.5 - half, 2.5 + half], abs=0.006)
    assert "corrected for 3 strategies, better than random: badge; worse: bald." in page
    assert "chose among 2,000 examples" in page.replace("\n", " ")
    assert (tmp_path / "mnist_low.svg").exists()
