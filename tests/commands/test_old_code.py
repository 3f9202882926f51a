"""Code and YAML files of alrun 0.1: ``check`` says what to change in them, and after that they work."""

import importlib
import sys
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from alrun.commands import check
from alrun.commands.old_code import Change, find_changes
from alrun.settings import factory
from alrun.settings.hydra_errors import mistake_sentence
from alrun.strategies import ScoreStrategy
from alrun.system import moved
from alrun.system.errors import UserError
from alrun.testing.contract import problems

OLD = {  # as `alrun.new` of 0.1.0 wrote them, and what users might have added
    "my_old/ratio.py": '''
"""Ratio: one idea of what to label next."""

from torch import Tensor

from alrun.errors import at_least
from alrun.strategies import Needs, Outputs, ScoreStrategy
from alrun.strategies.disagreement import Bald, VoteEntropy
from alrun.strategies.uncertainty import Entropy


class Ratio(ScoreStrategy):
    needs = Needs(log_probs=True)

    def __init__(self, power: float = 1.0) -> None:
        at_least("strategy.power", power, 0)
        self.power = power

    def score(self, unlabeled: Outputs) -> Tensor:
        """How much each example is wanted, (n,): the highest are labeled."""
        first, second = unlabeled.probs.topk(2).values.unbind(1)
        return (second / first) ** self.power + 0 * Entropy().score(unlabeled)
''',
    "my_old/layer.py": """
from torch import nn

from alrun.errors import at_least
from alrun.model import Classifier


class Layer(Classifier):
    def __init__(self, channels: int, image_size: tuple[int, int], classes: int, width: int = 64) -> None:
        super().__init__()
        at_least("model.width", width, 1)
        pixels = channels * image_size[0] * image_size[1]
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(pixels, width), nn.ReLU())
        self.head = nn.Linear(width, classes)
""",
    "my_old/bars.py": """
import numpy as np

import alrun.rng as streams
from alrun.data.dataset import ImageData
from alrun.data.torchvision_import import torchvision


def bars(root: str, examples: int = 60) -> ImageData:
    rng = np.random.default_rng(streams.derive(0, "bars"))
    images = rng.integers(128, size=(examples, 1, 8, 8), dtype=np.uint8)
    labels = np.arange(examples) % 2
    return ImageData(images[20:], labels[20:], images[:20], labels[:20])
""",
    "tests/test_ratio.py": """
import torch

from alrun.contract import problems
from alrun.strategies import Outputs
from my_old.ratio import Ratio


def test_it_keeps_what_every_strategy_promises():
    assert problems(Ratio()) == []


def test_an_example_between_two_classes_is_wanted_most():
    probs = torch.tensor([[0.9, 0.1, 0.0], [0.5, 0.5, 0.0], [0.5, 0.3, 0.2]])
    scores = Ratio().score(Outputs(torch.arange(3), log_probs=probs.log()))
    assert scores.argsort(descending=True).tolist() == [1, 2, 0]
""",
    "conf/strategy/many.yaml": """
_target_: alrun.strategies.subsample.Subsample
factor: 5
inner:
  _target_: my_old.ratio.Ratio
  power: 2
""",
    "conf/experiment/mine.yaml": """
# @package _global_
strategy:
  neighbours: 3
dss:
  lam: 0.5
hydra:
  sweeper:
    params:
      strategy: my_old.ratio
""",
}
WANTED = {
    "my_old/ratio.py": [
        "line 6: from alrun.errors import at_least  ->  from alrun import at_least",
        "line 8: from alrun.strategies.disagreement import Bald, VoteEntropy  ->  "
        "from alrun.strategies.bald import Bald\n"
        "from alrun.strategies.more.disagreement import VoteEntropy",
        "line 19: unlabeled: Outputs  ->  query",
        "line 21: unlabeled  ->  query.unlabeled",
        "line 22: unlabeled  ->  query",
    ],
    "my_old/layer.py": [
        "line 4: from alrun.errors import at_least  ->  from alrun import at_least",
        "line 5: from alrun.model import Classifier  ->  from alrun import Classifier",
    ],
    "my_old/bars.py": [
        "line 4: alrun.rng as streams  ->  alrun.system.rng as streams",
        "line 6: from alrun.data.torchvision_import import torchvision  ->  "
        "from alrun.system.torchvision_import import torchvision",
    ],
    "tests/test_ratio.py": [
        "line 2: add import alrun",
        "line 4: from alrun.contract import problems  ->  from alrun import problems",
        "line 15: Outputs(torch.arange(3), log_probs=probs.log())  ->  "
        "alrun.query_about(Outputs(torch.arange(3), log_probs=probs.log()))",
    ],
    "conf/strategy/many.yaml": [
        "line 2: alrun.strategies.subsample.Subsample  ->  alrun.strategies.more.subsample.Subsample",
        "line 3: factor  ->  candidate_factor",
    ],
    "conf/experiment/mine.yaml": ["line 4: neighbours  ->  neighbors", "line 6: lam  ->  ridge"],
}


@pytest.fixture
def old(tmp_path, monkeypatch) -> Path:
    for name, text in OLD.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "my_old" / "__init__.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [each for each in sys.modules if each.partition(".")[0] in ("my_old", "test_ratio")]:
        del sys.modules[name]


def changed(path: Path, found: list[Change]) -> None:
    """What a user does: each old text by the new one, from the last line to the first."""
    lines = path.read_text().split("\n")
    for each in sorted(found, reverse=True):
        line = lines[each.line - 1]
        assert line[each.column :].startswith(each.old)
        lines[each.line - 1] = line[: each.column] + each.new + line[each.column + len(each.old) :]
    path.write_text("\n".join(lines))


def test_own_files_of_0_1_work_after_the_changes_that_check_prints(old, capsys):
    assert check.check_one("my_old", [], timed=False) is False
    printed = capsys.readouterr().out
    for name, wanted in WANTED.items():
        assert [str(each) for each in find_changes(old / name)] == wanted
        assert f"{name} was written for alrun 0.1. Change\n  " + "\n  ".join(wanted) in printed
    for name in OLD:
        changed(old / name, find_changes(old / name))
        assert find_changes(old / name) == []
    assert check.check_one("my_old", [], timed=False) is True
    assert "nothing in it was written for alrun 0.1" in capsys.readouterr().out

    ratio = importlib.import_module("my_old.ratio").Ratio
    assert problems(ratio(2.0)) == []
    sys.path.insert(0, str(old / "tests"))
    tests = importlib.import_module("test_ratio")
    sys.path.remove(str(old / "tests"))
    tests.test_an_example_between_two_classes_is_wanted_most()
    model = importlib.import_module("my_old.layer").Layer(1, (8, 8), classes=5, width=7)
    assert model(torch.rand(2, 1, 8, 8)).shape == (2, 5)
    data = importlib.import_module("my_old.bars").bars("")
    assert (data.classes, len(data.train_labels)) == (2, 40)


@pytest.mark.parametrize("name", ["my_old.ratio.Ratio", "my_old/ratio.py", "my_old.ratio"])
def test_files_are_found_by_class_path_and_module_and_are_not_imported(old, capsys, name):
    assert check.check_one(name, [], timed=False) is False
    printed = capsys.readouterr().out
    assert "my_old/ratio.py was written for alrun 0.1. Change" in printed
    assert "tests/test_ratio.py" in printed  # it speaks of the module
    assert "my_old/layer.py" not in printed
    assert "my_old.ratio" not in sys.modules


def test_a_file_that_is_not_python_and_a_name_of_nothing_are_one_sentence(old):
    (old / "my_old" / "ratio.py").write_text("def (")
    with pytest.raises(UserError, match=r"my_old/ratio.py cannot be read: invalid syntax"):
        check.check_one("my_old", [], timed=False)
    with pytest.raises(UserError, match="nowhere: there is no such file, folder, class or option"):
        check.check_one("nowhere", [], timed=False)


def test_a_score_of_the_unlabeled_is_refused_in_a_sentence_where_it_is_defined():
    with pytest.raises(UserError, match=r"Old.score\(self, unlabeled\) is from alrun 0.1: write score\(self, query\)"):

        class Old(ScoreStrategy):
            def score(self, unlabeled):
                return unlabeled.probs


RENAMED = [
    (group, of, old, new)
    for group, classes in moved.SETTINGS.items()
    for of, n in classes.items()
    for old, new in n.items()
]
OPTION = {
    **{"Bait": "bait", "BatchBald": "batch_bald", "Bemps": "bemps", "Cal": "cal", "ClusterMargin": "cluster_margin"},
    **{"DropQuery": "dropquery", "Fass": "fass", "Glister": "glister", "GradMatch": "grad_match"},
    **{
        "NoiseStability": "noise_stability",
        "Submodular": "submodular",
        "Subsample": "subsample",
        "TypiClust": "typiclust",
    },
}
EMBEDDED = {"strategy": "typiclust", "seed_set": "facility_location"}  # options with embeddings in them


@pytest.mark.parametrize(("group", "of", "old", "new"), RENAMED)
def test_a_renamed_setting_is_named_on_the_command_line_and_in_a_file(composed, group, of, old, new):
    option, at = [f"{group}={OPTION.get(of, EMBEDDED.get(group))}"], group
    if of == "FromFeatures":
        at = f"{group}.embeddings"
        option.append(f"embeddings@{at}=torchvision")
    cfg = composed(*option)
    *outer, last = new.split(".")
    assert last in OmegaConf.select(cfg, ".".join([at, *outer]))
    assert old not in OmegaConf.select(cfg, at)
    words = f"{at}.{old} is now {at}.{new}."
    with pytest.raises(Exception, match=old) as raised:
        composed(*option, f"{at}.{old}=1")
    assert words in str(mistake_sentence(raised.value))
    cfg = composed(*option, f"+{at}.{old}=1")
    with pytest.raises(UserError, match=words):
        factory.build(cfg[group], group)


def test_every_old_place_leads_to_one_that_is_there():
    for name in moved.MOVED.values():
        importlib.import_module(f"alrun.{name}")
    for name in moved.NAMES.values():
        module, _, last = name.rpartition(".")
        assert hasattr(importlib.import_module(f"alrun.{module}"), last)
    with pytest.raises(ModuleNotFoundError, match=r"alrun.strategies.power is now alrun.strategies.more.power"):
        importlib.import_module("alrun.strategies.power")
    assert not set(moved.MOVED) & {"strategies.typiclust", "strategies.badge", "data.dataset"}  # where they were
