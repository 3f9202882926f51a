"""A configuration calls what makes parts of a run, and what the user lists, nothing else."""

import sys
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from alrun import cli, config, targets
from alrun.data import torchvision_import  # noqa: F401 - transforms can be imported after it
from alrun.errors import UserError
from alrun.validate import validate


@pytest.fixture(autouse=True)
def nothing_listed(monkeypatch):
    monkeypatch.setenv(targets.VARIABLE, "")


def test_every_option_of_alrun_is_allowed():
    names = {
        name
        for path in (Path(__file__).parent.parent / "conf").rglob("*.yaml")
        if "hydra" not in path.parts
        for _, name in targets.named(OmegaConf.to_container(OmegaConf.load(path)), keys=("_target_",))
        if name != "alrun.sweep.RememberSweep"
    }
    assert len(names) > 70
    for name in names:
        assert targets.within(name, targets.PARTS), name
        targets.check_origin(config.resolved(name, "x"), name, "x")


OTHER = [
    "os.system",
    "subprocess.run",
    "builtins.eval",
    "torch.load",
    "torch.hub.load",
    "torch.utils.cpp_extension.load",
    "alrun.files.write_text",
    "torchvision.datasets.utils.download_and_extract_archive",
    "mine.Mine",
    "torchx.nn.A",
]
BORROWED = [
    "torch.nn.functional.torch.os.system",
    "torch.optim.sgd.torch.load",
    "alrun.strategies.base.torch.load",
    "sklearn.os.system",
    "alrun.data.sources.np.load",
    "torch.nn.modules.module.functools.partial",
]


@pytest.mark.parametrize("name", OTHER)
def test_other_code_is_refused_before_it_is_imported(composed, name):
    for override in (f"strategy._target_={name}", f"+strategy.inner.deep=[{{_target_: {name}}}]"):
        with pytest.raises(
            UserError, match=rf"strategy.*={name} would run code .* add allow=\[.*\] to the command line"
        ):
            validate(composed(override))


@pytest.mark.parametrize("name", BORROWED)
def test_what_an_allowed_module_has_imported_is_not_its_own(name):
    for node in ({"_target_": name}, {"_target_": "torch.nn.Identity", "inner": {"_target_": name}}):
        with pytest.raises(UserError, match=r"is defined in|cannot be imported"):
            config.build(OmegaConf.create(node), "strategy")


def test_the_user_lists_modules_on_the_command_line(composed):
    targets.allow_typed(["strategy=badge", "allow=[mine, 'other.part']"])
    assert targets.allowed() == ["mine", "other.part"]
    validate(composed("strategy._target_=mine.deep.Mine", "allow=[mine]"))
    with pytest.raises(UserError, match="mines"):
        validate(composed("strategy._target_=mines.Mine"))


def test_a_list_in_a_file_allows_nothing(composed):
    with pytest.raises(UserError, match=r"allow=\[os\] stands in a configuration file"):
        validate(composed("strategy._target_=os.system", "allow=[os]"))  # composed, not typed


@pytest.mark.parametrize(
    "text",
    [
        "callbacks: {evil: {_target_: pathlib.Path.touch, self: EVIL}}",
        "job_logging: {handlers: {evil: {(): pathlib.Path.touch, self: EVIL}}}",
        "job_logging: {handlers: {console: {class: pathlib.Path}}}",
    ],
)
def test_a_file_from_a_stranger_cannot_have_hydra_call_code(tmp_path, monkeypatch, capsys, text):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "evil.yaml").write_text(f"# @package _global_\nhydra:\n  {text}\n")
    GlobalHydra.instance().clear()
    monkeypatch.setattr(sys, "argv", ["alrun", "--config-dir", str(tmp_path), "experiment=evil", "--cfg", "job"])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    assert "would run code that is not alrun's" in capsys.readouterr().err
    assert not (tmp_path / "EVIL").exists()


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
        assert "eval(" not in text.replace("model.eval()", "").replace(".eval()", ""), path
