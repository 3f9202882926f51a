"""``runtime.memory_gb``: streamed queries are answered as others, and what does not fit is refused before training."""

import weakref
from dataclasses import replace

import pytest
import torch

from alrun.models import infer
from alrun.models.linear import Linear
from alrun.models.outputs import Needs
from alrun.pool.pool import Pool
from alrun.selection import cells, k_center
from alrun.strategies import memory
from alrun.strategies.badge import Badge
from alrun.strategies.bait import Bait
from alrun.strategies.bald import Bald
from alrun.strategies.base import ScoreStrategy, Strategy
from alrun.strategies.coreset import Coreset
from alrun.strategies.embeddings import FromClassifier, FromFeatures
from alrun.strategies.memory import bytes_of, part_of_pool
from alrun.strategies.more.cluster_margin import ClusterMargin
from alrun.strategies.more.clusters import KMeansPlusPlus, KMeansSampling
from alrun.strategies.more.dropquery import DropQuery
from alrun.strategies.more.herding import MaxHerding, UncertaintyHerding
from alrun.strategies.more.partitioned import Partitioned
from alrun.strategies.more.power import Power
from alrun.strategies.more.submodular import Submodular
from alrun.strategies.more.subsample import Subsample
from alrun.strategies.probcover import ProbCover
from alrun.strategies.query import Query, build_query
from alrun.strategies.random import Random
from alrun.strategies.typiclust import TypiClust
from alrun.strategies.uncertainty import Entropy, LeastConfidence, Margin
from alrun.system.device import Stopwatch
from alrun.system.errors import SettingError
from alrun.training.convex import Convex
from alrun.training.stop_rule import TrainResult

COUNT, SIZE, CHUNK, CLASSES, WIDTH = 300, 20, 8, 5, 6
DRAWS = torch.Generator().manual_seed(0)
ROWS = torch.randn(COUNT, WIDTH, generator=DRAWS).half()
STREAMED: dict[str, Strategy] = {
    "random": Random(),
    "margin": Margin(),
    "entropy": Entropy(),
    "least_confidence": LeastConfidence(),
    "power": Power(Entropy()),
    "badge": Badge(),
    "coreset": Coreset(),
    "kmeans": KMeansSampling(nearby=3),
    "kmeans_plus_plus": KMeansPlusPlus(),
    "subsample": Subsample(MaxHerding(FromClassifier()), 4.0),
    "partitioned": Partitioned(Badge(), 5),
    "herding by features": UncertaintyHerding(FromFeatures()),
}
KEPT: dict[str, Strategy] = {
    "max_herding": MaxHerding(FromClassifier()),
    "uncertainty_herding": UncertaintyHerding(FromClassifier(normalize=False)),
    "typiclust": TypiClust(FromClassifier()),
    "probcover": ProbCover(FromClassifier(), radius=0.5),
    "dropquery": DropQuery(),
    "cluster_margin": ClusterMargin(),
}
STREAMED |= KEPT


def query_of(strategy: Strategy, streamed: int | None) -> Query:
    pool = Pool(ROWS, torch.arange(COUNT) % CLASSES, torch.arange(0, 60, 3))
    model = Linear(WIDTH, CLASSES)
    torch.nn.init.normal_(model.head.weight, generator=torch.Generator().manual_seed(1))
    trainer, watch = Convex(lambda rows: rows.float(), CHUNK), Stopwatch(pool.device)
    trained = TrainResult(1.0, 1, 1, "optimum", 0.0)
    return build_query(
        strategy.needs, SIZE, pool, model, trained, trainer, lambda: model, 0, 0, watch, streamed=streamed
    )


@pytest.mark.parametrize("name", STREAMED)
@pytest.mark.parametrize("part", [CHUNK, 5 * CHUNK, 100 * CHUNK])
def test_a_streamed_query_is_answered_as_one_in_memory(name, part):
    strategy = STREAMED[name]
    expected, scores = strategy.choose(query_of(strategy, None))
    chosen, found = strategy.choose(query_of(strategy, part))
    assert chosen.equal(expected)
    assert (found is None) == (scores is None)
    if found is not None and scores is not None:
        assert found.equal(scores)


@pytest.mark.parametrize("name", STREAMED)
def test_no_more_examples_are_in_memory_than_it_says(name, monkeypatch):
    strategy, record, seen = STREAMED[name], infer.record, []
    monkeypatch.setattr(infer, "record", lambda *given: seen.append(len(given[2])) or record(*given))
    monkeypatch.setattr(k_center, "FRONT", 64)
    monkeypatch.setattr(cells, "SAMPLE", 2)
    query = query_of(strategy, 2 * CHUNK)
    seen.clear()
    strategy.select(query)
    few = max(10 * SIZE, strategy.held(COUNT, SIZE))  # candidates are more than a query
    assert max(seen, default=0) <= few


@pytest.mark.parametrize("name", KEPT)
def test_one_pass_keeps_of_all_only_what_it_says(name, monkeypatch):
    strategy, record, alive, passed, most = KEPT[name], infer.record, set(), [], [0]

    def watched(model, images, index, needs, *rest):
        outputs = record(model, images, index, needs, *rest)
        if int(index[0]) in unlabeled:
            passed.append(len(index))
            for part in outputs.fields.values():
                alive.add(id(part))
                weakref.finalize(part, alive.discard, id(part))
            most[0] = max(most[0], len(alive))
        return outputs

    assert part(strategy, COUNT, None) is not None  # parts, in one pass, however much memory there is
    query = query_of(strategy, 2 * CHUNK)
    unlabeled = set(query.unlabeled.index.tolist())
    monkeypatch.setattr(infer, "record", watched)
    strategy.select(query)
    assert sum(passed) == len(unlabeled)
    assert len(passed) > 10
    assert most[0] <= 2 * (strategy.needs.embedding + strategy.needs.log_probs)  # of a part, and of the one before


class Own(UncertaintyHerding):
    """A user's: it looks at the log-probabilities of all."""

    def select(self, query: Query) -> torch.Tensor:
        """As it was before outputs came in parts."""
        return query.unlabeled.log_probs.amax(1).argsort()[: query.size]


def test_ones_own_way_of_choosing_gets_all_outputs():
    assert Own(FromClassifier()).kept() is None
    assert part(Own(FromClassifier()), 1000, None) is None


def test_memory_is_counted_by_what_is_kept():
    herding, own = UncertaintyHerding(FromClassifier(), memory=0), Own(FromClassifier(), memory=0)
    graph = 17 * 64 * 10**6  # of the 64 nearest of each, 17 bytes for each of these
    of_all = (
        memory.PROGRAM + 120 * 10**6 + 3 * 4 * 384 * 10**6 + graph
    ) / 1e9  # 6.5; with 1,000 log-probabilities 18.5
    assert part(herding, 10**6, of_all + 0.01) is not None
    with pytest.raises(SettingError, match=f"which takes about {of_all:.1f} GB"):
        part(herding, 10**6, of_all - 0.01)
    with pytest.raises(SettingError, match=r"which takes about 18\.5 GB"):
        part(own, 10**6, of_all + 0.01)


class Mine(Margin):
    """A user's: it chooses in a way of its own, from all outputs."""

    def score(self, query: Query) -> torch.Tensor:
        """Standardized over the pool."""
        scores = self.uncertainty(query.unlabeled.log_probs)
        return (scores - scores.mean()) / scores.std()


def test_what_a_class_of_ones_own_needs_is_not_known():
    assert Mine().held(COUNT, SIZE) == COUNT
    assert part(Mine(), 1000, None) is None
    assert part(Mine(), 1000, 4) is None
    assert Power(Mine()).held(COUNT, SIZE) == COUNT


class Alone(ScoreStrategy):
    """A user's, of which each score depends on one example: it need not say twice that one pass is enough."""

    each_alone = True
    needs = Needs(log_probs=True)

    def score(self, query: Query) -> torch.Tensor:
        """The lowest log-probability."""
        return torch.cat([part.log_probs.amin(1) for part in query.unlabeled.parts()])

    def held(self, count: int, size: int) -> int:
        """None."""
        return 0


def test_scores_of_examples_alone_take_one_pass_where_no_outputs_are_held():
    for strategy in (Alone(), Power(Alone()), Random()):
        assert part(strategy, 1000, None) is not None
    assert part(Bald(), 1000, None) is None  # each score is of one example, and masks are drawn for all
    assert part(KMeansPlusPlus(), 1000, None) is None  # several passes
    query = query_of(Alone(), CHUNK)
    assert Alone().select(query).equal(Alone().select(query_of(Alone(), None)))


def test_random_reads_nothing(monkeypatch):
    monkeypatch.setattr(infer, "record", None)
    Random().select(query_of(Random(), CHUNK))


def part(strategy: Strategy, count: int, memory_gb: float | None, other: float = 0) -> int | None:
    return part_of_pool(strategy, "mine", count, 1000, 1000, 384, 1000, memory_gb, other)


def test_what_fits_is_held_and_scores_never_are():
    assert part(Badge(), 100_000, None) is None
    assert part(Badge(), 100_000, 4) is None  # 0.55 GB of outputs
    assert part(Badge(), 10_000_000, 4) is not None
    assert part(Badge(), 100_000, 4, other=3e9) is not None
    assert part(Submodular(), 10_000_000, None) is None
    for memory_gb in (None, 4):
        assert part(Margin(), 1000, memory_gb) is not None
    assert part(Margin(dropout_samples=3), 1000, None) is None


def test_parts_are_whole_chunks_that_fit():
    rows = part(Badge(), 10_000_000, 4)
    assert rows is not None
    assert rows % 1000 == 0
    left = 4e9 - memory.PROGRAM - memory.EXAMPLE * 1e7
    assert 0.5 * left * memory.SHARE < rows * bytes_of(Badge.needs, 1000, 384) <= left * memory.SHARE
    assert part(Margin(), 1000, None) == memory.PART // 4000 // 1000 * 1000


def test_bytes_of_outputs_are_those_of_the_tensors():
    for needs in (
        Needs(log_probs=True),
        Needs(embedding=True),
        Needs(gradient=True),
        Needs(gradient=True, log_probs=True),
        Needs(log_probs=True, embedding=True),
    ):
        query = query_of(replace_needs(needs), None)
        tensors = query.unlabeled._fields.values()
        assert sum(each.nbytes for each in tensors) == len(query.unlabeled) * bytes_of(needs, CLASSES, WIDTH)


def replace_needs(needs: Needs) -> Strategy:
    strategy = Random()
    strategy.needs = replace(needs)
    return strategy


def test_what_cannot_keep_within_memory_is_refused_with_an_alternative():
    with pytest.raises(SettingError) as refused:
        part(MaxHerding(FromClassifier()), 10_000_000, 4)
    text = str(refused.value)
    assert text.startswith("runtime.memory_gb=4: strategy=mine holds outputs of 10000000 examples together")
    assert "strategy=subsample strategy@strategy.inner=mine" in text
    # 10 examples for each label are compared: 0.8 GB at most, though the strategy might take 2.
    assert part(Subsample(MaxHerding(FromClassifier())), 10_000_000, 4) is not None
    with pytest.raises(SettingError, match=r"outputs of 10000 examples together, which takes about 10\.5 GB"):
        part(Subsample(Bait()), 10_000_000, 4)
    with pytest.raises(SettingError, match=r"10000000 examples need 1\.9 GB .* alone: raise it to 2\.2"):
        part(Margin(), 10_000_000, 1)
    part(Margin(), 10_000_000, 2.2)
