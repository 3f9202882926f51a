"""Whose mistake an error is: the user's in one sentence, alrun's with its traceback."""

import re

import pytest
from hydra.errors import ConfigCompositionException

from alrun.settings import planned_runs
from alrun.settings.hydra_errors import mistake_sentence
from alrun.system.errors import UserError


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
        assert mistake_sentence(raised(work)) == "seed=x is no number."


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
        assert mistake_sentence(raised(work)) is None


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
    assert mistake_sentence(raised(lambda: names["compose"](user_mistake))) == "seed=x is no number."


def test_a_sentence_is_one_line_that_no_terminal_obeys():
    assert mistake_sentence(UserError("a\nb\x1b[31mc")) == r"a\nb\x1b[31mc"


def test_a_value_that_is_that_of_a_setting_which_is_not_there_names_both():
    with pytest.raises(Exception, match="Interpolation key") as error:
        planned_runs.runs_of_command(["model=linear", "first_optimizer=sgd"])
    assert mistake_sentence(error.value) == (
        "first_optimizer.lr takes the value of optimizer.lr, and the optimizer of this run has no lr: "
        "choose another optimizer, or leave out first_optimizer=..."
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            "strategy=typiclust embeddings@strategy.embeddings=pixels",
            "embeddings=pixels is gone: .*encoder=torchvision",
        ),
        ("strategy=typiclust embeddings@strategy.embeddings=file", "embeddings=file is gone: .*dataset=features"),
        ("seed_set=facility_location_pixels", "seed_set=facility_location_pixels is gone: .*encoder=torchvision"),
        ("seed_set=dispersion_min_pixels", "seed_set=dispersion_min_pixels is gone: .*embeddings=classifier"),
    ],
)
def test_an_option_that_is_gone_is_one_sentence_with_what_to_use(composed, words, sentence):
    with pytest.raises(Exception, match=r"Could not find|In ") as error:
        composed(*words.split())
    said = mistake_sentence(error.value)
    assert said is not None
    assert re.fullmatch(sentence + r".*\.", said)


@pytest.mark.parametrize("word", ['name="${hydra:job.name}"', 'variant="${strategy.no_such}"'])
def test_a_value_that_cannot_be_computed_in_a_plan_has_no_setting_called_none(word):
    with pytest.raises(Exception, match=r"HydraConfig was not set|no_such") as error:
        planned_runs.runs_of_command([word, "seed=1"])
    sentence = str(mistake_sentence(error.value))
    assert sentence.endswith("`--cfg job` shows values of the right type.")
    assert "None" not in sentence
