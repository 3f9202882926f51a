"""A configuration calls what makes parts of a run, and what the user lists, nothing else."""

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from alrun.loop.opened import opened_beside
from alrun.settings import factory, targets
from alrun.settings.checks import validate
from alrun.system import torchvision_import  # noqa: F401 - transforms can be imported after it
from alrun.system.errors import UserError


@pytest.fixture(autouse=True)
def listed(monkeypatch):
    """Nothing is."""
    monkeypatch.setattr(targets, "_listed", None)
    monkeypatch.setenv(targets.VARIABLE, "")


def parts_of(value, key, kinds):
    """Every part in the settings of an option, with what may stand there."""
    if isinstance(value, list):
        for position, inner in enumerate(value):
            yield from parts_of(inner, f"{key}[{position}]", kinds)
    elif isinstance(value, dict):
        kinds = targets.kinds_at(key) if key in targets.KINDS else kinds
        if "_target_" in value:
            yield key, value["_target_"], kinds
        for setting, inner in value.items():
            yield from parts_of(inner, f"{key}.{setting}", targets.kinds_inside(value, setting, kinds))


def test_every_option_of_alrun_is_allowed_where_it_stands():
    names = set()
    for path in (Path(__file__).parents[2] / "conf").rglob("*.yaml"):
        group = path.relative_to(path.parents[1]).parts[0]
        if group in (*targets.KINDS, "optimizer"):
            for key, name, kinds in parts_of(OmegaConf.to_container(OmegaConf.load(path)), group, ()):
                assert targets.import_target(name, key, kinds) is not None
                names.add(name)
    assert len(names) > 70


OTHER = [
    "os.system",
    "subprocess.run",
    "builtins.eval",
    "torch.load",
    "torch.hub.load",
    "torch.utils.cpp_extension.load",
    "alrun.system.files.write_text",
    "torchvision.datasets.utils.download_and_extract_archive",
    "sklearn.utils._testing.assert_run_python_script_without_output",
    "sklearn.datasets.clear_data_home",
    "timm.create_model",
    "mine.Mine",
    "torchx.nn.A",
]
BORROWED = [  # of an allowed module by name alone
    "alrun.strategies.base.torch.load",
    "alrun.strategies.more.targeted.UserError",
    "alrun.strategies.badge.gradient_kernel",
    "torch.optim.sgd.torch.load",
    "torch.optim.lr_scheduler.partial",
    "alrun.system.torchvision_import.torchvision.models._api.WeightsEnum.get_state_dict",
]


@pytest.mark.parametrize("name", OTHER)
def test_other_code_is_refused_before_it_is_imported(composed, name):
    for override in (f"strategy._target_={name}", f"+strategy.inner.deep=[{{_target_: {name}}}]"):
        with pytest.raises(
            UserError, match=rf"strategy.*={name} would run code .* add allow=\[.*\] to the command line"
        ):
            validate(composed(override))


@pytest.mark.parametrize("name", BORROWED)
@pytest.mark.parametrize("key", ["strategy", "optimizer.build", "optimizer.schedule", "model"])
def test_what_an_allowed_module_has_imported_is_not_its_own(key, name):
    with pytest.raises(
        UserError, match=r"is defined in|cannot be imported|is not a subclass|would run code|cannot stand there"
    ):
        factory.build(OmegaConf.create({"_target_": name}), key)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("strategy", "alrun.models.SmallCnn"),
        ("strategy", "alrun.strategies.Needs"),
        ("model", "alrun.strategies.badge.Badge"),
        ("dataset", "alrun.data.own.assemble_data"),
        ("optimizer.build", "torch.optim.lr_scheduler.StepLR"),
        ("tracking", "alrun.loop.tracking.require"),
        ("augmentation", "alrun.data.transform.torchvision"),
    ],
)
def test_a_part_of_another_kind_is_refused(key, name):
    with pytest.raises(UserError, match=rf"{key}\._target_={name}"):
        factory.build(OmegaConf.create({"_target_": name}), key)


def test_a_part_stands_only_where_one_is_wanted(composed):
    for override in (
        "+dataset.mean={_target_: alrun.data.augmentation.NoAugmentation}",
        "+budget={_target_: os.system}",
    ):
        with pytest.raises(Exception, match=r"would run code|cannot stand there|budget"):
            validate(composed(override))


@pytest.mark.parametrize("group", ["strategy", "augmentation", "redundancy", "dataset", "shift", "imbalance"])
def test_what_an_interpolation_makes_is_read_as_what_it_makes(composed, group):
    for text in ("${oc.create:{_target_: joblib.load, filename: x}}", "${oc.decode:'{_target_: joblib.load}'}"):
        cfg = composed()
        cfg[group] = text
        with pytest.raises(UserError, match=rf"{group}._target_=joblib.load would run code"):
            targets.check_targets(cfg)
        with pytest.raises(UserError, match=rf"{group}._target_=joblib.load would run code|is not a part of a run"):
            factory.build(cfg[group], group)


def test_a_data_set_beside_that_of_the_run_is_a_data_set(composed):
    for name, words in (("os.system", "would run code"), ("alrun.models.SmallCnn", "cannot stand there")):
        cfg = composed("shift=test", "dataset@shift.dataset=digits", f"shift.dataset._target_={name}")
        with pytest.raises(UserError, match=rf"shift.dataset._target_={name} {words}"):
            targets.check_targets(cfg)
        with pytest.raises(UserError, match=rf"shift.dataset._target_={name} {words}"):
            opened_beside(cfg, "shift", torch.device("cpu"))


def test_a_class_that_is_not_given_is_asked_for(composed):
    with pytest.raises(UserError, match=r"encoder.network._target_ has no value: give the path of a class"):
        targets.check_targets(composed("encoder=module"))


def test_an_interpolation_that_hides_in_another_stays_a_word():
    node = OmegaConf.create(
        {"_target_": "alrun.strategies.more.power.Power", "inner": r"\${oc.create:{_target_: os.getpid}}"}
    )
    OmegaConf.resolve(node)  # once: now it reads as an interpolation
    with pytest.raises(UserError, match=r"strategy.inner._target_=os.getpid would run code"):
        factory.build(node, "strategy")


def test_the_user_lists_modules_on_the_command_line(composed):
    targets.allow_typed(["strategy=badge", "allow=[mine, 'other.part']"])
    assert targets.allowed() == ("mine", "other.part")
    validate(composed("strategy._target_=mine.deep.Mine", "allow=[mine]"))
    with pytest.raises(UserError, match="mines"):
        validate(composed("strategy._target_=mines.Mine"))


def test_the_list_is_read_once(composed, monkeypatch):
    assert targets.allowed() == ()
    monkeypatch.setenv(targets.VARIABLE, "sympy")  # as a configuration would by hydra.job.env_set
    with pytest.raises(UserError, match="sympy"):
        validate(composed("strategy._target_=sympy.sympify"))


def test_a_list_in_a_file_allows_nothing(composed):
    with pytest.raises(UserError, match=r"allow=\[os\] is in a configuration file"):
        validate(composed("strategy._target_=os.system", "allow=[os]"))  # composed, not typed


class Own:
    """A part of a user's own, of any parts."""

    def __init__(self, **parts) -> None:
        self.parts = parts

    def draw(self, count, rng):
        """As an augmentation's."""

    def apply(self, images, parameters):
        """As an augmentation's."""


def test_a_part_of_ones_own_may_be_made_of_any_parts_but_no_other_code(monkeypatch):
    monkeypatch.setattr(targets, "_listed", (__name__,))
    node = {
        "_target_": "tests.settings.test_targets.Own",
        "a": {"_target_": "alrun.data.augmentation.CropFlip", "padding": 1, "flip": True},
    }
    made = factory.build(OmegaConf.create(node), "augmentation")
    assert made.parts["a"].padding == 1
    with pytest.raises(UserError, match=r"augmentation.a\[0\]._target_=os.getpid would run code"):
        factory.build(OmegaConf.create({**node, "a": [{"_target_": "os.getpid"}]}), "augmentation")


def test_nothing_in_alrun_builds_a_shell_command_or_loads_a_pickle():
    root = Path(targets.__file__).parent
    for path in root.rglob("*.py"):
        text = path.read_text()
        for words in (
            "shell=True",
            "os.system(",
            "os.popen(",
            "pickle.load",
            "allow_pickle=True",
            "weights_only=False",
        ):
            assert words not in text, path
        assert text.count("torch.load(") == text.count("weights_only=True)"), path
        assert "eval(" not in text.replace("model.eval()", "").replace(".eval()", "").replace(
            "ast.literal_eval(", ""
        ), path
