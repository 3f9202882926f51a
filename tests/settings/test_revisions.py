"""Revisions: which components use which kernels is what their imports say."""

import ast
from pathlib import Path

import pytest

import alrun
from alrun.settings import data_size, identity, revisions
from alrun.strategies import nearby

SOURCE = Path(alrun.__file__).parent


def imports(path: Path) -> set[Path]:
    """Files of alrun that the one at ``path`` imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("alrun"):
            base = SOURCE.joinpath(*node.module.split(".")[1:])
            found |= {base.with_suffix(".py"), *(base / f"{alias.name}.py" for alias in node.names)}
    return {each for each in found if each.exists()}


def reachable(path: Path) -> set[Path]:
    """The files that the one at ``path`` imports, within its own folder and alrun.selection, at any depth."""
    found, waiting = set(), [path]
    while waiting:
        for each in imports(waiting.pop()) - found:
            if each.parent in (path.parent, SOURCE / "selection"):
                found.add(each)
                waiting.append(each)
    return found


@pytest.mark.parametrize("kernel", sorted(revisions.KERNELS))
def test_all_users_of_a_revised_kernel_are_listed(kernel):
    assert (SOURCE / "selection" / f"{kernel}.py").exists()
    users = set()
    for group, folder in (("strategy", "strategies"), ("dss", "dss"), ("seed_set", "data")):
        for path in (SOURCE / folder).glob("*.py"):
            if path.name == "__init__.py" or SOURCE / "selection" / f"{kernel}.py" not in reachable(path):
                continue
            classes = [node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)]
            users |= {f"{group}.{name}" for name in classes}
    listed = set(revisions.USERS[kernel])
    assert listed <= users, "these do not import it"
    missing = {each for each in users - listed if (each.partition(".")[2] in targets())}
    assert not missing, "these import it, and options name them"


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
    monkeypatch.setitem(revisions.KERNELS, "made_up", 3)
    monkeypatch.setitem(revisions.USERS, "made_up", ("strategy.Clue",))
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
        ("strategy=uncertainty_herding", {"strategy.UncertaintyHerding": 3}),
        ("strategy=conditional_gain", {"strategy.ConditionalGain": 2}),
        ("strategy=noise_aware strategy@strategy.inner=probcover", {"strategy.ProbCover": 3}),
        ("strategy=probcover strategy.radius=0.5", {"strategy.ProbCover": 3}),
        ("strategy=discriminative", {"strategy.Discriminative": 2}),
        ("strategy=max_herding", {"strategy.MaxHerding": 2}),
        ("strategy=kmeans", {}),
    ],
)
def test_what_round_off_may_move_is_revised_and_nothing_else(composed, words, found):
    known = identity.identity(composed(*words.split(), hydra=True)).get("revisions", {})
    assert known == ({"strategy": found} if found else {})


def test_a_strategy_that_chooses_the_seed_set_is_revised_too(composed):
    words = ["dataset=npz", "dataset.path=none.npz", "seed_set=from_strategy", "strategy@seed_set.strategy=max_herding"]
    known = identity.identity(composed(*words, hydra=True)).get("revisions", {})
    assert known["seed_set"]["seed_set.MaxHerding"] == 2
