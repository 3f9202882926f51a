"""What holds for every ``strategy=`` option, also on pools that leave nothing to choose by."""

import copy
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig

from alrun.pool.pool import Pool
from alrun.settings import factory
from alrun.strategies import Strategy
from alrun.strategies.embeddings import FromFeatures
from alrun.testing.contract import problems
from tests.strategies.queries import identical_images, images_in_fives, make_query

OPTIONS = sorted(path.stem for path in (Path(__file__).parents[2] / "conf" / "strategy").glob("*.yaml"))
FUNCTIONS = {
    "submodular": ("graph_cut", "log_determinant", "feature_based", "disparity_min", "disparity_sum"),
    "smi": ("flvmi", "gcmi", "logdetmi", "com"),
    "conditional_gain": ("gccg", "logdetcg"),
    "conditional_mutual_information": ("logdetcmi",),
}
SHORT = {  # of training and of search, whose length does not matter here
    "vaal": "strategy.iterations=3 strategy.width=4 strategy.batch_size=8",
    "learning_loss": "strategy.epochs=3",
    "discriminative": "strategy.epochs=3 strategy.width=8",
    "deepfool": "strategy.max_iterations=3",
    "bim": "strategy.max_iterations=5",
    "best_found": "strategy.searched=5",
}
CASES = [
    *(f"strategy={option} {SHORT.get(option, '')}".strip() for option in OPTIONS),
    *(f"strategy={option} strategy.function={name}" for option, names in FUNCTIONS.items() for name in names),
    "strategy=entropy strategy.dropout_samples=3",
    "strategy=bait strategy.fisher=exact",
    "strategy=glister strategy.validation=labeled strategy.refresh_every=4",
    "strategy=grad_match strategy.target=labeled",
    "strategy=conditional_gain strategy.private_classes=strangers",
    "strategy=conditional_mutual_information strategy.query_classes=all strategy.private_classes=strangers",
    "strategy=submodular strategy.neighbors=5",
    "strategy=submodular strategy.epsilon=0.1",
    "strategy=submodular strategy.representation=gradient strategy.memory=0",
]


COMPOSED: dict[str, DictConfig] = {}


@pytest.fixture
def strategy(request, composed) -> Strategy:
    if request.param not in COMPOSED:
        COMPOSED[request.param] = composed(*request.param.split()).strategy
    return factory.build(COMPOSED[request.param], "strategy")


def check(strategy: Strategy, **given) -> None:
    query = make_query(strategy, **given)
    before = copy.deepcopy(query.model.state_dict())
    modes = [module.training for module in query.model.modules()]
    wanted = [parameter.requires_grad for parameter in query.model.parameters()]
    positions = strategy.select(query)
    assert positions.dtype == torch.int64
    assert len(positions.unique()) == query.size == len(positions)
    assert 0 <= int(positions.min()) <= int(positions.max()) < len(query.unlabeled)
    assert all(value.equal(before[name]) for name, value in query.model.state_dict().items())
    assert modes == [module.training for module in query.model.modules()]
    assert wanted == [parameter.requires_grad for parameter in query.model.parameters()]
    assert all(parameter.grad is None for parameter in query.model.parameters())
    assert torch.is_grad_enabled()
    assert positions.equal(strategy.select(make_query(strategy, **given)))


@pytest.mark.parametrize("strategy", CASES, indirect=True)
@pytest.mark.parametrize("size", [1, 20, 110])
def test_distinct_positions_the_same_for_the_same_seed_and_a_model_as_before(strategy, size):
    check(strategy, size=size)


@pytest.mark.parametrize("strategy", CASES, indirect=True)
@pytest.mark.parametrize("images", [identical_images, images_in_fives], ids=lambda images: images.__name__)
def test_images_that_repeat_are_selected_once_each(strategy, images):
    check(strategy, size=30, n=60, images=images)


@pytest.mark.parametrize("strategy", CASES, indirect=True)
def test_two_labels_and_one_example_to_choose_from(strategy):
    check(strategy, size=1, n=5, labeled=2)
    check(strategy, size=2, n=4, labeled=2)
    check(strategy, size=1, n=11, labeled=10)


def projected(_: FromFeatures, pool: Pool, index: torch.Tensor) -> torch.Tensor:
    """What an encoder might make of some of the pool's images: a random projection."""
    return (
        pool.images[index.cpu()].flatten(1).float()
        @ torch.randn(64, 6, generator=torch.Generator().manual_seed(0))
        / 255
    )


@pytest.mark.parametrize("option", ["features", "classifier"])
@pytest.mark.parametrize("name", ["typiclust", "tcm", "probcover", "max_herding", "uncertainty_herding"])
def test_every_promise_is_kept_with_embeddings_of_every_kind(composed, monkeypatch, name, option):
    monkeypatch.setattr(FromFeatures, "rows_of", projected)
    node = composed(f"strategy={name}", f"embeddings@strategy.embeddings={option}").strategy
    assert problems(factory.build(node, "strategy")) == []
