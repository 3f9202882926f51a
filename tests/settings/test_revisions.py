"""Revisions of components, and the names of runs that they are part of."""

from pathlib import Path

import pytest

import alrun
from alrun.settings import data_size, identity, revisions
from alrun.strategies import nearby

SOURCE = Path(alrun.__file__).parent


def targets() -> set[str]:
    """Classes that an option of conf/ names."""
    conf = Path(alrun.__file__).parents[2] / "conf"
    lines = [
        line for path in conf.rglob("*.yaml") for line in path.read_text().splitlines() if "_target_: alrun" in line
    ]
    return {line.partition("_target_: ")[2].split(",")[0].strip(" }").rpartition(".")[2] for line in lines}


def test_every_revised_component_exists():
    for name in revisions.COMPONENTS:
        assert name.partition(".")[2] in targets(), name


def test_what_is_used_is_recorded_with_its_revision(monkeypatch):
    settings = {
        "strategy": {
            "_target_": "alrun.strategies.Clue",
            "embeddings": {"_target_": "alrun.strategies.embeddings.FromFeatures"},
        }
    }
    monkeypatch.setitem(revisions.COMPONENTS, "embeddings.FromFeatures", 4)
    part = revisions.Part(3, ("strategy.Clue",), lambda node, pool: True)
    monkeypatch.setitem(revisions.PARTS, "made_up", part)
    assert revisions.revisions_used(settings) == {
        "embeddings.FromFeatures": 4,
        "evaluation": 1,
        "made_up": 3,
        "pool": 1,
        "strategy.Clue": 1,
        "trainer": 1,
    }
    assert revisions.revisions(settings) == {"strategy": {"embeddings.FromFeatures": 4, "made_up": 3}}


NEAR = sorted(
    path.stem for path in (SOURCE.parents[1] / "conf" / "strategy").glob("*.yaml") if "nearby" in path.read_text()
)


def names(composed, monkeypatch, pools: tuple[int, ...], *words: str) -> list[str]:
    """The names of a run on so many images of a user's own."""
    cfg, found = composed("dataset=npz", "dataset.path=none.npz", *words, hydra=True), []
    for pool in pools:
        counted = data_size.Counted(pool, 10)
        monkeypatch.setattr(data_size, "count_data", lambda cfg, counted=counted: counted)
        found.append(identity.run_id(_root_=cfg))
    return found


def test_the_parts_that_are_listed_are_those_that_there_are(composed):
    targets = {composed(f"strategy={name}").strategy._target_.rpartition(".")[2] for name in NEAR}
    assert {f"strategy.{each}" for each in targets} == set(revisions.PARTS["nearby"].users)
    assert revisions.LARGE == nearby.LARGE


@pytest.mark.parametrize("name", [*NEAR, "margin", "coreset", "badge"])
def test_a_strategy_that_compares_near_ones_in_large_pools_is_revised_there_alone(composed, monkeypatch, name):
    small, large, larger = names(composed, monkeypatch, (1000, 100_000, 100_001), f"strategy={name}")
    assert small == large
    assert (large != larger) == (name in NEAR)


@pytest.mark.parametrize(
    ("words", "revised"),
    [
        ("strategy=partitioned strategy@strategy.inner=max_herding", True),
        ("strategy=power strategy@strategy.inner=margin", False),
        ("strategy=submodular strategy.neighbors=10", False),
        ("strategy=submodular strategy.function=graph_cut", False),
        ("strategy=fass strategy.representation=gradient", False),
        ("strategy=max_herding strategy.nearby=all", False),  # as 0.1.0, and named otherwise anyway
        ("strategy=max_herding validation=1", False),
        ("strategy=max_herding scale.examples=0.5", False),
        ("strategy=max_herding encoder=torchvision model=linear", False),  # which 0.1.0 had not
    ],
)
def test_what_computes_as_before_keeps_its_name(composed, monkeypatch, words, revised):
    small, large = names(composed, monkeypatch, (1000, 100_001), *words.split())
    assert (small != large) == revised


def test_runs_with_an_ensemble_are_revised_and_others_are_not(composed):
    words = ("encoder=torchvision", "model=linear")
    plain, several = (
        identity.identity(composed(*words, f"model.ensemble={count}", hydra=True)).get("revisions", {})
        for count in (0, 10)
    )
    assert plain == {}
    assert several == {"model": {"ensemble": 2}}
    record = identity.settings_record(composed(*words, "model.ensemble=10", hydra=True), {})
    assert record["revisions"]["ensemble"] == revisions.current_revision("ensemble") == 2


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("strategy=bait", {"strategy.Bait": 2}),
        ("strategy=uncertainty_herding", {"strategy.UncertaintyHerding": 4}),
        ("strategy=conditional_gain", {"strategy.ConditionalGain": 3}),
        ("strategy=noise_aware strategy@strategy.inner=probcover", {"strategy.ProbCover": 3}),
        ("strategy=probcover strategy.radius=0.5", {"strategy.ProbCover": 3}),
        ("strategy=discriminative", {"strategy.Discriminative": 2}),
        ("strategy=max_herding", {"strategy.MaxHerding": 3}),
        ("strategy=kmeans", {}),
        ("strategy=submodular", {"shared_similarities": 2}),
        ("strategy=submodular strategy.function=disparity_sum", {}),
        ("strategy=smi strategy.function=flvmi", {"shared_similarities": 2}),
        ("strategy=smi", {}),
        ("strategy=glister strategy.regularizer=facility_location", {"shared_similarities": 2}),
        ("strategy=glister", {}),
    ],
)
def test_what_round_off_may_move_is_revised_and_nothing_else(composed, words, found):
    known = identity.identity(composed(*words.split(), hydra=True)).get("revisions", {})
    assert known == ({"strategy": found} if found else {})


def test_a_strategy_that_chooses_the_seed_set_is_revised_too(composed):
    words = ["dataset=npz", "dataset.path=none.npz", "seed_set=from_strategy", "strategy@seed_set.strategy=max_herding"]
    known = identity.identity(composed(*words, hydra=True)).get("revisions", {})
    assert known["seed_set"]["seed_set.MaxHerding"] == 3


@pytest.mark.parametrize(("per_class", "revised"), [("true", False), ("false", True)])
def test_a_seed_set_that_represents_the_whole_pool_is_revised(composed, per_class, revised):
    words = ["dataset=npz", "dataset.path=none.npz", "seed_set=facility_location", f"seed_set.per_class={per_class}"]
    known = identity.identity(composed(*words, hydra=True)).get("revisions", {})
    assert (known.get("seed_set") == {"shared_similarities": 2}) == revised
