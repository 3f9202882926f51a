"""A seed set by the embeddings of the classifier before its training."""

import numpy as np
import pandas as pd
import pytest
import torch

from alrun.data import sources
from alrun.models.small_cnn import SmallCnn
from alrun.strategies.embeddings import FromClassifier
from alrun.system import rng
from alrun.system.errors import UserError

UNTRAINED = (
    *("seed_set=dispersion_min", "embeddings@seed_set.embeddings=classifier", "seed_set.per_class=false"),
    *("seed_set.embeddings.normalize=false", "budget.seed_size=8", "budget.batch_size=4", "budget.total=12"),
)


def farthest_first(rows: np.ndarray, size: int) -> list[int]:
    """Greedy k-center in float64, from the row of the smallest norm, which is not taken for that."""
    chosen = [int(np.linalg.norm(rows, axis=1).argmin())]
    while len(chosen) <= size:
        distance = np.linalg.norm(rows[:, None] - rows[None, chosen], axis=2).min(1)
        chosen.append(int(distance.argmax()))
    return chosen[1:]


def seed_set(run_dir) -> list[int]:
    queries = pd.read_csv(run_dir / "queries.csv")
    return queries["index"][queries["round"] == 0].tolist()


def test_images_are_seen_by_the_weights_that_round_0_starts_from(complete):
    run_dir = complete("model=small_cnn", "initial_seed=5", *UNTRAINED)
    data = sources.digits("")
    torch.manual_seed(rng.derive(5, "weights", 0))
    model = SmallCnn(channels=1, image_size=(8, 8), classes=10).eval()
    assert data.mean is not None
    assert data.std is not None
    images = torch.from_numpy(data.train_images).float() / 255
    images = (images - torch.tensor(data.mean)[:, None, None]) / torch.tensor(data.std)[:, None, None]
    with torch.no_grad():
        rows = model.embed(images).double().numpy()
    assert seed_set(run_dir) == farthest_first(rows, 8)


def test_a_linear_model_sees_the_vectors_themselves(complete, tmp_path):
    draws = np.random.default_rng(0)
    vectors, labels = draws.normal(size=(90, 7)).astype(np.float32), np.arange(90) % 3
    arrays = {"train_features": vectors[:60], "train_labels": labels[:60]}
    np.savez(tmp_path / "f.npz", **arrays, test_features=vectors[60:], test_labels=labels[60:])
    run_dir = complete("dataset=features", f"dataset.path={tmp_path / 'f.npz'}", *UNTRAINED)
    assert seed_set(run_dir) == farthest_first(vectors[:60].astype(float), 8)


def test_outside_a_run_there_is_no_classifier():
    with pytest.raises(UserError, match=r"embeddings=classifier: there is no classifier; use embeddings=features"):
        FromClassifier().whole(type("Pool", (), {"images": None, "device": torch.device("cpu")})(), 10)  # type: ignore[arg-type]
