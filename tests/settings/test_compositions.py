"""Kept compositions, against Hydra's own composition of each command line."""

import pickle

import pytest
from omegaconf import OmegaConf

from alrun.settings import compositions as module
from alrun.settings.compositions import Compositions, seed_of


@pytest.fixture
def kept(composed):
    """``kept("setting=value", ...)``: a composition that may be a copy, and how often Hydra composed so far."""
    compositions, count = Compositions(), 0

    def make(*words: str):
        def compose():
            nonlocal count
            count += 1
            return composed(*words, hydra=True)

        return compositions.get(words, "RUN", compose), count

    return make


def test_a_copy_is_what_hydra_composes_for_its_own_seed(composed, kept):
    for count, words in (
        (1, ["strategy=badge", "seed=0"]),
        (1, ["strategy=badge", "seed=12"]),
        (1, ["strategy=badge", "seed=12"]),
        (2, ["strategy=badge", "name='a,b'", "initial_seed=0", "seed=0", "hydra.verbose=true"]),
        (2, ["strategy=badge", "name='a,b'", "initial_seed=0", "seed=1", "hydra.verbose=true"]),
        (3, ["seed=1", "strategy=badge"]),  # the order of the words is kept with the run
        (4, ["strategy=badge"]),
        (5, ["seed=0", r'name="a\${b}"', 'variant="${hydra:job.name}"']),
        (5, ["seed=1", r'name="a\${b}"', 'variant="${hydra:job.name}"']),
        (6, ["seed=0", 'variant="x${seed}"']),
        (7, ["seed=1", 'variant="x${seed}"']),
        (8, ["seed=0", "hydra.job.config.override_dirname.kv_sep=:"]),
        (9, ["seed=1", "hydra.job.config.override_dirname.kv_sep=:"]),
        (10, ["seed=0", "name='a,seed=0,b'"]),
        (11, ["seed=1", "name='a,seed=0,b'"]),
    ):
        found, composed_so_far = kept(*words)
        expected = composed(*words, hydra=True)
        assert composed_so_far == count, words
        assert OmegaConf.to_container(found) == OmegaConf.to_container(expected), words
        assert found.hydra.run.dir == expected.hydra.run.dir
        with pytest.raises(AttributeError):
            found.no_such_setting = 1  # still closed


def test_a_copy_that_is_changed_leaves_the_next_one_as_it_was(kept):
    first, _ = kept("seed=3")
    first.budget.total = 1
    first.hydra.overrides.task.append("x=1")
    second, _ = kept("seed=3")
    assert second.budget.total != 1
    assert second.hydra.overrides.task == ["seed=3"]


@pytest.mark.parametrize("words", [["seed=1", "++seed=2"], ["seed=1", "seed=2"], ["seed=01"], ["seed=-1"], ["seed=a"]])
def test_seeds_that_are_not_one_plain_number_are_composed_each_time(words):
    assert seed_of(words) is None
    assert seed_of(["initial_seed=1", "seed_set=balanced", "seed=1"]) == "seed=1"


def test_another_folder_is_another_composition(kept, tmp_path, monkeypatch):
    before, _ = kept("seed=0")
    monkeypatch.chdir(tmp_path)
    after, count = kept("seed=0")
    assert (before.hydra.runtime.cwd != after.hydra.runtime.cwd, count) == (True, 2)


def test_the_oldest_is_forgotten(kept, monkeypatch):
    monkeypatch.setattr(module, "MOST", 2)
    counts = [kept(f"strategy={name}", "seed=0")[1] for name in ("badge", "margin", "entropy", "margin", "badge")]
    assert counts == [1, 2, 3, 3, 4]


def test_none_goes_along_to_another_process(kept, composed):
    compositions = Compositions()
    compositions.get(["seed=0"], "RUN", lambda: composed("seed=0", hydra=True))
    assert pickle.loads(pickle.dumps(compositions)).kept == {}
