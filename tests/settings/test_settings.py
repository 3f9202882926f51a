"""Settings that cannot be are refused when they are read: none fails only once a model is trained."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from alrun.settings import factory
from alrun.settings.checks import leaves, validate
from alrun.system.errors import UserError
from alrun.testing import made_queries

CONF = Path(__file__).resolve().parents[2] / "conf"
STRATEGIES = sorted(path.stem for path in (CONF / "strategy").glob("*.yaml"))
INHERENT = {("bait", "memory")}  # whether matrices fit is known with the pool and the network


def numbers(node: dict) -> list[str]:
    return [key for key, value in leaves(node) if isinstance(value, int | float) and not isinstance(value, bool)]


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_refuses_a_number_at_once_or_works_with_it(composed, name):
    node = OmegaConf.to_container(composed(f"strategy={name}", "scale=smoke").strategy, resolve=True)
    assert isinstance(node, dict)
    for key in numbers(node):
        for value in (-1, 0):
            changed = OmegaConf.create(node)
            OmegaConf.update(changed, key, value)
            strategy, refusal = None, ""
            try:
                strategy = factory.build(changed, "strategy")
            except UserError as error:
                refusal = str(error)
            if strategy is None:
                assert key.rpartition(".")[2] in refusal
            elif (name, key) not in INHERENT:
                chosen = strategy.select(made_queries.make_query(strategy, size=4, n=30))
                assert len(chosen.unique()) == 4, (key, value)


@pytest.mark.parametrize(
    "word",
    [
        *(
            "strategy=discriminative strategy.lr=-1",
            "strategy=discriminative strategy.lr=0",
            "strategy=vaal strategy.lr=0",
        ),
        *("strategy=vaal strategy.beta=-1", "strategy=learning_loss strategy.lr=-0.1", "optimizer.schedule.T_max=0"),
        *("strategy=noise_stability strategy.magnitude=1e30", "optimizer=sgd_swa optimizer.swa.lr=-1"),
        *("optimizer=adam_swa optimizer.swa.lr=0", "dss=grad_match dss.ridge=-1"),
        *("dss=grad_match dss.tolerance=-1", "dss=glister dss.lr=-1", "augmentation=crop augmentation.padding=1000000"),
        *(
            "augmentation=rand_augment augmentation.transform.magnitude=1000",
            "redundancy=augment redundancy.padding=99",
        ),
        *("strategy=smi strategy.query_classes=[x]", "strategy=smi strategy.query_classes=[1.5]"),
        *("strategy=smi strategy.query_classes=[99]", "strategy=smi strategy.query_classes=[-1]"),
        *("strategy=smi strategy.query_classes=[]", "strategy=conditional_gain strategy.private_classes=[x]"),
        "strategy=partitioned strategy@strategy.inner=smi strategy.inner.query_classes=[10]",
        "strategy=conditional_mutual_information strategy.private_classes=[99]",
    ],
)
def test_nothing_is_trained_with_what_cannot_be(complete, monkeypatch, word):
    from alrun.training.trainer import Trainer

    def trained(*_arguments, **_settings):
        raise AssertionError("it was trained")

    monkeypatch.setattr(Trainer, "fit", trained)
    words = word.split()
    with pytest.raises(UserError) as refused:
        complete(*words)
    key = words[-1].partition("=")[0].rpartition(".")[2]
    assert key in str(refused.value) or "RandAugment" in str(refused.value)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(
    "word",
    ["strategy=alfa_mix strategy.strength", "strategy=fass strategy.epsilon", "training.min_gain", "scale.epochs"],
)
def test_what_is_no_number_to_compute_with_is_refused(composed, word, value):
    *words, key = word.split()
    with pytest.raises(UserError, match=key):
        validate(composed(*words, f"{key}={value}"))


@pytest.mark.parametrize("key", ["optimizer.lr", "optimizer.build.lr", "optimizer.schedule.max_lr"])
@pytest.mark.parametrize("value", ["0", "-1", "fast"])
def test_a_learning_rate_is_above_0(composed, key, value):
    with pytest.raises(UserError, match=f"{key}={value} is not possible: give a number above 0"):
        validate(composed("optimizer=fast", "optimizer.lr=0.1", f"{key}={value}"))
