"""What docs/findings.md measures: a function per finding of the paper, each with its rule for a verdict."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from alrun.analysis import significance
from alrun.analysis.curves import name_curves
from alrun.analysis.intervals import spread, t_interval
from alrun.analysis.scores import common_accuracy, efficiency_at, per_run
from alrun.errors import UserError

LITTLE = 1.0  # percentage points that count as little
ACTIVE = ("entropy", "badge")


class Table:
    """The rounds of many runs, and parts of them by what an experiment changes of CIFAR-10's baseline."""

    def __init__(self, rounds: pd.DataFrame, longer: bool = False) -> None:
        self.rounds = rounds
        share = float(rounds.get("data.examples", pd.Series(["1"])).replace("", "1").iloc[0])
        self.batch = {number: str(round(number * share)) for number in (1000, 3000, 6000)}
        cifar = rounds[rounds["dataset"] == "cifar10"]
        epochs = cifar["training.max_epochs"].astype(int)
        self.base = {
            "dataset": "cifar10",
            "model": "resnet18" if (cifar["model"] == "resnet18").any() else "small_cnn",
            "optimizer": "sgd",
            "augmentation": "crop_flip",
            "redundancy": "none",
            "per_class_cap": "none",
            "seed_set": "random",
            "budget.batch_size": self.batch[3000],
            "training.reset": "true",
            "dss": "none",
            "training.max_epochs": str(epochs.max() if longer else epochs.mode()[0]),
        }

    def longer(self) -> "Table":
        """The runs that train for more epochs than most."""
        return Table(self.rounds, longer=True)

    def part(self, strategies: Sequence[str] | None = ("random", *ACTIVE), **changed: object) -> pd.DataFrame:
        """Rounds with the options of the baseline but for ``changed`` (a list: any of these; None: any).

        Dots of settings are written as two underscores.

        Raises:
            UserError: There are none.
        """
        wanted = self.base | {key.replace("__", "."): value for key, value in changed.items()}
        part = self.rounds
        for column, value in wanted.items():
            if value is not None:
                part = part[part[column].isin(value if isinstance(value, list) else [value])]
        if strategies is not None:
            part = part[part["strategy"].isin(strategies)]
        if part.empty:
            raise UserError("these experiments were not run")
        return part


def mean_of(part: pd.DataFrame, first: int = 0, last: int | None = None) -> pd.Series:
    """Mean accuracy in % over the rounds from ``first`` to ``last`` of every run, by strategy and seed."""
    chosen = part[(part["round"] >= first) & (part["round"] <= (part["round"].max() if last is None else last))]
    return 100 * chosen.groupby(["strategy", "seed"])["test_accuracy"].mean()


def final(part: pd.DataFrame) -> pd.Series:
    """Accuracy in % after the last round, by strategy and seed."""
    return mean_of(part[part["labeled"] == part["labeled"].max()])


def difference(one: pd.Series, other: pd.Series) -> tuple[float, float, float, str]:
    """Mean difference of the pairs of two series, its interval, and these as text."""
    gaps = (one - other).dropna().tolist()
    if len(gaps) < 2:
        raise UserError("fewer than two repeats are there to compare")
    low, high = t_interval(gaps)
    mean = float(np.mean(gaps))
    return mean, low, high, f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"


def sign(low: float, high: float) -> str:
    """Whether an interval says that something is larger."""
    return "agrees" if low > 0 else "disagrees" if high < 0 else "undecided"


def efficiencies(part: pd.DataFrame) -> pd.DataFrame:
    """Labeling efficiency of every run at the accuracy that all of ``part`` reach."""
    named = name_curves(part)
    return efficiency_at(named, common_accuracy(named))


def augmentation(table: Table) -> tuple[str, str]:
    """Finding 1."""
    yes, no = table.part(), table.part(augmentation="none")
    _, low, high, text = difference(final(yes), final(no))
    ratios = [efficiencies(part).query("strategy in @ACTIVE")["efficiency"] for part in (yes, no)]
    texts = [spread(float(each.mean()), float(each.std()), 2) for each in ratios]
    higher = ratios[0].mean() > ratios[1].mean()
    verdict = sign(low, high) if higher or low <= 0 else "agrees for accuracy, not for efficiency"
    return (
        f"final accuracy {text}; efficiency of entropy and BADGE {texts[0]} with, {texts[1]} without",
        f"{verdict} (accuracy: interval above 0; efficiency: larger mean)",
    )


def augmentation_longer(table: Table) -> tuple[str, str]:
    """Finding 1 with more epochs, accuracy alone."""
    longer, strategies = table.longer(), ["random"]
    yes, no = longer.part(strategies), longer.part(strategies, augmentation="none")
    _, low, high, text = difference(final(yes), final(no))
    epochs = [int(each.base["training.max_epochs"]) for each in (table, longer)]
    learned = [100 * each.loc[each["round"] == each["round"].max(), "train_accuracy"].mean() for each in (yes, no)]
    return (
        f"{epochs[1]} epochs instead of {epochs[0]}, random sampling: final accuracy {text}; training accuracy "
        f"{learned[0]:.0f} % with and {learned[1]:.0f} % without",
        f"{sign(low, high)} (interval above 0)",
    )


def optimizer(table: Table) -> tuple[str, str]:
    """Finding 2."""
    _, low, high, text = difference(final(table.part()), final(table.part(optimizer="adam")))
    return f"final accuracy of SGD less that of Adam {text}", f"{sign(low, high)} (interval above 0)"


def badge_over_entropy(part: pd.DataFrame) -> pd.Series:
    """BADGE's mean accuracy over all rounds less entropy's, by seed."""
    accuracy = mean_of(part)
    return accuracy["badge"] - accuracy["entropy"]


def diversity(table: Table) -> tuple[str, str]:
    """Finding 3."""
    gaps = badge_over_entropy(table.part())
    _, low, _, text = difference(gaps, 0 * gaps)
    verdict = "disagrees" if low > 0 else "agrees"
    return f"mean accuracy of BADGE less that of entropy {text}", f"{verdict} (interval not above 0)"


def redundancy(table: Table, kind: str) -> tuple[str, str]:
    """Finding 4."""
    part = table.part(redundancy=kind, budget__batch_size=None)
    gaps = {int(str(factor)): badge_over_entropy(frame) for factor, frame in part.groupby("redundancy.factor")}
    gaps = dict(sorted(gaps.items()))
    texts = [f"×{factor}: {difference(each, 0 * each)[3]}" for factor, each in gaps.items()]
    trend = rising([(math.log(factor), gap) for factor, each in gaps.items() for gap in each])
    _, low, high, _ = difference(gaps[max(gaps)], 0 * gaps[max(gaps)])
    verdict = sign(low, high) if trend[0] > 0 or low <= 0 else "agrees that BADGE is better, not that it grows"
    return (
        f"mean accuracy of BADGE less that of entropy {', '.join(texts)}; "
        f"{trend[0]:+.2f} for each e-fold of redundancy (p = {trend[1]:.2f})",
        f"{verdict} (interval above 0 at the most redundant, rising)",
    )


def rising(points: list[tuple[float, float]]) -> tuple[float, float]:
    """Slope of the line through ``points`` and its two-sided p."""
    x, y = zip(*points, strict=True)
    line: Any = stats.linregress(x, y)
    return float(line.slope), float(line.pvalue)


def per_class(table: Table, dataset: str) -> tuple[str, str]:
    """Finding 5."""
    part = table.part(
        dataset=dataset, per_class_cap=["c1000", "c2000", "c3000"], seed_set=None, budget__batch_size=None
    )
    active = efficiencies(part).query("strategy in @ACTIVE")
    limit = part.drop_duplicates("run").set_index("run")["per_class_cap.limit"].astype(int)
    active = active.assign(limit=active["run"].map(limit)).dropna(subset="efficiency")
    means = active.groupby("limit")["efficiency"].agg(["mean", "std"])
    texts = [
        f"{limit}: {spread(mean, std, 2)}" for limit, (mean, std) in zip(means.index, means.to_numpy(), strict=True)
    ]
    slope, p = rising(list(zip(active["limit"].astype(float) / max(limit), active["efficiency"], strict=True)))
    verdict = ("agrees" if slope > 0 else "disagrees") if p < significance.ALPHA else "undecided"
    return (
        f"efficiency of entropy and BADGE by examples of a class, {', '.join(texts)} (slope p = {p:.2f})",
        f"{verdict} (significant slope upwards)",
    )


def seed_set(table: Table) -> tuple[str, str]:
    """Finding 6."""
    chosen = table.part(seed_set=["facility_location", "facility_location_pixels"])
    half = int(chosen["round"].max()) // 2 + 1
    mean, _, _, text = difference(mean_of(chosen, half), mean_of(table.part(), half))
    verdict = "agrees" if abs(mean) < LITTLE else "disagrees"
    return (
        f"accuracy in the later half of the rounds, facility location less random, {text}",
        f"{verdict} (less than {LITTLE:g} point)",
    )


def batches(table: Table) -> pd.DataFrame:
    """The rounds of all AL batch sizes at the numbers of labels that they share."""
    part = table.part(budget__batch_size=list(table.batch.values()))
    sizes = part.groupby("labeled")["budget.batch_size"].nunique()
    if sizes.max() < len(table.batch):
        raise UserError("these experiments were not run")
    return part[part["labeled"].isin(sizes[sizes == len(table.batch)].index)]


def batch_size(table: Table) -> tuple[str, str]:
    """Finding 6."""
    part = batches(table)
    part = part[part["round"] > 0]
    means = {number: mean_of(part[part["budget.batch_size"] == size]) for number, size in table.batch.items()}
    gaps = {number: difference(means[number], means[3000]) for number in (1000, 6000)}
    verdict = "agrees" if all(abs(gap[0]) < LITTLE for gap in gaps.values()) else "disagrees"
    texts = [f"of {number} less that of 3,000 {gap[3]}" for number, gap in gaps.items()]
    return (
        f"accuracy at common numbers of labels, AL batches {', '.join(texts)} (the paper's numbers, scaled)",
        f"{verdict} (less than {LITTLE:g} point)",
    )


def update_longer(table: Table) -> tuple[str, str]:
    """Finding 7 with more epochs."""
    longer = table.longer()
    text, verdict = update(longer, ["random"])
    return f"{longer.base['training.max_epochs']} epochs, random sampling: {text}", verdict


def update(table: Table, strategies: Sequence[str] = ("random", *ACTIVE)) -> tuple[str, str]:
    """Finding 7."""
    kept, renewed = table.part(strategies, training__reset="false"), table.part(strategies)
    half = int(kept["round"].max()) // 2
    _, low, _, early = difference(mean_of(renewed, 1, half), mean_of(kept, 1, half))
    _, late_low, late_high, late = difference(mean_of(renewed, half + 1), mean_of(kept, half + 1))
    verdict = "agrees" if low > 0 and late_low <= 0 <= late_high else "disagrees"
    return (
        f"accuracy with reset less that with update {early} in rounds 1 to {half}, {late} later",
        f"{verdict} (above 0 early, interval with 0 later)",
    )


def time(table: Table) -> tuple[str, str]:
    """Finding 8, where the time goes."""
    part = table.part()
    sums = part.groupby("strategy")[["train_seconds", "select_seconds", "evaluate_seconds"]].sum()
    shares = 100 * sums["train_seconds"] / sums.sum(axis=1)
    texts = [f"{strategy} {share:.0f} %" for strategy, share in shares.items()]
    verdict = "agrees" if shares.min() > 50 else "disagrees"
    return f"share of training: {', '.join(texts)}", f"{verdict} (more than half for each)"


def subsets(table: Table) -> tuple[str, str]:
    """Finding 8, data subset selection."""
    whole, some = table.part(), table.part(dss="grad_match")
    inner = (some["round"] % 3 != 0) & (some["round"] != some["round"].max())  # the others train on everything
    seconds = [part[part["round"].isin(some[inner]["round"].unique())]["train_seconds"].sum() for part in (whole, some)]
    mean, _, _, text = difference(final(some), final(whole))
    ratio = seconds[0] / seconds[1]
    verdict = "agrees" if ratio > 2 and mean > -LITTLE else "disagrees"
    return (
        f"rounds with GRAD-MATCH train {ratio:.1f} times as fast; final accuracy {text}",
        f"{verdict} (more than twice as fast, loss below {LITTLE:g} point)",
    )


def cell(matrix: pd.DataFrame, row: str, column: str) -> float:
    """The share of the rounds in which the curve ``row`` is better than ``column``."""
    return float(matrix.to_numpy()[matrix.index.get_loc(row), matrix.columns.get_loc(column)])


def cells(part: pd.DataFrame) -> pd.DataFrame:
    """The penalty matrix of the curves of ``part``."""
    named = name_curves(part)
    if named["curve"].nunique() < 2:
        raise UserError("these experiments were not run")
    return significance.penalty_matrix(significance.round_tests(named), list(named["curve"].unique()))


def claim_1(table: Table) -> tuple[str, str]:
    """Appendix G."""
    matrix = cells(table.part(ACTIVE))
    entropy, badge = cell(matrix, "entropy", "badge"), cell(matrix, "badge", "entropy")
    verdict = "agrees" if entropy <= 0.12 and badge == 0 else "disagrees"
    return f"entropy {entropy:.2f} of the rounds, BADGE {badge:.2f}", f"{verdict} (at most 0.12, and 0)"


def claim_2(table: Table) -> tuple[str, str]:
    """Appendix G."""
    matrix = cells(table.part(["entropy"], optimizer=["sgd", "adam"]))
    sgd, adam = (next(name for name in matrix.index if word in name) for word in ("sgd", "adam"))
    share, other = cell(matrix, sgd, adam), cell(matrix, adam, sgd)
    verdict = "agrees" if share > 0.8 else "disagrees" if other > share else "undecided"
    return f"SGD in {share:.2f} of the rounds, Adam in {other:.2f}", f"{verdict} (more than 0.8)"


def within(part: pd.DataFrame) -> dict[str, float]:
    """For every strategy the largest cell among its settings."""
    return {str(name): float(np.nanmax(cells(frame).to_numpy())) for name, frame in part.groupby("strategy")}


def claim_3(table: Table) -> tuple[str, str]:
    """Appendix G."""
    largest = within(batches(table))
    verdict = "agrees" if max(largest.values()) <= 0.2 else "disagrees"
    return f"largest cell {shares(largest)}", f"{verdict} (at most 0.2)"


def claim_4(table: Table) -> tuple[str, str]:
    """Appendix G."""
    largest = within(table.part(seed_set=["random", "facility_location", "facility_location_pixels"]))
    verdict = "agrees" if largest["random"] == largest["badge"] == 0 else "disagrees"
    return f"largest cell {shares(largest)}", f"{verdict} (0 but for entropy)"


def claim_5(table: Table) -> tuple[str, str]:
    """Appendix G."""
    part = table.part(training__reset=["true", "false"])
    largest = within(part[part["round"] > 3])
    verdict = "agrees" if max(largest.values()) == 0 else "disagrees"
    return f"largest cell {shares(largest)}", f"{verdict} (0)"


def shares(largest: dict[str, float]) -> str:
    """Cells by strategy as text."""
    return ", ".join(f"{name} {share:.2f}" for name, share in largest.items())


BASELINES = (
    "Final accuracy in % and, in brackets, labeling efficiency at the accuracy that all runs of the row reach; "
    "mean ± standard deviation over repeats."
)


def baselines(rounds: pd.DataFrame) -> list[dict[str, str]]:
    """A row per data set and network, a column per strategy."""
    plain = rounds[
        (rounds["redundancy"] == "none")
        & (rounds["per_class_cap"] == "none")
        & (rounds["seed_set"] == "random")
        & (rounds["dss"] == "none")
        & (rounds["training.reset"] == "true")
        & (rounds["optimizer"] == "sgd")
        & (rounds["augmentation"] != "none")
    ]
    rows = []
    columns = {"dataset": "data set", "model": "network", "budget.batch_size": "labels a round"}
    columns |= {"training.max_epochs": "epochs"}
    for keys, part in plain.groupby(list(columns), sort=False):
        named = name_curves(part)
        scores = per_run(named).merge(efficiency_at(named, common_accuracy(named))[["run", "efficiency"]], on="run")
        row = {
            "data set": str(keys[0]),
            "network": str(keys[1]),
            "labels a round": str(keys[2]),
            "epochs": str(keys[3]),
        }
        for strategy, frame in scores.groupby("strategy", sort=False):
            accuracy = spread(100 * float(frame["final"].mean()), 100 * float(frame["final"].std()), 1)
            ratio = spread(float(frame["efficiency"].mean()), float(frame["efficiency"].std()), 2)
            row[str(strategy)] = f"{accuracy} ({ratio})"
        rows.append(row)
    return rows
