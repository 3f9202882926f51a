"""A linear head on all labels beside scikit-learn's: ``make bench-heads ARGS="dataset=cifar10 encoder=..."``.

Both heads are fitted to the features of the whole training split, with the C of optimizer.C, and tested on the test
split. scikit-learn's stops at a tolerance of 1e-8. They must agree within 0.2 points.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from omegaconf import DictConfig
from sklearn.linear_model import LogisticRegression

from alrun.loop.opened import opened
from alrun.settings import targets
from alrun.settings.planned_runs import runs_of_command
from alrun.training import logistic
from benchmarks.machine import add_row

TOLERANCE = 1e-8  # of scikit-learn
POINTS = 0.2  # by which accuracies may differ
COLUMNS = ("data", "network", "train", "test", "dimension", "classes", "C")


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Note the seconds of what is inside."""
    started = perf_counter()
    yield
    seconds[name] = perf_counter() - started


def compared(overrides: Sequence[str]) -> dict[str, object]:
    """A row: the data, and accuracy in percent and seconds of both heads."""
    cfg = runs_of_command(overrides)[0].cfg
    whole = opened(cfg, torch.device("cpu"))
    data, C = whole.data, float(cfg.optimizer.C)
    train, test = (torch.from_numpy(np.array(each, np.float32)) for each in (data.train_images, data.test_images))
    labels, truth = torch.from_numpy(data.train_labels), torch.from_numpy(data.test_labels)
    seconds: dict[str, float] = {}
    with timed(seconds, "alrun"):
        ours = logistic.fit(train, labels, data.classes, C)
    theirs = LogisticRegression(C=C, tol=TOLERANCE, max_iter=100_000)
    with timed(seconds, "scikit-learn"):
        theirs.fit(train.numpy(), labels.numpy())
    accuracy = {
        "alrun": float((ours.logits(test).argmax(1) == truth).double().mean()),
        "scikit-learn": float(theirs.score(test.numpy(), truth.numpy())),
    }
    network = whole.card.get("encoder", {}).get("network", "")
    facts = (data_name(cfg), network, len(train), len(test), train.shape[1], data.classes, C)
    row: dict[str, object] = dict(zip(COLUMNS, facts, strict=True))
    for name in accuracy:
        row |= {f"{name} accuracy %": round(100 * accuracy[name], 3), f"{name} s": round(seconds[name], 2)}
    return row | {"difference": round(100 * abs(accuracy["alrun"] - accuracy["scikit-learn"]), 3)}


def data_name(cfg: DictConfig) -> str:
    """The option of ``dataset=``, or the name of a user's own file or folder."""
    path = cfg.dataset.get("path")
    return Path(path).name if path else str(cfg.hydra.runtime.choices.dataset)


def main() -> None:
    """Print the row, append it to a CSV, and exit with an error if the heads differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--csv", type=Path, help="file to append the row to")
    parser.add_argument("overrides", nargs="+", help="as for alrun: dataset=..., encoder=..., optimizer.C=...")
    given = parser.parse_args()
    targets.allow_typed(given.overrides)
    row = compared(["runtime.device=cpu", *given.overrides])
    print(*(f"{name:<24}{value}" for name, value in row.items()), sep="\n")
    add_row(given.csv, row)
    if float(str(row["difference"])) > POINTS:
        sys.exit(f"The heads differ by more than {POINTS} points.")


if __name__ == "__main__":
    main()
