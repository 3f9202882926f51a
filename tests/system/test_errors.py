"""Whose mistake an error is: the user's in one sentence, alrun's with its traceback."""

import errno
import os

import pytest
from hydra.errors import ConfigCompositionException

from alrun.system.errors import UserError, closest, distance, sentence, unusable, writing


def raised(work) -> BaseException:
    try:
        work()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def user_mistake():
    raise UserError("seed=x is no number.")


def test_a_users_mistake_is_its_sentence_through_any_number_of_causes():
    def wrapped():
        try:
            user_mistake()
        except UserError as error:
            raise RuntimeError("in a library") from error

    def twice():
        try:
            wrapped()
        except RuntimeError as error:
            raise KeyError("further up") from error

    for work in (user_mistake, wrapped, twice):
        assert sentence(raised(work)) == "seed=x is no number."


def test_a_mistake_of_alruns_while_a_users_is_handled_is_alruns():
    def handled():
        try:
            user_mistake()
        except UserError:
            1 / 0  # noqa: B018

    def closed():
        try:
            user_mistake()
        finally:
            [].pop()

    def suppressed():
        try:
            user_mistake()
        except UserError:
            raise ZeroDivisionError from None

    for work in (handled, closed, suppressed):
        assert sentence(raised(work)) is None


def test_what_hydra_passes_on_without_a_cause_is_still_the_users(monkeypatch):
    names = {
        "UserError": UserError,
        "ConfigCompositionException": ConfigCompositionException,
        "__name__": "hydra.core.x",
    }
    exec(
        "def compose(work):\n    try:\n        work()\n    except Exception:\n"
        "        raise ConfigCompositionException('in a file')\n",
        names,
    )
    assert sentence(raised(lambda: names["compose"](user_mistake))) == "seed=x is no number."


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.ENOTDIR])
def test_the_system_is_translated_where_files_are_written_and_nowhere_else(code):
    error = OSError(code, os.strerror(code), "/somewhere")
    assert sentence(error) is None
    with pytest.raises(UserError, match=r"/somewhere cannot be used \(.*\): free space there"), writing():
        raise error
    assert unusable(OSError(errno.EBADF, "Bad file descriptor")) is None


def test_a_sentence_is_one_line_that_no_terminal_obeys():
    assert sentence(UserError("a\nb\x1b[31mc")) == r"a\nb\x1b[31mc"


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
