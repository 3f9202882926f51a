"""What a strategy is asked: by runs first, and by the trial that checks and tests share."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from alrun.data.dataset import STRANGER
from alrun.models import infer
from alrun.pool.pool import Pool
from alrun.strategies import Needs, Query, Strategy
from alrun.strategies.embeddings import FromFeatures
from alrun.strategies.query import hide_labels
from alrun.system import rng
from alrun.testing.made_queries import make_query

GROUPS = 12


@pytest.fixture
def twins(tmp_path) -> Path:
    """A data set of twins: 12 patterns, with 4 to 15 images of each that differ by little.

    The largest group stays the largest when one of it is labeled: what does not know so takes of it again.
    """
    numbers = np.random.default_rng(0)
    group = numbers.permutation(np.repeat(np.arange(GROUPS), np.arange(4, 4 + GROUPS)))
    patterns = numbers.integers(20, 236, (GROUPS, 8, 8))
    images = (patterns[group] + numbers.integers(-2, 3, (len(group), 8, 8))).astype(np.uint8)
    arrays = {"train_images": images, "train_labels": group % 3, "test_images": images, "test_labels": group % 3}
    np.savez(tmp_path / "twins.npz", **arrays)
    np.save(tmp_path / "group.npy", group)
    return tmp_path


class Projection(nn.Sequential):
    """A stand-in for a pretrained network: a random projection of images of 8x8 pixels."""

    def __init__(self) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            super().__init__(nn.Flatten(), nn.Linear(3 * 8 * 8, 24))


SMALL = (
    *("model=small_cnn", "augmentation=none", "training.max_epochs=1"),
    *("budget.seed_size=4", "budget.batch_size=3", "budget.total=10"),
)
FROZEN = (
    *("embeddings@strategy.embeddings=features", "strategy.embeddings.encoder.size=8"),
    *("pretrained@strategy.embeddings.encoder=module", "paths.features={folder}/features"),
    f"strategy.embeddings.encoder.network._target_={__name__}.Projection",
)
COVERING = {
    "typiclust": (),
    "tcm": (),
    "probcover": ("strategy.radius=0.5",),
    "max_herding": (),
    "uncertainty_herding": (),
}


@pytest.mark.parametrize("strategy", COVERING)
def test_what_has_a_labeled_twin_is_not_queried_while_others_are_uncovered(complete, twins, strategy):
    folder = complete(
        *("dataset=npz", f"dataset.path={twins}/twins.npz", *SMALL, f"strategy={strategy}"),
        *(setting.format(folder=twins) for setting in (*COVERING[strategy], *FROZEN)),
    )
    queries, group = pd.read_csv(folder / "queries.csv"), np.load(twins / "group.npy")
    known = set(group[queries["index"][queries["round"] == 0]])
    for round in (1, 2):
        queried = group[queries["index"][queries["round"] == round]]
        assert len(set(queried)) == 3
        assert not known & set(queried), f"round {round} queried twins of what is labeled"
        known |= set(queried)


class Looks(Strategy):
    """Keeps what it is asked, and takes the first examples."""

    seen: list[Query]
    drawn: list[torch.Tensor]

    def __init__(self, samples: int = 0) -> None:
        self.needs = Needs(dropout_samples=samples)

    def select(self, query: Query) -> torch.Tensor:
        Looks.seen.append(query)
        Looks.drawn.append(torch.rand(50))
        return torch.arange(query.size)


def looks(complete, twins, *overrides: str, name: str = "Looks") -> pd.DataFrame:
    """The queries of a run by a strategy of this file."""
    Looks.seen, Looks.drawn = [], []
    folder = complete(
        *("dataset=npz", f"dataset.path={twins}/twins.npz", *SMALL),
        *("strategy=random", f"strategy._target_={__name__}.{name}", *overrides),
    )
    queries, accuracy = pd.read_csv(folder / "queries.csv"), pd.read_csv(folder / "accuracy.csv")
    return queries.merge(accuracy[["round", "test_accuracy", "train_accuracy"]])


def test_a_run_names_the_labeled_set_in_order_of_labeling_and_hides_all_other_labels(complete, twins):
    queries, labels = looks(complete, twins), np.load(twins / "group.npy") % 3
    for query, queried in zip(Looks.seen, (4, 7), strict=True):
        index = queries["index"][:queried]
        assert query.labeled.index.tolist() == index.tolist()
        assert query.labels.tolist() == labels[index].tolist()
        with pytest.raises(AttributeError, match="must declare"):
            query.labeled.embedding  # noqa: B018
        unlabeled = query.unlabeled.index
        assert len(unlabeled) == len(labels) - queried
        assert query.pool.labels[unlabeled].eq(-1).all()
        assert query.labels_of(unlabeled[:3]).tolist() == [-1] * 3


class Scribbles(Strategy):
    """Alters the pool that it is handed."""

    def select(self, query: Query) -> torch.Tensor:
        query.pool.labels.zero_()
        query.pool.label(query.unlabeled.index[:5])
        return torch.arange(query.size)


def test_what_a_strategy_writes_into_the_pool_reaches_no_one(complete, twins):
    assert looks(complete, twins).equals(looks(complete, twins, name="Scribbles"))


def test_draws_of_query_rng_of_masks_and_of_the_global_generator_are_three_streams(complete, twins, monkeypatch):
    masks, passes = [], infer.dropout_passes

    def watched(*arguments):
        with rng.kept(torch.device("cpu")):
            masks.append(torch.rand(50))
        return passes(*arguments)

    monkeypatch.setattr(infer, "dropout_passes", watched)
    looks(complete, twins, "+strategy.samples=2", "model.dropout=0.5")
    streams = [torch.rand(50, generator=Looks.seen[0].rng), masks[0], Looks.drawn[0]]
    for one in range(3):
        for other in range(one):
            assert not torch.isclose(streams[one], streams[other]).any()
    looks(complete, twins, "+strategy.samples=3", "model.dropout=0.5")
    assert Looks.drawn[0].equal(streams[2]), "what a strategy draws depends on how many masks were drawn before"


class Drawn(FromFeatures):
    """Embeddings by chance, from torch's global generator."""

    def make(self, pool: Pool, chunk: int) -> torch.Tensor:
        return torch.rand(len(pool.images), 3)


def test_embeddings_leave_the_global_generator_the_same_at_first_and_later_uses():
    source, pool = Drawn(), make_query(Looks()).pool
    before = torch.get_rng_state()
    made = source.whole(pool, chunk=8)
    assert torch.get_rng_state().equal(before)
    again = source.whole(pool, chunk=8)
    assert torch.get_rng_state().equal(before)
    assert made.equal(again)
    assert len(made) == len(pool.images)


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([value.double().flatten() for value in model.state_dict().values()])


def test_a_model_is_fitted_to_the_named_labels_alone_and_disturbs_nothing():
    query = make_query(Looks(), labeled=30)
    part, rest = query.labeled.index[:21], query.labeled.index[21:]
    before, state = weights(query.model), torch.get_rng_state()
    fitted = query.fit(part)
    assert torch.get_rng_state().equal(state)
    assert weights(query.model).equal(before)
    assert not weights(fitted).equal(before)
    torch.rand(3)  # what was drawn before is of no importance
    assert weights(query.fit(part)).equal(weights(fitted))
    assert not weights(query.fit(rest)).equal(weights(fitted))
    other = make_query(Looks(), labeled=30, labels=lambda n: torch.zeros(n, dtype=torch.int64))
    assert not weights(other.fit(part)).equal(weights(fitted))
    query.pool.images[rest] = 0
    assert weights(query.fit(part)).equal(weights(fitted))
    assert replace(query).pool.labeled.equal(query.labeled.index)


def test_a_strategy_sees_the_answers_to_what_was_queried_and_never_the_truth():
    answers, truth = torch.tensor([0, STRANGER, 1, 2, 0, 1]), torch.tensor([2, STRANGER, 1, 0, 1, 0])
    pool = Pool(torch.zeros(6, 1, 8, 8, dtype=torch.uint8), answers, truth=truth)
    pool.label(torch.tensor([4, 1, 3]))
    seen = hide_labels(pool)
    assert seen.labels.tolist() == seen.truth.tolist() == [-1, STRANGER, -1, 2, 0, -1]
    assert (seen.labeled.tolist(), seen.strangers.tolist()) == ([4, 3], [1])
    assert pool.labels is answers
    assert pool.truth is truth
