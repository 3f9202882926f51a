"""The regimes of docs/guides/which_strategy.md: runs under one condition, and what each strategy gains in them."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from alrun.analysis import result_files as results
from alrun.analysis.curves import REFERENCE
from alrun.analysis.metrics import METRICS
from docs.generate import compare_pools as pools
from docs.generate.compare_strategies import LEAST

FEATURES, SCRATCH = "features", "from scratch"
FEW, MANY = "few labels", "many labels"
CLEAN = "clean pool"
FEW_LABELS = 200  # for each class at the end of the budget: up to here labels are few


class Regime(NamedTuple):
    """Runs of some strategies under one condition."""

    network: str  # FEATURES or SCRATCH
    labels: str  # FEW or MANY
    pool: str  # CLEAN, or what is realistic about it
    data: str
    folder: str  # under results/, or a pattern of several
    only: Callable[[pd.DataFrame], pd.Series] | None = None  # the rounds of the table that belong to it

    @property
    def situation(self) -> str:
        """What a reader knows about a problem of one's own."""
        return f"{self.network}, {self.labels}, {self.pool}"

    @property
    def title(self) -> str:
        """The situation and the data."""
        return f"{self.situation}: {self.data}"


def copies(rounds: pd.DataFrame) -> pd.Series:
    """The rounds of the most redundant pool."""
    factors = rounds["redundancy.factor"].astype(float)
    return factors == factors.max()


def a_fifth(rounds: pd.DataFrame) -> pd.Series:
    """The rounds with a fifth of wrong answers."""
    return rounds["annotator.rate"].astype(float) == pools.RATES["noisy_20"]


def two_fifths(rounds: pd.DataFrame) -> pd.Series:
    """The rounds with two fifths of wrong answers."""
    return rounds["annotator.rate"].astype(float) == pools.RATES["noisy_40"]


REGIMES = {
    "few": Regime(FEATURES, FEW, CLEAN, "CIFAR-10, from 20 labels per class", "strategies/cifar10*"),
    "fewer": Regime(FEATURES, FEW, CLEAN, "CIFAR-10, from ten labels per class", "pools/best_found"),
    "classes": Regime(FEATURES, FEW, CLEAN, "Banking77, 77 classes", "strategies/banking77*"),
    "many": Regime(FEATURES, MANY, CLEAN, "CIFAR-10, from 100 labels per class", "features/baseline"),
    "digits": Regime(SCRATCH, FEW, CLEAN, "digits, small network", "quickstart"),
    "mnist_low": Regime(SCRATCH, FEW, CLEAN, "MNIST, the paper's network", "scratch/mnist_low"),
    "fashion": Regime(SCRATCH, MANY, CLEAN, "Fashion-MNIST, small network", "scratch/baseline"),
    "scratch": Regime(SCRATCH, MANY, CLEAN, "CIFAR-10, ResNet-9", "scratch/cifar10"),
    "mnist": Regime(SCRATCH, MANY, CLEAN, "MNIST, the paper's network", "scratch/mnist"),
    "rare_classes": Regime(FEATURES, FEW, "rare classes", "CIFAR-10, five rare classes", "pools/rare_classes"),
    "long_tail": Regime(FEATURES, FEW, "rare classes", "CIFAR-10, long tail", "pools/long_tail"),
    "open_set": Regime(FEATURES, FEW, "strangers", "CIFAR-10, 40 % of the pool", "pools/open_set"),
    "noisy_people": Regime(FEATURES, FEW, "wrong answers", "CIFAR-10, of people", "pools/noisy_people"),
    "noisy_same_rate": Regime(
        FEATURES, FEW, "wrong answers", "CIFAR-10, at random, as many as people give", "pools/noisy_same_rate"
    ),
    "noisy_20": Regime(FEATURES, FEW, "wrong answers", "CIFAR-10, 20 % at random", "pools/noisy", a_fifth),
    "noisy_40": Regime(FEATURES, FEW, "wrong answers", "CIFAR-10, 40 % at random", "pools/noisy", two_fifths),
    "copies": Regime(FEATURES, FEW, "copies", "CIFAR-10, most images ten times", "pools/redundancy"),
    "text_copies": Regime(
        FEATURES, FEW, "copies", "Banking77, many texts 20 times", "features/banking77_redundancy", copies
    ),
    "redundant": Regime(FEATURES, MANY, "copies", "CIFAR-10, many images 20 times", "features/redundancy", copies),
    "fashion_copies": Regime(
        SCRATCH,
        MANY,
        "copies",
        "Fashion-MNIST, small network, many images 20 times",
        "scratch/redundancy",
        copies,
    ),
    "shift": Regime(FEATURES, FEW, "two domains", "CIFAR-10, half of it gray", "pools/shift"),
}
FEWEST = 3  # repeats of a regime, the paper's number: two have no spread to speak of
Gains = Mapping[str, pd.DataFrame]  # by regime, a row per strategy: gap, low, high (shares), p, holm, repeats


def read(regime: Regime, folder: Path) -> pd.DataFrame | None:
    """The rounds of a regime, with curves named by strategy; None if no table with enough repeats is committed."""
    paths = sorted(path.parent for path in folder.glob(f"{regime.folder}/rounds.csv"))
    if not paths:
        return None
    table = pd.concat(map(results.read_results, paths), ignore_index=True)
    if "answers" not in table:  # the first table has labels alone
        table["answers"] = table["labeled"]
    named = pools.named(table if regime.only is None else table[regime.only(table)], regime.title)
    repeats = named.groupby("curve")["seed"].transform("nunique")
    kept = named[repeats >= min(LEAST, max(FEWEST, repeats.max()))]  # all, where the whole regime has fewer than LEAST
    return kept if REFERENCE in set(kept["strategy"]) else None


def gains(table: pd.DataFrame) -> pd.DataFrame:
    """What each strategy gains over random, mean along the budget; the oracle knows the test labels and is none."""
    return pools.compare(table, METRICS["accuracy"]).drop(index=[REFERENCE, pools.ORACLE], errors="ignore")


def alike(*fields: str) -> list[str]:
    """The regimes with these of their fields."""
    return [name for name, regime in REGIMES.items() if set(fields) <= set(regime[:3])]


def better_of(each: pd.DataFrame) -> pd.DataFrame:
    """The strategies that are better than random, the best first."""
    return each[(each["holm"] < pools.LEVEL) & (each["gap"] > 0)].sort_values("gap", ascending=False)


def worse_of(each: pd.DataFrame) -> pd.DataFrame:
    """The strategies that are worse than random, the worst first."""
    return each[(each["holm"] < pools.LEVEL) & (each["gap"] < 0)].sort_values("gap")


def counted(strategy: str, found: Gains, of: Iterable[str] = tuple(REGIMES)) -> tuple[int, int, int]:
    """In how many regimes a strategy is better than random, worse, and how many have it."""
    having = [found[name] for name in of if name in found and strategy in found[name].index]
    better, worse = (sum(strategy in part(each).index for each in having) for part in (better_of, worse_of))
    return better, worse, len(having)


def gain(each: pd.DataFrame, name: str) -> str:
    """A strategy's gain in points with its interval."""
    mean, low, high = (100 * float(each[column][name]) for column in ("gap", "low", "high"))
    return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"


def spread(strategy: str, found: Gains, of: Iterable[str] = tuple(REGIMES)) -> str:
    """A strategy's lowest and highest gain in some regimes, in points."""
    means = [100 * found[name]["gap"][strategy] for name in of if name in found and strategy in found[name].index]
    ends = list(dict.fromkeys(f"{mean:+.1f}" for mean in (min(means), max(means))))
    return " to ".join(ends)
