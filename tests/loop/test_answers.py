"""Runs whose annotator answers "none of these", errs, or is asked several times: budgets, labels, and training."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from alrun.data.dataset import STRANGER
from alrun.data.labels import NONE_OF_THESE
from alrun.loop.components import build_parts, build_pool
from alrun.pool.pool import Pool
from alrun.runs.state import RunState
from alrun.strategies import Query, Strategy
from alrun.system.errors import UserError
from alrun.training.trainer import Trainer
from tests.conftest import SMALL

CPU = torch.device("cpu")
LIMIT = 300


@pytest.fixture
def digits(composed):
    """The pool and the seed set that runs on ``limit=300`` begin with."""
    cfg = composed("runtime.device=cpu", f"limit={LIMIT}", *SMALL)
    return build_pool(cfg, build_parts(cfg, CPU).data, CPU)


def answers_in(folder: Path, digits: tuple[Pool, torch.Tensor], strange: list[int]) -> list[str]:
    """Settings of an annotator who says "none of these" of the examples ``strange``, and the truth of all others."""
    labels = np.full(1297, "0", object)
    rows = np.linspace(0, 1296, LIMIT).astype(int)
    labels[rows] = [str(label) for label in digits[0].truth.tolist()]
    labels[rows[strange]] = NONE_OF_THESE
    pd.DataFrame({"label": labels}).to_csv(folder / "answers.csv", index=False)
    return [f"limit={LIMIT}", "annotator=file", f"annotator.path={folder / 'answers.csv'}"]


@pytest.fixture
def trained_on(monkeypatch) -> list[tuple[list[int], list[int]]]:
    """Examples and labels of every training, as the trainer was given them."""
    seen, fit = [], Trainer.fit

    def spy(self, model, pool, *rest, **others):
        seen.append((pool.labeled.tolist(), pool.labels[pool.labeled].tolist()))
        return fit(self, model, pool, *rest, **others)

    monkeypatch.setattr(Trainer, "fit", spy)
    return seen


@pytest.mark.parametrize("strategy", ["random", "margin"])
def test_strangers_cost_answers_and_are_never_trained_on(complete, digits, tmp_path, trained_on, strategy):
    """Counted by hand from queries.csv; every other example of the pool is a stranger, some of the seed set too."""
    strange = list(range(0, LIMIT, 2))
    folder = complete(*answers_in(tmp_path, digits, strange), f"strategy={strategy}")
    queries, table = pd.read_csv(folder / "queries.csv"), pd.read_csv(folder / "accuracy.csv")
    assert not queries["index"].duplicated().any()
    assert table["answers"].tolist() == table["spent"].tolist() == [20, 40, 60]
    truth = digits[0].truth.tolist()
    for number, (examples, labels) in enumerate(trained_on):
        known = [index for index in queries[queries["round"] <= number]["index"] if index % 2]
        assert examples == known
        assert labels == [truth[index] for index in known]
        assert table["labeled"][number] == len(known) < 20 * (number + 1)
    per_class = pd.read_csv(folder / "per_class.csv")
    assert per_class.groupby("round")["labeled"].sum().tolist() == table["labeled"].tolist()
    assert len(trained_on) == 3


def test_a_round_whose_whole_query_were_strangers_trains_on_the_labels_there_are(
    complete, digits, tmp_path, trained_on
):
    seeds = digits[1].tolist()
    strange = [index for index in range(LIMIT) if index not in set(seeds)]
    folder = complete(*answers_in(tmp_path, digits, strange), "strategy=entropy")
    table = pd.read_csv(folder / "accuracy.csv")
    assert table["answers"].tolist() == [20, 40, 60]
    assert table["labeled"].tolist() == [20, 20, 20]
    assert [examples for examples, _ in trained_on] == [seeds] * 3
    assert (table["epochs"] > 0).all()


def test_one_example_with_a_class_is_trained_on_and_none_is_one_sentence(complete, digits, tmp_path):
    seeds = digits[1].tolist()
    folder = complete(*answers_in(tmp_path, digits, seeds[1:]), "strategy=random")
    assert pd.read_csv(folder / "accuracy.csv")["labeled"][0] == 1
    (tmp_path / "other").mkdir()
    with pytest.raises(
        UserError, match=r"none of the 20 examples queried so far belongs to a class. Raise budget.seed"
    ):
        complete(*answers_in(tmp_path / "other", digits, list(range(LIMIT))), "strategy=random")


class Looks(Strategy):
    """Takes the first examples, and notes what it is shown."""

    def __init__(self) -> None:
        self.seen: list[Query] = []

    def select(self, query: Query) -> torch.Tensor:
        SEEN.append(query)
        return torch.arange(query.size)


SEEN: list[Query] = []


def test_a_strategy_sees_answers_and_is_asked_for_as_many_examples_as_the_answers_allow(complete, composed):
    """Three opinions on each: a batch of 21 answers is 7 examples; what a strategy sees are the answers."""
    SEEN.clear()
    settings = (f"limit={LIMIT}", "annotator=uniform", "annotator.rate=0.6", "annotator.opinions=3")
    settings += ("budget.seed_size=21", "budget.batch_size=21", "budget.total=63")
    folder = complete(*settings, f"strategy._target_={__name__}.Looks")
    table = pd.read_csv(folder / "accuracy.csv")
    assert table["labeled"].tolist() == [7, 14, 21]
    assert table["answers"].tolist() == [21, 42, 63]
    cfg = composed("runtime.device=cpu", *SMALL, *settings)
    pool, _ = build_pool(cfg, build_parts(cfg, CPU).data, CPU)
    assert (pool.labels != pool.truth).any()
    for query in SEEN:
        assert query.size == 7
        assert query.labels.tolist() == pool.labels[query.labeled.index].tolist()
        assert query.pool.truth.tolist() == query.pool.labels.tolist()
        unseen = torch.ones(LIMIT, dtype=torch.bool)
        unseen[query.labeled.index] = False
        assert (query.pool.labels[unseen] == -1).all()


def test_the_same_answers_come_in_every_run_of_a_seed_and_others_with_another(complete):
    """Round 0 is shared by the runs of a seed, and not by runs whose annotator or cost differs."""
    noisy = ("strategy=random", f"limit={LIMIT}", "annotator=uniform", "annotator.rate=0.5")
    rows = {
        name: pd.read_csv(complete(*settings) / "accuracy.csv").iloc[0]
        for name, settings in {
            "random": noisy,
            "margin": (*noisy, "strategy=margin"),
            "costly": (*noisy, "cost.price=2"),
            "perfect": ("strategy=random", f"limit={LIMIT}"),
        }.items()
    }
    assert rows["random"].equals(rows["margin"])
    assert rows["random"]["test_accuracy"] != rows["perfect"]["test_accuracy"]
    assert rows["costly"]["spent"] == 2 * rows["random"]["spent"] == 40


def test_a_run_that_goes_on_has_the_answers_that_it_had(complete, digits, tmp_path, monkeypatch):
    """Stopped after its second query, which holds strangers, and begun again in another process."""
    settings = [*answers_in(tmp_path, digits, list(range(0, LIMIT, 3))), "strategy=margin"]
    whole = complete(*settings, "cost.price=0.5")
    kept = {path.name: path.read_bytes() for path in whole.glob("*.csv")}
    state = RunState.load(whole)
    assert any(index % 3 == 0 for query in state.queries for index in query.tolist())
    (whole / "done").unlink()
    cut = RunState(state.data, state.queries[:2], state.rounds[:1], state.weights, class_names=state.class_names)
    for path in whole.glob("state-*.pt"):
        path.unlink()
    cut.save(whole)
    assert complete(*settings, "cost.price=0.5") == whole
    for name in ("accuracy.csv", "queries.csv", "per_class.csv"):
        assert (whole / name).read_bytes() == kept[name], name


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (
            ["annotator.opinions=3"],
            "budget.seed_size=20 and budget.batch_size=20 count answers, and annotator.opinions=3 takes 3 for each "
            "example: use budget.seed_size=21 budget.batch_size=21,",
        ),
        (["annotator.opinions=40"], "use budget.seed_size=40 budget.batch_size=40,"),
        (["annotator.opinions=5", "budget.batch_size=3"], r"^budget.batch_size=3 .* use budget.batch_size=5,"),
        (["validation=10", "cost.price=2"], "use cost=none cost.price=1"),
    ],
)
def test_budgets_that_do_not_divide_are_one_sentence(complete, overrides, words):
    with pytest.raises(UserError, match=words):
        complete("annotator=uniform", "strategy=random", *overrides)


def test_labels_that_are_held_out_are_true_and_count_as_one_answer_each(complete):
    folder = complete("annotator=uniform", "annotator.rate=0.9", "validation=20", "strategy=random", f"limit={LIMIT}")
    table = pd.read_csv(folder / "accuracy.csv")
    assert table["labeled"].tolist() == table["answers"].tolist() == table["spent"].tolist() == [40, 60]
    assert STRANGER not in table["labeled"].tolist()
