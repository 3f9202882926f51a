"""What answers cost: by class, by example, and summed over the rounds of a run."""

import numpy as np
import pandas as pd
import pytest
import torch

from alrun.data.dataset import STRANGER
from alrun.loop.components import build_parts, build_pool
from alrun.pool.annotator import Asked
from alrun.pool.cost import ByClass, FromColumn, OneEach
from alrun.system.errors import UserError

TRUTH = np.array([2, 0, STRANGER, 1, 2, 0])


def asked(names: list[str] | None = None, **about) -> Asked:
    return Asked(TRUTH, np.zeros((6, 2), np.float32), 3, names, **about)


def test_a_class_has_its_price_by_name_or_number_and_so_have_strangers():
    assert OneEach().prices(asked()) is None
    assert OneEach(0.05).prices(asked()).tolist() == [0.05] * 6
    assert ByClass({2: 4.0, "0": 0.5}, other=2.0).prices(asked()).tolist() == [4, 0.5, 2, 2, 4, 0.5]
    named = ByClass({"dog": 4.0, "none of these": 9.0}, price=0.5)
    assert named.prices(asked(["bird", "cat", "dog"])).tolist() == [2, 0.5, 4.5, 0.5, 2, 0.5]
    held_out = ByClass({4: 7.0, 2: 100.0}).prices(asked(numbers=(0, 3, 4), strange={1: "b", 2: "c"}))
    assert held_out.tolist() == [7, 1, 1, 1, 7, 1]
    with pytest.raises(UserError, match="there is no class cow"):
        ByClass({"cow": 1.0}).prices(asked(["a", "d", "e"], numbers=(0, 3, 4), strange={1: "b", 2: "c"}))
    assert ByClass({"c": 9.0}).prices(asked(["a", "d", "e"], numbers=(0, 3, 4), strange={1: "b", 2: "c"})).max() == 1
    with pytest.raises(UserError, match="there is no class cow: name bird, cat, dog, or 'none of these'"):
        ByClass({"cow": 1.0}).prices(asked(["bird", "cat", "dog"]))
    with pytest.raises(UserError, match="there is no class 3: name 0 to 2"):
        ByClass({3: 1.0}).prices(asked())


def test_an_example_costs_what_a_file_says_of_its_row(tmp_path):
    pd.DataFrame({"seconds": [3.5, 1, 0, 10], "who": list("abca")}).to_csv(tmp_path / "t.csv", index=False)
    path, rows = str(tmp_path / "t.csv"), np.array([3, 0, -1, 1, 2, 3])
    prices = FromColumn(path, "seconds", other=6.0, price=0.5).prices(asked(rows=rows))
    assert prices.tolist() == [5, 1.75, 3, 0.5, 0, 5]
    with pytest.raises(UserError, match=r"has the columns seconds, who: name one by cost.column="):
        FromColumn(path).prices(asked(rows=rows))
    with pytest.raises(UserError, match="column who holds 'a', which is not an amount"):
        FromColumn(path, "who").prices(asked(rows=rows))


def test_a_run_adds_up_the_prices_of_all_that_it_queried_the_seed_set_included(composed, complete, tmp_path):
    """Against a plain sum over queries.csv, with several opinions on each example; training is as without a cost."""
    seconds = np.random.default_rng(0).gamma(2, 3, 1297)
    np.save(tmp_path / "seconds.npy", seconds)
    settings = ("strategy=margin", "limit=300", "annotator=uniform", "annotator.rate=0.2", "annotator.opinions=2")
    costly = complete(*settings, "cost=column", f"cost.path={tmp_path / 'seconds.npy'}", "cost.price=0.25")
    free = complete(*settings)
    assert costly != free
    assert (costly / "queries.csv").read_bytes() == (free / "queries.csv").read_bytes()
    rows = np.linspace(0, 1296, 300).astype(int)
    queries = pd.read_csv(costly / "queries.csv")
    table, before = pd.read_csv(costly / "accuracy.csv"), pd.read_csv(free / "accuracy.csv")
    total = 0.0
    for number, query in queries.groupby("round"):
        total += sum(2 * 0.25 * seconds[rows[index]] for index in query["index"])
        assert table["spent"][number] == pytest.approx(total, rel=1e-12)
    assert table["labeled"].tolist() == [10, 20, 30]
    assert table["answers"].tolist() == before["answers"].tolist() == before["spent"].tolist() == [20, 40, 60]
    assert table["test_accuracy"].tolist() == before["test_accuracy"].tolist()


def test_a_class_that_is_mistaken_costs_what_it_truly_is(composed):
    settings = ("runtime.device=cpu", "limit=200", "budget.seed_size=20", "budget.batch_size=20", "budget.total=60")
    noisy = composed(*settings, "annotator=uniform", "annotator.rate=1.0", "cost=class", "cost.by_class={3: 5}")
    cpu = torch.device("cpu")
    pool, _ = build_pool(noisy, build_parts(noisy, cpu).data, cpu)
    assert pool.prices.tolist() == [5.0 if label == 3 else 1.0 for label in pool.truth.tolist()]


class OwnPrices:
    """A cost of a user's own, which says these prices."""

    def __init__(self, count: int, last: str) -> None:
        self.found = [1] * (count - 1) + [last]

    def prices(self, asked: Asked) -> list:
        return self.found


@pytest.mark.parametrize(
    ("count", "last", "words"),
    [
        (2, "1", r"cost: prices has the shape \(2,\), and must be \(300,\)"),
        (300, "-1", "cost: prices holds numbers below 0"),
        (300, "nan", "cost: prices holds numbers below 0 or that are not finite"),
        (300, "much", "cost: prices are no numbers .*could not convert string to float: 'much'"),
    ],
)
def test_prices_of_a_users_own_that_are_none_are_refused(composed, count, last, words):
    cfg = composed("runtime.device=cpu", "limit=300", "budget.seed_size=20", "budget.total=60")
    data = build_parts(cfg, torch.device("cpu")).data
    cfg.cost = {"_target_": f"{__name__}.OwnPrices", "count": count, "last": last}
    with pytest.raises(UserError, match=words):
        build_pool(cfg, data, torch.device("cpu"))
    cfg.cost.last, cfg.cost.count = "3.5", 300
    assert build_pool(cfg, data, torch.device("cpu"))[0].prices.tolist() == [1.0] * 299 + [3.5]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["cost=class", "cost.by_class={3: -1}"], "cost.by_class=.* is not possible"),
        (["cost.price=0"], "cost.price=0 is not possible"),
        (["cost=column", "cost.path=nowhere.npy"], "cost.path=nowhere.npy: there is no such file"),
    ],
)
def test_what_cannot_be_a_cost_is_one_sentence(composed, overrides, words):
    cfg = composed("runtime.device=cpu", "limit=200", "budget.seed_size=20", "budget.total=60", *overrides)
    cpu = torch.device("cpu")
    with pytest.raises(UserError, match=words):
        build_pool(cfg, build_parts(cfg, cpu).data, cpu)
