"""Labels from several opinions: majority beside two models of annotators, by how many labels are right.

    make bench-opinions ARGS="../shared/data/cifar10n/cifar10n_labels.npz dataset=cifar10 encoder=..."

Examples are drawn from the training split. Their opinions become labels by majority as in alrun, by Dawid and Skene's
model (the confusion of each annotator, by expectation maximization) and by CROWDLAB (cleanlab; the annotators beside a
linear head, which predicts each example from four fifths of the others). Then a linear head learns all labels and is
tested on the test split. Beside them: the true labels, and as many answers as the first opinion on more examples
("once"). A column of opinions counts as an annotator. It needs cleanlab: pip install cleanlab.

Source: Dawid and Skene, Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm, Applied
Statistics 1979; Goh, Tkachenko and Mueller, CROWDLAB, 2022.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from alrun.analysis.intervals import t_interval
from alrun.data.dataset import ImageData
from alrun.loop.opened import opened
from alrun.pool.annotator import majority
from alrun.settings import targets
from alrun.settings.planned_runs import runs_of_command
from alrun.training import logistic
from benchmarks.machine import add_row

FOLDS = 5
RULES = ("majority", "dawid_skene", "crowdlab", "truth", "once")


def dawid_skene(opinions: np.ndarray, classes: int, steps: int = 100, smoothing: float = 0.01) -> np.ndarray:
    """The most probable class of each example (m,) by ``opinions`` (k, m), from majority shares on."""
    one_hot = np.eye(classes)[opinions]  # (k, m, C)
    belief = one_hot.mean(0)
    for _ in range(steps):
        prior = belief.mean(0)
        confusion = np.einsum("mc,kmj->kcj", belief, one_hot) + smoothing
        confusion /= confusion.sum(2, keepdims=True)
        logs = np.log(prior + 1e-12) + np.einsum("kmj,kcj->mc", one_hot, np.log(confusion))
        new = np.exp(logs - logs.max(1, keepdims=True))
        new /= new.sum(1, keepdims=True)
        if np.abs(new - belief).max() < 1e-6:
            break
        belief = new
    return belief.argmax(1)


def out_of_sample(x: Tensor, labels: np.ndarray, classes: int, C: float, numbers: np.random.Generator) -> np.ndarray:
    """Probabilities (m, classes) of each example by a head that learned the other folds' ``labels``."""
    probs, part = np.empty((len(labels), classes)), numbers.permutation(len(labels)) % FOLDS
    for fold in range(FOLDS):
        held = torch.from_numpy(part == fold)
        head = logistic.fit(x[~held], torch.from_numpy(labels)[~held], classes, C)
        probs[part == fold] = head.logits(x[held]).softmax(1).numpy()
    return probs


def crowdlab(opinions: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """The consensus labels (m,) of CROWDLAB."""
    from cleanlab.multiannotator import get_label_quality_multiannotator  # pyright: ignore[reportMissingImports]

    found = get_label_quality_multiannotator(opinions.T, probs, verbose=False)["label_quality"]
    return found["consensus_label"].to_numpy()


def compared(given: argparse.Namespace) -> Iterator[dict[str, object]]:
    """A row for each number of examples and rule: accuracy of labels and of a head, in percent, and their gains."""
    cfg = runs_of_command(["runtime.device=cpu", *given.overrides])[0].cfg
    data, C = opened(cfg, torch.device("cpu")).data, float(cfg.optimizer.C)
    test, tested = torch.from_numpy(np.array(data.test_images)), torch.tensor(data.test_labels)
    with np.load(given.file) as arrays:
        opinions = np.stack([arrays[name].astype(np.int64) for name in given.columns])
    for count in given.counts:
        right: dict[str, list[float]] = {rule: [] for rule in RULES}
        learned: dict[str, list[float]] = {rule: [] for rule in RULES}
        for seed in range(given.repeats):
            numbers = np.random.default_rng(seed)
            more = numbers.permutation(len(data.train_labels))[: count * len(opinions)]
            x, truth, asked = part(data, opinions, np.sort(more[:count]))
            labels = {"truth": truth, "majority": majority(asked, data.classes)}
            labels["dawid_skene"] = dawid_skene(asked, data.classes)
            probs = out_of_sample(x, labels["majority"], data.classes, C, numbers)
            labels["crowdlab"] = crowdlab(asked, probs)
            ways = {rule: (x, truth, made) for rule, made in labels.items()}
            x_once, truth_once, first = part(data, opinions[:1], np.sort(more))
            ways["once"] = x_once, truth_once, first[0]
            for rule, (x, truth, made) in ways.items():
                head = logistic.fit(x, torch.from_numpy(made), data.classes, C)
                right[rule].append(100 * float((made == truth).mean()))
                learned[rule].append(100 * float((head.logits(test).argmax(1) == tested).double().mean()))
        for rule in RULES:
            row = {"examples": count, "opinions": len(opinions), "repeats": given.repeats, "rule": rule}
            row |= {"labels right %": round(float(np.mean(right[rule])), 2)} | gain("labels", right, rule)
            yield row | {"test accuracy %": round(float(np.mean(learned[rule])), 2)} | gain("test", learned, rule)


def part(data: ImageData, opinions: np.ndarray, chosen: np.ndarray) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Vectors (m, d), true labels (m,) and opinions (k, m) of the training examples ``chosen`` (m,)."""
    vectors = torch.from_numpy(np.array(data.train_images[chosen], np.float32))
    return vectors, np.array(data.train_labels[chosen], np.int64), opinions[:, chosen]


def gain(name: str, values: dict[str, list[float]], rule: str) -> dict[str, object]:
    """The mean gain over majority in points, and its 95 % interval by Student's t."""
    differences = [a - b for a, b in zip(values[rule], values["majority"], strict=True)]
    low, high = t_interval(differences)
    of = {"gain": float(np.mean(differences)), "low": low, "high": high}
    return {f"{name} {key}": round(value, 2) for key, value in of.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the rows, and append them to a CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--columns", nargs="+", default=["random_label1", "random_label2", "random_label3"])
    parser.add_argument("--counts", nargs="+", type=int, default=[500, 5000], help="examples")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--csv", type=Path, help="file to append the rows to")
    parser.add_argument("file", type=Path, help=".npz with the opinions on the training split")
    parser.add_argument("overrides", nargs="+", help="as for alrun: dataset=..., encoder=..., optimizer.C=...")
    given = parser.parse_args(arguments)
    targets.allow_typed(given.overrides)
    for row in compared(given):
        print(*(f"{name} {value}" for name, value in row.items()), sep="  ")
        add_row(given.csv, row)


if __name__ == "__main__":
    main()
