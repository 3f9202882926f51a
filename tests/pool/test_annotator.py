"""Annotators: who errs how often, on which classes, and what several opinions make of it."""

from collections import Counter

import numpy as np
import pytest
import torch
from scipy.stats import binom

from alrun.data.dataset import STRANGER
from alrun.loop.components import build_parts, build_pool
from alrun.pool.annotator import Annotator, Asked, Perfect, Uniform, annotate, majority
from alrun.pool.confusing import Confusing
from alrun.settings import factory
from alrun.system import rng
from alrun.system.errors import UserError
from alrun.testing.annotators import check_annotator
from alrun.testing.contract import Broken

CLASSES, SEED = 4, 7
MATRIX = [[0.7, 0.3, 0.0, 0.0], [0.0, 0.4, 0.5, 0.1], [0.25, 0.25, 0.25, 0.25], [0.0, 0.0, 1.0, 0.0]]
CPU = torch.device("cpu")


def asked(count: int = 20_000, seed: int = 0) -> Asked:
    """Vectors of classes of unequal size, and some strangers."""
    numbers = np.random.default_rng(seed)
    truth = numbers.choice([*range(CLASSES), STRANGER], count, p=[0.4, 0.3, 0.15, 0.05, 0.1])
    vectors = np.eye(CLASSES + 1)[truth] + 0.1 * numbers.normal(size=(count, CLASSES + 1))
    return Asked(truth, vectors.astype(np.float32), CLASSES)


def slow_opinion(about: Asked, matrix: np.ndarray, number: int) -> list[int]:
    """The same draws, one example after the other: walk along the row until its sum passes the draw."""
    draws = np.random.default_rng(rng.derive(SEED, "annotator", number))
    answers = []
    for label in about.truth.tolist():
        drawn = draws.random()
        if label == STRANGER:
            answers.append(STRANGER)
            continue
        passed, total = 0.0, 0.0
        whole = sum(float(p) for p in np.cumsum(matrix[label])[-1:])
        for answer, probability in enumerate(matrix[label]):
            total += float(probability)
            passed = total / whole
            if drawn < passed:
                answers.append(answer)
                break
    return answers


def uniform_matrix(rate: float) -> np.ndarray:
    return np.array([[1 - rate if i == j else rate / (CLASSES - 1) for j in range(CLASSES)] for i in range(CLASSES)])


@pytest.mark.parametrize(
    ("annotator", "matrix"),
    [(Uniform(0.35), uniform_matrix(0.35)), (Uniform(1.0), uniform_matrix(1.0)), (Confusing(matrix=MATRIX), MATRIX)],
    ids=["uniform", "always wrong", "matrix"],
)
def test_answers_are_those_of_a_slow_loop_and_as_often_wrong_as_the_matrix_says(annotator, matrix):
    about, matrix = asked(), np.asarray(matrix)
    answers = annotate(annotator, about, SEED)
    assert answers.dtype == np.int64
    assert answers.tolist() == slow_opinion(about, matrix, 0)
    assert (answers[about.truth == STRANGER] == STRANGER).all()
    for label in range(CLASSES):
        given = answers[about.truth == label]
        for answer in range(CLASSES):
            count, probability = int((given == answer).sum()), matrix[label][answer]
            low, high = (
                binom.interval(1 - 1e-6, len(given), probability)
                if 0 < probability < 1
                else (
                    probability * len(given),
                    probability * len(given),
                )
            )
            assert low <= count <= high, (label, answer)


def test_an_answer_depends_on_seed_and_example_alone():
    """Examples that come after an example, and opinions asked besides, change nothing of its answer."""
    about, annotator = asked(500), Uniform(0.5)
    part = Asked(about.truth[:300], about.examples[:300], CLASSES)
    assert np.array_equal(annotate(annotator, about, SEED)[:300], annotate(annotator, part, SEED))
    assert np.array_equal(annotate(annotator, about, SEED), annotate(annotator, about, SEED))
    assert not np.array_equal(annotate(annotator, about, SEED), annotate(annotator, about, SEED + 1))
    first = annotator.opinion(about, 0, np.random.default_rng(rng.derive(SEED, "annotator", 0)))
    assert np.array_equal(annotate(annotator, about, SEED), first)
    assert np.array_equal(annotate(Uniform(0.0), about, SEED), about.truth)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_a_majority_equals_the_count_of_hands_and_ties_go_to_the_first_named(count):
    """Counter.most_common lists what is equally frequent in the order in which it was first seen."""
    labels = np.random.default_rng(count).choice([*range(3), STRANGER], (count, 2000))
    expected = [Counter(opinions).most_common(1)[0][0] for opinions in labels.T.tolist()]
    assert majority(labels, 3).tolist() == expected


def test_several_opinions_are_those_of_several_loops():
    about = asked(3000)
    answers = annotate(Uniform(0.4, opinions=3), about, SEED)
    loops = zip(*(slow_opinion(about, uniform_matrix(0.4), number) for number in range(3)), strict=True)
    assert answers.tolist() == [Counter(opinions).most_common(1)[0][0] for opinions in loops]
    wrong = [(annotate(Uniform(0.4, opinions), about, SEED) != about.truth).mean() for opinions in (1, 3, 5)]
    assert wrong == sorted(wrong, reverse=True)


def slow_likeness(about: Asked, temperature: float) -> np.ndarray:
    """exp of the cosine between the centers of classes, in plain loops."""
    rows = about.examples.reshape(len(about.truth), -1).astype(np.float64)
    centers = [rows[about.truth == label].mean(0) for label in range(CLASSES)]
    middle = sum(centers) / CLASSES
    made = np.zeros((CLASSES, CLASSES))
    for i in range(CLASSES):
        for j in range(CLASSES):
            one, other = centers[i] - middle, centers[j] - middle
            if i != j:
                made[i, j] = np.exp(one @ other / np.linalg.norm(one) / np.linalg.norm(other) / temperature)
    return made


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.8, 0.99, 1.0])
@pytest.mark.parametrize("kind", ["vectors", "pixels"])
def test_similar_classes_are_confused_at_the_rate_that_is_asked_for(kind, rate):
    """Errors have the shares of exp(cosine / temperature); the rate holds over the pool, of whatever class sizes."""
    about = asked(4000)
    numbers = np.random.default_rng(1)
    patterns = numbers.normal(size=(CLASSES + 1, 3, 4, 4))
    patterns[1] = patterns[0] + 0.3 * patterns[1]  # two classes that are alike
    images = 128 + 30 * (patterns[about.truth] + numbers.normal(size=(4000, 3, 4, 4)))
    examples = (
        images.clip(0, 255).astype(np.uint8) if kind == "pixels" else images.reshape(4000, -1)[:, :30].astype("f4")
    )
    about = Asked(about.truth, examples, CLASSES)
    matrix = Confusing(rate, temperature=0.5).matrix(about)
    assert np.allclose(matrix.sum(1), 1)
    assert matrix.min() >= 0
    counts = np.array([(about.truth == label).sum() for label in range(CLASSES)])
    errors = 1 - matrix.diagonal()
    assert counts @ errors / counts.sum() == pytest.approx(rate, abs=1e-12)
    weights = slow_likeness(about, 0.5)
    beside = matrix * ~np.eye(CLASSES, dtype=bool)
    assert np.allclose(beside / beside.sum(1, keepdims=True), weights / weights.sum(1, keepdims=True), rtol=1e-6)
    free = errors < 1 - 1e-9  # the classes that err as often as their weights say, up to one factor
    factors = errors[free] / weights.sum(1)[free]
    assert np.allclose(factors, factors[:1], rtol=1e-6)
    assert (factors[:1] * weights.sum(1)[~free] >= 1 - 1e-9).all() if free.any() else rate == 1
    if rate < 0.5:
        assert free.all()
        assert matrix[0].argsort()[-2] == 1
        assert matrix[1].argsort()[-2] == 0


def test_a_matrix_is_scaled_to_a_rate_and_read_from_files(tmp_path):
    about = asked(2000)
    shares = np.bincount(about.truth[about.truth >= 0], minlength=CLASSES) / (about.truth >= 0).sum()
    given = Confusing(matrix=MATRIX).matrix(about)
    assert np.array_equal(given, MATRIX)
    lower = Confusing(rate=0.1, matrix=MATRIX).matrix(about)
    errors = 1 - np.array(MATRIX).diagonal()
    factor = 0.1 / (shares @ errors)
    assert np.allclose(1 - lower.diagonal(), factor * errors)
    assert np.allclose(lower[1, 2:], factor * np.array(MATRIX)[1, 2:])
    np.save(tmp_path / "m.npy", MATRIX)
    (tmp_path / "m.csv").write_text("".join(";".join(map(str, row)) + "\n" for row in MATRIX))
    for name in ("m.npy", "m.csv"):
        assert np.array_equal(Confusing(matrix=str(tmp_path / name)).matrix(about), MATRIX)


@pytest.mark.parametrize("annotator", [Uniform(0.3), Uniform(1.0, opinions=3), Confusing(0.5), Confusing(1.0)])
@pytest.mark.parametrize("truth", [[STRANGER] * 5, [2] * 5, [2, STRANGER, 2]], ids=["strangers", "one class", "both"])
def test_pools_of_one_class_and_of_strangers_get_answers(annotator, truth):
    about = Asked(np.array(truth), np.random.default_rng(0).normal(size=(len(truth), 6)).astype("f4"), CLASSES)
    answers = annotate(annotator, about, SEED)
    assert ((answers == STRANGER) == (about.truth == STRANGER)).all()
    if getattr(annotator, "rate", 0) == 1:
        assert (answers != about.truth)[about.truth != STRANGER].all()


def test_alruns_own_annotators_keep_the_contract():
    for annotator in (Perfect(), Uniform(0.2, 3), Confusing(0.3), Confusing(matrix=[[0.5, 0.5, 0]] * 3)):
        check_annotator(annotator)


class Tired(Annotator):
    """A user's: errs the more the later an example comes."""

    def __init__(self, opinions: int = 1) -> None:
        self.opinions = opinions

    def opinion(self, asked: Asked, number: int, draws: np.random.Generator) -> np.ndarray:
        wrong = draws.random(len(asked.truth)) < np.linspace(0, 1, len(asked.truth))
        return np.where(wrong & (asked.truth != STRANGER), (asked.truth + 1) % asked.classes, asked.truth)


class Off(Tired):
    """Names a class that there is not."""

    def opinion(self, asked: Asked, number: int, draws: np.random.Generator) -> np.ndarray:
        return asked.truth + asked.classes


class Changing(Tired):
    """Says something else each time."""

    def opinion(self, asked: Asked, number: int, draws: np.random.Generator) -> np.ndarray:
        return np.random.default_rng().integers(0, asked.classes, len(asked.truth))


class Spoiling(Tired):
    """Writes into the truth."""

    def opinion(self, asked: Asked, number: int, draws: np.random.Generator) -> np.ndarray:
        asked.truth[:] = 0
        return asked.truth


def test_an_annotator_of_a_users_own_is_taken_and_checked(composed):
    check_annotator(Tired(opinions=2))
    for wrong, words in (
        (Off(), "names class"),
        (Changing(), "differ"),
        (Spoiling(), "changes what it is asked about"),
    ):
        with pytest.raises((UserError, Broken), match=words):
            check_annotator(wrong)
    cfg = composed("runtime.device=cpu", "limit=200", "budget.seed_size=20", "budget.batch_size=20", "budget.total=60")
    cfg.annotator = {"_target_": f"{__name__}.Tired", "opinions": 2}
    data = build_parts(cfg, CPU).data
    pool, seed_set = build_pool(cfg, data, CPU)
    assert (len(seed_set), pool.opinions) == (10, 2)
    late, early = (slice(100, 200), slice(0, 100))
    wrong = pool.labels != pool.truth
    assert wrong[late].sum() > wrong[early].sum() > 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rate": 1.5}, "annotator.rate=1.5 is not possible: give a number"),
        ({"rate": None, "matrix": None}, "must know how often it errs"),
        ({"matrix": [[1, 0], [0, 1]]}, "a row and a column for each of the 10 classes"),
        ({"matrix": [[0.2] * 10] * 10}, "row 0 must hold probabilities that add up to 1; it adds up to 2"),
        ({"matrix": np.eye(10).tolist(), "rate": 0.2}, "never mistakes some classes, so at most 0"),
        ({"matrix": "nowhere.csv"}, "annotator.matrix=nowhere.csv: there is no such file"),
        ({"rate": 0.2, "opinions": 0}, "annotator.opinions=0 is not possible"),
    ],
)
def test_what_cannot_be_is_one_sentence(composed, settings, words):
    cfg = composed("annotator=confusing", "runtime.device=cpu", "limit=200", "budget.seed_size=20", "budget.total=60")
    cfg.annotator.update(settings)
    with pytest.raises(UserError, match=words):
        build_pool(cfg, build_parts(cfg, CPU).data, CPU)


def test_the_seed_set_and_the_cap_go_by_the_truth_and_copies_are_asked_about_apart(composed):
    """Redundancy, seed set and cap are as without an annotator; what the pool holds as labels are his answers."""
    settings = ("runtime.device=cpu", "limit=300", "budget.seed_size=20", "budget.batch_size=20", "budget.total=60")
    settings += ("seed_set=balanced", "redundancy=duplicate", "redundancy.unique=150", "per_class_cap=c1000")
    settings += ("per_class_cap.limit=9", "seed_set=balanced")
    plain, noisy = composed(*settings), composed(*settings, "annotator=uniform", "annotator.rate=0.5")
    data = build_parts(plain, CPU).data
    (true, seeds), (pool, chosen) = build_pool(plain, data, CPU), build_pool(noisy, data, CPU)
    assert torch.equal(seeds, chosen)
    assert torch.equal(true.queryable, pool.queryable)
    assert torch.equal(pool.truth, true.labels)
    assert true.truth is true.labels
    assert torch.equal(torch.from_numpy(data.train_labels), pool.truth)
    answers = annotate(Uniform(0.5), Asked(data.train_labels, data.train_images, 10), seed=0)
    assert pool.labels.tolist() == answers.tolist()
    assert (pool.labels[seeds] != pool.truth[seeds]).any()
    again = factory.build(noisy.annotator, "annotator")
    assert again.opinions == 1
