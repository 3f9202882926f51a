"""What somebody may have meant by a name that does not exist."""

import pytest

from alrun.system.words import closest, distance


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("bagde", ["badge", "bald", "random"], "badge"),
        ("training.max_epoch", ["training.max_epochs", "training.batch_size"], "training.max_epochs"),
        ("training.epochs", ["training.max_epochs", "training.batch_size"], "training.max_epochs"),
        ("learning_rate", ["lr", "width"], "lr"),
        ("core_set", ["coreset", "random"], "coreset"),
        ("KMeans++", ["kmeans", "margin"], "kmeans"),
        ("uniform", ["coreset", "random"], "random"),
        ("resnet", ["resnet18", "vgg11"], "resnet18"),
        ("dataset.imbalance", ["dataset.mean", "dataset.std", "dataset.size"], None),
        ("dataset.ood", ["dataset.mean", "dataset.std", "dataset.path"], None),
        ("label_noise", ["dataset", "limit", "model", "name"], None),
        ("budget.size", ["budget.seed_size", "budget.batch_size"], None),  # either could be meant
        ("dog", ["frog", "cat"], None),
        ("x", ["y"], None),
    ],
)
def test_a_suggestion_is_alike_in_letters_or_meaning(name, known, meant):
    expected = f"did you mean {meant}?" if meant else f"choose from: {', '.join(sorted(known))}."
    assert closest(name, known) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"), [("badge", "bagde", 1), ("", "abc", 3), ("kitten", "sitting", 3), ("ca", "abc", 3)]
)
def test_letters_that_differ(one, other, expected):
    assert distance(one, other) == distance(other, one) == expected
