"""Selections in parts in whole runs: the same queries as in one process, whoever computes which part, and when."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alrun.commands import select
from alrun.data import shards, sources
from alrun.loop import on_ray, selection_parts
from alrun.loop.dividing import as_json, compute_part, opened_for_parts
from alrun.settings.planned_runs import Planned
from alrun.system.errors import DataError, UserError

MANY = ("runtime.chunk=64", "budget.total=60", "model=linear", "optimizer=adam", "augmentation=none")
TWO = ("strategy=partitioned", "strategy.parts=5", "strategy.candidates=2")


@pytest.fixture
def vectors(tmp_path) -> str:
    """The digits as vectors, in seven shards."""
    digits, folder = sources.digits(""), tmp_path / "vectors"
    flat = [each.reshape(len(each), -1).astype(np.float32) / 255 for each in (digits.train_images, digits.test_images)]
    shards.write("train_features", np.array_split(flat[0], 7), folder)
    np.save(folder / "test_features.npy", flat[1])
    np.save(folder / "train_labels.npy", digits.train_labels)
    np.save(folder / "test_labels.npy", digits.test_labels)
    return f"dataset.path={folder}"


@pytest.fixture
def planned(composed, tmp_path):
    """``planned("setting=value", ...)``: a run, as the command ``select`` gets it."""
    from tests.conftest import QUIET, SMALL

    def make(*overrides: str) -> Planned:
        cfg = composed(*SMALL, *QUIET, f"paths.outputs={tmp_path}", *overrides, hydra=True)
        return Planned(Path(cfg.hydra.run.dir), (), cfg, cfg.seed)

    opened_for_parts.cache_clear()
    return make


def queries(folder: Path) -> list[list[int]]:
    table = pd.read_csv(folder / "queries.csv")
    return [rows["index"].tolist() for _, rows in table.groupby("round")]


@pytest.mark.parametrize(
    "strategy",
    [("strategy=margin",), (*TWO, "strategy@strategy.inner=badge"), (*TWO, "strategy@strategy.inner=coreset")],
)
def test_that_parts_anywhere_select_what_one_process_does(complete, planned, vectors, tmp_path, strategy):
    asked = ("dataset=features", vectors, *MANY, *strategy)
    one = complete(*asked)
    found, plain = queries(one), pd.read_csv(one / "accuracy.csv")
    assert not (one / selection_parts.FOLDER).exists()
    one.rename(tmp_path / "one")
    elsewhere = (*asked, "runtime.engine=parts", "runtime.parts=5")
    assert complete(*elsewhere) == one, "where parts are computed is not part of a run's name"
    for _ in range(2):
        assert len(queries(one)) < len(found)
        for number in (3, 1, 5, 2, 4):
            words = select.select(planned(*elsewhere), number, 5)
        assert "part 4 of 5 is done; missing: none" in words
        complete(*elsewhere)
    assert queries(one) == found
    assert pd.read_csv(one / "accuracy.csv").equals(plain)
    assert not (one / selection_parts.FOLDER).exists()


def test_that_what_is_done_is_not_done_twice_and_a_damaged_part_is(complete, planned, vectors, monkeypatch):
    asked = ("dataset=features", vectors, *MANY, "strategy=margin", "runtime.engine=parts", "runtime.parts=3")
    folder = complete(*asked)
    done: list[int] = []
    proposed = selection_parts.Division.proposed

    def counted(self, number: int):
        done.append(number)
        return proposed(self, number)

    monkeypatch.setattr(selection_parts.Division, "proposed", counted)
    for number in (1, 2, 1, 2):
        select.select(planned(*asked), number, 3)
    assert done == [1, 2]
    path = folder / "selection" / "0" / "2-of-3.pt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    assert "missing: 2" in select.select(planned(*asked), 3, 3)
    select.select(planned(*asked), 2, 3)
    assert done == [1, 2, 3, 2]
    # The run itself, on another engine, decides among what is there, and computes the parts of the next round.
    complete(*asked, "runtime.engine=parts")
    assert len(queries(folder)) == 2
    assert done == [1, 2, 3, 2]


def test_that_a_damaged_or_missing_shard_is_named_and_a_restored_one_changes_nothing(complete, planned, vectors):
    asked = ("dataset=features", vectors, *MANY, "strategy=margin", "runtime.engine=parts", "runtime.parts=3")
    waiting = planned(*asked)
    complete(*asked)
    shard = Path(vectors.partition("=")[2]) / "train_features-7.npy"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert "missing: 2, 3" in select.select(waiting, 1, 3), "this part does not read the damaged shard"
    with pytest.raises(UserError, match=r"train_features-7.npy is damaged, its SHA-256 is not that of its manifest"):
        select.select(waiting, 3, 3)
    shard.unlink()
    opened_for_parts.cache_clear()
    with pytest.raises(UserError, match=r"train_features-7.npy is missing"):
        select.select(waiting, 3, 3)
    shard.write_bytes(whole)
    opened_for_parts.cache_clear()
    assert "missing: 2" in select.select(waiting, 3, 3)


def test_that_parts_of_another_division_and_what_cannot_be_divided_are_refused(complete, planned, vectors):
    asked = ("dataset=features", vectors, *MANY, *TWO, "runtime.engine=parts")
    with pytest.raises(
        UserError, match=r"does not wait for a selection: start the run with runtime.engine=parts first"
    ):
        select.select(planned(*asked), 1, 5)
    complete(*asked)
    with pytest.raises(UserError, match=r"part=1/4: this selection has 5 parts \(strategy.parts\)"):
        select.select(planned(*asked), 1, 4)
    with pytest.raises(UserError, match=r"runtime.engine=ray: strategy=coreset compares examples with one another"):
        complete("dataset=features", vectors, *MANY, "strategy=coreset", "runtime.engine=ray")


def test_that_ray_is_named_where_it_is_not_installed(complete, vectors, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(UserError, match=r"ray\[data\] is not installed: pip install 'alrun\[scale\]'"):
        complete("dataset=features", vectors, *MANY, "strategy=margin", "runtime.engine=ray")


def test_that_the_sentence_of_a_users_mistake_comes_back_from_another_process():
    class OfRay(Exception):
        def __init__(self, cause: Exception) -> None:
            super().__init__("a long traceback")
            self.cause = cause

    mistake = DataError("a shard is missing: copy it.")
    assert on_ray.users_mistake(OfRay(mistake)) is mistake
    wrapped = RuntimeError("of Ray Data")
    wrapped.__cause__ = OfRay(mistake)
    assert on_ray.users_mistake(wrapped) is mistake
    assert on_ray.users_mistake(OfRay(ZeroDivisionError())) is None


def test_that_a_part_of_another_round_is_refused(complete, planned, vectors):
    asked = ("dataset=features", vectors, *MANY, "strategy=margin", "runtime.engine=parts")
    folder = complete(*asked)
    settings = as_json(planned(*asked).cfg)
    with pytest.raises(UserError, match="does not wait for the query after round 1: start the run"):
        compute_part(settings, str(folder), (("strategy", "margin"),), 1, 1)
