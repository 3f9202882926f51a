"""Default budget and training for a user's own data, from the size of the pool and the number of classes."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from omegaconf import DictConfig, OmegaConf

from alrun.settings import data_size
from alrun.settings.data_size import Counted

A_CLASS = (2, 5)  # labels of the seed set: at least, and at most
PART = 10  # a round queries a tenth of the pool ...
MOST, MOST_OF_PEOPLE = 1000, 100  # ... and no more than this if labels are known, or if people give them
ROUNDS = 5
STEPS, PATIENCE = 4000, 200  # of training: at most, and without gain before it stops
EPOCHS = (30, 300)
LARGE = 10_000  # images for which a larger network is worth its time
BLANK = {"seed_size": 1000, "batch_size": 1000, "total": 10000, "max_epochs": 300, "patience": 10}  # as elsewhere
MARK = "${fitted:"
# Settings of training in epochs alone.
OF_EPOCHS = tuple(
    f"training.{name}"
    for name in ("max_epochs", "batch_size", "stop_accuracy", "patience", "min_gain", "restart_below")
)


class Fitted(NamedTuple):
    """Numbers that suit a data set."""

    seed_size: int
    batch_size: int
    total: int
    max_epochs: int
    patience: int


def fitted_number(name: str, cfg: DictConfig) -> int:
    """The value of the setting ``name`` that suits the data of ``cfg``; a general default if they cannot be counted."""
    known = data_size.count_data(cfg)
    if known is None:
        return BLANK[name]
    written = OmegaConf.to_container(cfg.budget, resolve=False)
    assert isinstance(written, dict)
    numbers = {key: written[key] for key in ("seed_size", "batch_size", "total")}
    given = {key: int(cfg.budget[key]) for key, value in numbers.items() if not str(value).startswith(MARK)}
    return getattr(fit_to_data(known, given, cfg.get("validation") or 0, int(cfg.training.batch_size)), name)


def fit_to_data(known: Counted, given: dict[str, int], validation: int = 0, batch: int = 20) -> Fitted:
    """Budget and training for a data set; settings of the budget that are ``given`` stay, the rest adapts to them.

    Args:
        known: The data set.
        given: The settings among ``seed_size``, ``batch_size`` and ``total`` that the user gave.
        validation: Labels that are held out of the pool.
        batch: Examples in a step of training.
    """
    given = {key: max(1, value) for key, value in given.items()}  # less is refused where settings are checked
    few, many = A_CLASS
    batch = max(1, batch)
    pool = max(2, known.pool - validation)
    each = min(many, max(few, pool // (PART * known.classes)))
    seed = min(each * known.classes, max(2, pool // 2))
    if "total" in given:
        seed = max(2, min(seed, (given["total"] - validation) // 2))
    seed = given.get("seed_size", seed)
    queried = min(max(1, pool // PART), MOST_OF_PEOPLE if known.by_people else MOST)
    if "total" in given:
        queried = max(1, (given["total"] - validation - seed) // ROUNDS)
    queried = given.get("batch_size", queried)
    rounds = min(ROUNDS, max(0, pool - seed) // queried)
    total = given.get("total", seed + rounds * queried + validation)
    low, high = EPOCHS
    epochs = min(high, max(low, math.ceil(STEPS * batch / max(1, total))))
    patience = min(epochs, max(BLANK["patience"], math.ceil(PATIENCE / math.ceil(seed / batch))))
    return Fitted(seed, queried, total, epochs, max(2, patience))


def sentence_on_choice(cfg: DictConfig) -> str | None:
    """The settings that were chosen for the data set and why; None if the user set all of them."""
    chosen = []
    for group in ("budget",) if has_no_epochs(cfg) else ("budget", "training"):
        written = OmegaConf.to_container(cfg[group], resolve=False)
        assert isinstance(written, dict)
        chosen += [f"{group}.{key}={cfg[group][key]}" for key, value in written.items() if str(value).startswith(MARK)]
    known = data_size.count_data(cfg)
    if not chosen or known is None:
        return None
    is_small = known.pool >= LARGE and str(cfg.model.get("_target_")).endswith(".SmallCnn")
    network = "; model=resnet18 may be worth its time with this many" if is_small else ""
    return f"not set, and chosen for {known.pool} examples and {known.classes} classes: {' '.join(chosen)}{network}"


def has_no_epochs(cfg: DictConfig) -> bool:
    """Whether the optimizer finds an optimum at once, so that settings of epochs have no effect."""
    return cfg.optimizer.get("_target_") == "alrun.training.convex.Convex"


def sentence_on_unused(cfg: DictConfig, typed: Sequence[str]) -> str | None:
    """The words of a command line that set something of epochs, where there are none; None without such words."""
    unused = [word for word in typed if word.lstrip("+").partition("=")[0] in OF_EPOCHS]
    if not unused or not has_no_epochs(cfg):
        return None
    have = "has" if len(unused) == 1 else "have"
    return f"{' '.join(unused)} {have} no effect: optimizer=convex finds the optimum of model=linear without epochs"


def advise_budget(cfg: DictConfig, size: int) -> str:
    """A budget that suits a pool of ``size`` examples, as settings to type."""
    known = data_size.count_data(cfg) or Counted(size, 10)
    made = fit_to_data(known._replace(pool=size), {}, cfg.get("validation") or 0, int(cfg.training.batch_size))
    return f"budget.seed_size={made.seed_size} budget.batch_size={made.batch_size} budget.total={made.total}"
