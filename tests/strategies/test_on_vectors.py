"""Strategies, embeddings and seed sets on pools of vectors."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import make_blobs

from alrun.commands import check
from alrun.data.augmentation import Cast, NoAugmentation
from alrun.data.dataset import ImageData
from alrun.models import Mlp
from alrun.pool.pool import Pool
from alrun.strategies.coreset import Coreset
from alrun.strategies.embeddings import FromClassifier, FromFeatures
from alrun.strategies.more.cluster_margin import ClusterMargin
from alrun.strategies.more.herding import MaxHerding
from alrun.strategies.probcover import ProbCover
from alrun.strategies.query import build_query, selection_problem
from alrun.strategies.seed_set import FromStrategy
from alrun.strategies.typiclust import TypiClust
from alrun.strategies.uncertainty import Margin
from alrun.system.device import Stopwatch
from alrun.system.errors import UserError
from alrun.training.optimizer import Optimization
from alrun.training.stop_rule import StopRule, TrainResult
from alrun.training.subsets.base import NoSubset
from alrun.training.trainer import Trainer

CPU = torch.device("cpu")
CLASSES, WIDTH = 4, 12
ON_IMAGES = {"vaal": "discriminative", "learning_loss": "expected_gradient", "deepfool": "margin", "bim": "margin"}


def blobs(count: int = 120) -> tuple[np.ndarray, np.ndarray]:
    made, labels = make_blobs(count, WIDTH, centers=CLASSES, cluster_std=1.0, random_state=0)[:2]
    return np.asarray(made, np.float32), np.asarray(labels)


def query_on_vectors(strategy, size=8, labeled=12):
    vectors, labels = blobs()
    pool = Pool(torch.from_numpy(vectors), torch.from_numpy(labels))
    pool.label(torch.arange(labeled))

    def fresh() -> Mlp:
        return Mlp(WIDTH, CLASSES, width=16)

    torch.manual_seed(0)
    settings = Optimization(partial(torch.optim.SGD, lr=0.05), None, None)
    trainer = Trainer(settings, NoAugmentation(), Cast(CPU), NoSubset(), StopRule(3, None, None, 0.0), 16, 32)
    trained = TrainResult(1.0, 1, 1, "accuracy", 0.0)
    return build_query(strategy.needs, size, pool, fresh(), trained, trainer, fresh, 0, 0, Stopwatch(CPU))


@pytest.mark.parametrize("name", sorted(set(check.strategy_options()) - set(ON_IMAGES) - {"best_found"}))  # an oracle
def test_that_a_strategy_chooses_of_vectors(name):
    strategy = check.build_strategy(name, check.SHORT.get(name, ()))
    query = query_on_vectors(strategy)
    assert selection_problem(strategy.select(query), 8, len(query.unlabeled)) is None


@pytest.mark.parametrize("name", ON_IMAGES)
def test_that_one_that_works_on_images_alone_is_refused_and_another_one_named(name, complete, tmp_path):
    vectors, labels = blobs()
    np.savez(tmp_path / "f.npz", features=vectors, labels=labels)
    with pytest.raises(UserError, match=rf"strategy={name} works on images alone, .* use strategy={ON_IMAGES[name]}\."):
        complete("dataset=features", f"dataset.path={tmp_path / 'f.npz'}", f"strategy={name}", "budget.total=40")


def test_that_features_are_the_vectors_of_the_pool():
    vectors, labels = blobs()
    pool = Pool(torch.from_numpy(vectors), torch.from_numpy(labels))
    np.testing.assert_array_equal(FromFeatures(normalize=False).whole(pool, 10), vectors)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(FromFeatures().whole(pool, 10), unit, rtol=1e-5)


def test_that_the_seed_set_is_what_the_strategy_chooses_on_features():
    """Farthest first, and herding, against loops over all pairs in float64."""
    vectors, labels = blobs(60)
    pool = Pool(torch.from_numpy(vectors), torch.from_numpy(labels))
    rows = F.normalize(torch.from_numpy(vectors).double())
    candidates = torch.arange(5, 60)
    apart = torch.cdist(rows, rows)
    chosen = FromStrategy(MaxHerding(FromClassifier()), FromFeatures()).choose(pool, candidates, 6, generator(), 16)
    kernel, expected = (-(apart[5:, 5:] ** 2)).exp(), []
    for _ in range(6):
        gains = [-1 if each in expected else float(kernel[:, [*expected, each]].amax(1).sum()) for each in range(55)]
        expected.append(int(np.argmax(gains)))
    assert (chosen - 5).tolist() == expected
    far = FromStrategy(Coreset(), FromFeatures()).choose(pool, candidates, 6, generator(), 16)
    for step in range(1, 6):
        nearest = apart[candidates][:, far[:step]].amin(1)
        assert apart[far[step], far[:step]].amin() == pytest.approx(float(nearest.max()), rel=1e-5)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    "strategy", [TypiClust(FromFeatures()), ProbCover(FromFeatures(), clusters=CLASSES)], ids=["typiclust", "probcover"]
)
def test_that_a_cold_start_finds_every_class_of_clear_clusters(strategy):
    vectors, labels = blobs()
    pool = Pool(torch.from_numpy(vectors), torch.from_numpy(labels))
    chosen = FromStrategy(strategy, FromFeatures()).choose(pool, torch.arange(120), CLASSES, generator(), 16)
    assert sorted(labels[chosen]) == list(range(CLASSES))


def test_that_a_seed_set_by_a_strategy_that_reads_a_model_is_refused():
    with pytest.raises(
        UserError,
        match=r"strategy@seed_set.strategy=margin reads a trained model, and there is none yet: use typiclust",
    ):
        FromStrategy(Margin(), FromFeatures())
    vectors, labels = blobs()
    pool = Pool(torch.from_numpy(vectors), torch.from_numpy(labels))
    with pytest.raises(UserError, match=r"nothing is labeled yet: .* or seed_set.strategy.clusters=10 in"):
        FromStrategy(ProbCover(FromFeatures()), FromFeatures()).choose(pool, torch.arange(120), 4, generator(), 16)


def test_that_images_without_an_encoder_are_refused_with_a_setting_for_each_place():
    images, labels = np.zeros((4, 1, 8, 8), np.uint8), np.arange(4)
    data = ImageData(images, labels, images, labels)
    with pytest.raises(UserError, match=r"pretrained@seed_set.embeddings.encoder=torchvision for a seed set"):
        FromFeatures().prepare(data, lambda _: np.zeros((4, 2), np.float32))


SETTINGS = {
    "cold start": ("seed_set=from_strategy", "strategy@seed_set.strategy=kmeans"),
    "facility location": ("seed_set=facility_location",),
    "dispersion": ("seed_set=dispersion_min", "embeddings@seed_set.embeddings=features"),
    "own features": ("strategy=typiclust", "embeddings@strategy.embeddings=features"),
    "copies": ("redundancy=duplicate", "redundancy.factor=5", "redundancy.unique=60"),
    "cap": ("per_class_cap=c1000", "seed_set=balanced"),
    "reset": ("model_update=reset",),
    "subset": ("model=mlp", "dss=grad_match", "training.max_epochs=2"),
    "validation": ("validation=15",),
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_that_what_needs_no_pixels_works(settings, complete, tmp_path):
    vectors, labels = blobs(200)
    np.savez(tmp_path / "f.npz", features=vectors, labels=labels)
    run_dir = complete("dataset=features", f"dataset.path={tmp_path / 'f.npz'}", *settings)
    table = pd.read_csv(run_dir / "accuracy.csv")
    assert table.labeled.iloc[-1] in (55, 60)
    if "model=mlp" not in settings:
        assert table.test_accuracy.iloc[-1] > 0.9


def test_that_a_seed_set_reads_the_vectors_of_the_pool_under_one_name(composed, complete, tmp_path):
    vectors, labels = blobs(200)
    np.savez(tmp_path / "f.npz", features=vectors, labels=labels)
    pool = ("dataset=features", f"dataset.path={tmp_path / 'f.npz'}", "seed_set=facility_location")
    named = ("embeddings@seed_set.embeddings=features",)
    encoded = ("dataset=digits", "encoder=torchvision", "seed_set=dispersion_min")
    for settings in (pool, encoded):
        short, long = (composed(*settings, *more, hydra=True).hydra.run.dir for more in ((), named))
        assert short == long
    images = ("dataset=digits", "seed_set=facility_location")
    assert composed(*images, hydra=True).hydra.run.dir != composed(*images, *named, hydra=True).hydra.run.dir
    for other in ("seed_set.embeddings.encoder.name=resnet34", "embeddings@seed_set.embeddings=timm"):
        with pytest.raises(UserError, match="the embeddings have an encoder, and the pool already holds vectors"):
            complete(*pool, other)


def test_that_altered_copies_are_refused_where_there_are_no_images(complete, tmp_path):
    vectors, labels = blobs(200)
    np.savez(tmp_path / "f.npz", features=vectors, labels=labels)
    with pytest.raises(UserError, match=r"redundancy=augment alters images, .*: use redundancy=duplicate"):
        complete(
            "dataset=features",
            f"dataset.path={tmp_path / 'f.npz'}",
            "redundancy=augment",
            "redundancy.factor=5",
            "redundancy.unique=60",
        )


@pytest.mark.parametrize("points", [30, 5000])
def test_that_cluster_margin_clusters_the_vectors_of_a_pool_once(complete, tmp_path, monkeypatch, points):
    """And chooses as a strategy that begins in each round, as after a crash."""
    linked, of, select = [], ClusterMargin.linked, ClusterMargin.select
    monkeypatch.setattr(ClusterMargin, "linked", lambda self, *given: (linked.append(1), of(self, *given))[1])
    vectors, labels = blobs()
    np.savez(tmp_path / "f.npz", features=vectors, labels=labels)
    words = ["dataset=features", f"dataset.path={tmp_path / 'f.npz'}", "strategy=cluster_margin"]
    words += [f"strategy.max_points={points}", "budget.seed_size=12", "budget.batch_size=16", "budget.total=60"]
    queries = (complete(*words) / "queries.csv").read_bytes()
    assert len(linked) == 1

    def begun(self: ClusterMargin, query):
        self.made = None
        return select(self, query)

    monkeypatch.setattr(ClusterMargin, "select", begun)
    assert (complete(*words, f"paths.outputs={tmp_path / 'again'}") / "queries.csv").read_bytes() == queries
    assert len(linked) == 1 + 3
