"""Labels that real people gave: which cell is whose, what a cell means, and that nothing of it is lost on the way."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch

from alrun.data.dataset import STRANGER
from alrun.loop.components import build_parts, build_pool
from alrun.pool.annotator import Asked, annotate
from alrun.pool.opinions_file import FromFile
from alrun.system.errors import UserError

CPU = torch.device("cpu")
NAMES = ["bird", "cat", "dog"]


def asked(truth: list[int], names: list[str] | None = None, **about) -> Asked:
    return Asked(np.array(truth), np.zeros((len(truth), 2), np.float32), 3, names, **about)


def table(folder, **columns) -> str:
    pd.DataFrame(columns).to_csv(folder / "labels.csv", index=False)
    return str(folder / "labels.csv")


def test_cells_name_classes_by_name_or_number_and_none_of_these(tmp_path):
    path = table(tmp_path, who=["Cat", "2", "none of these", " dog", "1.0", "bird"])
    answers = annotate(FromFile(path), asked([0] * 6, NAMES), 0)
    assert answers.tolist() == [1, 2, STRANGER, 2, 1, 0]


def test_names_that_are_numbers_are_names(tmp_path):
    """In a data set of the digits 1, 2 and 3, the label 1 is the first class."""
    path = table(tmp_path, who=[3, 1, 2])
    assert annotate(FromFile(path), asked([0] * 3, ["1", "2", "3"]), 0).tolist() == [2, 0, 1]
    np.save(tmp_path / "labels.npy", np.array([2, 0, 1]))
    assert annotate(FromFile(str(tmp_path / "labels.npy")), asked([0] * 3), 0).tolist() == [2, 0, 1]


def test_what_open_set_holds_out_or_brings_along_is_none_of_these(tmp_path):
    """Classes 0, 2 and 3 of five are known, as 0, 1 and 2; row -1 is of another data set."""
    np.save(tmp_path / "labels.npy", np.array([0, 1, 2, 3, 4, 2]))
    known = asked([0, 0, 1, 2, STRANGER, STRANGER], numbers=(0, 2, 3), rows=np.array([0, 1, 2, 3, 4, -1]))
    answers = annotate(FromFile(str(tmp_path / "labels.npy")), known, 0)
    assert answers.tolist() == [0, STRANGER, 1, 2, STRANGER, STRANGER]
    path = table(tmp_path, who=["bird", "cow", "dog", "cat", "ant"])
    named = asked([0, 0, 1, 2, STRANGER], NAMES, numbers=(1, 2, 3))
    assert annotate(FromFile(path), named, 0).tolist() == [0, STRANGER, 2, 1, STRANGER]


def test_nobody_knows_what_people_would_say_of_examples_that_shift_brings(tmp_path):
    about = asked([0, 1], NAMES, rows=np.array([0, -1]))
    with pytest.raises(UserError, match="cannot say anything of the examples that shift=pool brings"):
        annotate(FromFile(table(tmp_path, who=["cat"])), about, 0)


def test_opinions_are_the_first_columns_and_their_majority_is_the_answer(tmp_path):
    votes = np.random.default_rng(0).choice([0, 1, 2], (500, 4))
    path = table(tmp_path, truth=[0] * 500, **{f"p{n}": votes[:, n] for n in range(4)})
    for opinions in (1, 2, 3, 4):
        annotator = FromFile(path, ["p0", "p1", "p2", "p3"], opinions)
        expected = [Counter(each[:opinions]).most_common(1)[0][0] for each in votes.tolist()]
        assert annotate(annotator, asked([0] * 500), 0).tolist() == expected


@pytest.mark.parametrize(
    ("cells", "settings", "words"),
    [
        (
            ["cat", "cow"],
            {},
            "'cow' at example 1 of the pool is not a class: give 'none of these', or one of bird, cat",
        ),
        (["cat", "3"], {}, "'3' at example 1"),
        (["cat", "-1"], {}, "'-1' at example 1"),
        (["cat", "nan"], {}, "'nan' at example 1"),
        (["cat", "dog"], {"columns": ["a"]}, "has no column a: it has who, other"),
        (["cat", "dog"], {"columns": ["who"], "opinions": 2}, "annotator.columns names 1"),
    ],
)
def test_what_is_not_a_label_is_refused_in_one_sentence(tmp_path, cells, settings, words):
    path = table(tmp_path, who=cells, other=cells)
    with pytest.raises(UserError, match=words):
        annotate(FromFile(path, **({"columns": ["who"]} | settings)), asked([0, 1], NAMES), 0)
    with pytest.raises(UserError, match=r"has 2 columns, and annotator.opinions=1: name those .* out of who, other"):
        annotate(FromFile(path), asked([0, 1], NAMES), 0)


def test_a_run_finds_the_row_of_each_example_whatever_was_left_out_or_repeated(composed, tmp_path):
    """Thinned by limit=, held out by validation=, copied by redundancy=: the answer is that about its own image."""
    full = build_parts(composed("runtime.device=cpu"), CPU).data
    opinions = np.random.default_rng(0).integers(0, 10, len(full.train_labels))
    np.save(tmp_path / "opinions.npy", opinions)
    place = {full.train_images[row].tobytes(): row for row in range(len(full.train_labels))}
    settings = ("runtime.device=cpu", "limit=400", "validation=50", "budget.seed_size=20", "budget.batch_size=20")
    settings += ("budget.total=110", "redundancy=duplicate", "redundancy.unique=100")
    cfg = composed(*settings, "annotator=file", f"annotator.path={tmp_path / 'opinions.npy'}")
    pool, _ = build_pool(cfg, build_parts(cfg, CPU).data, CPU)
    rows = [place[image.numpy().tobytes()] for image in pool.images]
    assert len(set(rows)) < len(rows) == 350
    assert pool.labels.tolist() == opinions[rows].tolist()
    assert pool.truth.tolist() == full.train_labels[rows].tolist()


def test_the_labels_of_real_people_err_as_often_as_their_source_says(real_data):
    """CIFAR-10N: 17.2 % of the first person's labels are wrong; three opinions err least, half as often."""
    path = real_data / "cifar10n" / "cifar10n_labels.npz"
    if not path.exists():
        pytest.skip("no labels of CIFAR-10N")
    with np.load(path) as stored:
        clean, people = stored["clean_label"].astype(int), [f"random_label{n}" for n in (1, 2, 3)]
        votes = np.stack([stored[name] for name in people])
    about = Asked(clean, np.zeros((len(clean), 1), np.float32), 10)
    one = annotate(FromFile(str(path), people), about, 0)
    assert (one != clean).mean() == pytest.approx(0.172, abs=5e-4)
    three = annotate(FromFile(str(path), people, 3), about, 0)
    agreed = [Counter(each).most_common(1)[0] for each in votes.T.tolist()]
    assert three.tolist() == [label for label, _ in agreed]
    assert (three != clean).mean() < 0.1
