"""Replays on labeled examples: what is held out, what is known when, and whose labels count."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from alrun.loop import replay
from alrun.strategies import Query, Strategy
from alrun.system.errors import DataError
from tests.conftest import QUIET

CPU = torch.device("cpu")
VECTORS = ("dataset=features", "optimizer.C=1", *QUIET)
seen: list[tuple[int, int, int]] = []


class Watching(Strategy):
    """Takes the first examples, and notes what it may see."""

    def select(self, query: Query) -> torch.Tensor:
        """The first positions."""
        known = int((query.pool.labels >= 0).sum())
        seen.append((len(query.labeled.index), len(query.unlabeled.index), known))
        return torch.arange(query.size)


@pytest.fixture
def data(tmp_path):
    draws = np.random.default_rng(2)
    labels = np.arange(300) % 3
    vectors = (np.eye(3)[labels] + 0.4 * draws.normal(size=(300, 3))).astype(np.float32)
    path = tmp_path / "data.npz"
    test = {"test_features": vectors[:30], "test_labels": labels[:30]}
    np.savez(path, train_features=vectors, train_labels=labels, **test)
    return f"dataset.path={path}", vectors, labels


def queries(folder, index) -> None:
    pd.DataFrame({"round": 0, "position": range(len(index)), "index": index}).to_csv(
        folder / "queries.csv", index=False
    )


def test_only_what_the_run_queried_is_replayed_with_the_labels_that_it_was_given(tmp_path, composed, data):
    path, vectors, labels = data
    index = np.random.default_rng(0).permutation(300)[:100]
    queries(tmp_path, index)
    part = replay.labeled_part(composed(*VECTORS, path, hydra=True), tmp_path, CPU)
    assert np.array_equal(part.train_labels, labels[np.sort(index)])
    assert np.array_equal(part.train_images, vectors[np.sort(index)])
    wrong = composed(*VECTORS, path, "annotator=uniform", "annotator.rate=1", hydra=True)
    assert not (replay.labeled_part(wrong, tmp_path, CPU).train_labels == labels[np.sort(index)]).any()


def test_strategies_of_a_repeat_share_test_and_seed_set_and_see_no_other_labels(tmp_path, composed, data):
    path, _, _ = data
    queries(tmp_path, range(100))
    cfg = composed(*VECTORS, path, f"strategy._target_={__name__}.Watching", "strategy=random", hydra=True)
    part = replay.labeled_part(cfg, tmp_path, CPU)
    seen.clear()
    watched = replay.replay(cfg, "watching", part, 0, CPU)
    assert replay.label_counts(100) == [12, 20, 27, 34, 42]
    assert seen == [(12, 58, 12), (20, 50, 20), (27, 43, 27), (34, 36, 34)]
    random, again, other = (
        replay.replay(composed(*VECTORS, path, "strategy=random", hydra=True), "random", part, repeat, CPU)
        for repeat in (0, 0, 1)
    )
    assert random[0] == watched[0]
    assert random == again != other
    assert {round(each * 30, 6) % 1 for each in random} == {0.0}, "30 of the 100 are the test"
    assert np.mean(random) > 0.8


def test_few_labels_are_refused(tmp_path, composed, data):
    queries(tmp_path, range(39))
    with pytest.raises(DataError, match="needs 40 labeled examples"):
        replay.labeled_part(composed(*VECTORS, data[0], hydra=True), tmp_path, CPU)


def test_labels_that_people_gave_are_replayed_and_what_has_none_is_left_out(tmp_path, composed):
    draws = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for number in range(60):
        pixels = draws.integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number:02d}.png")
    index = draws.permutation(60)[:50]
    queries(tmp_path, index)
    names = [["cat", "dog", "none of these"][k % 3 if k > 40 else k % 2] for k in range(50)]
    pd.DataFrame({"index": index[:48], "label": names[:48]}).to_csv(tmp_path / "labels.csv", index=False)
    words = ("dataset=unlabeled", f"dataset.path={tmp_path / 'photos'}", "dataset.classes=[cat,dog]", "dataset.size=8")
    cfg = composed(*QUIET, *words, "model=small_cnn", hydra=True)
    part = replay.labeled_part(cfg, tmp_path, CPU)
    known = {k: name for k, name in zip(index[:48].tolist(), names, strict=False) if name != "none of these"}
    assert part.files is not None
    found = {int(file[-6:-4]): ["cat", "dog"][label] for file, label in zip(part.files, part.train_labels, strict=True)}
    assert found == known
