"""The command line as a person types it: few processes, since each imports torch."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from hydra.core.global_hydra import GlobalHydra

from alrun.commands import cli
from alrun.runs.run_folder import read_failure
from alrun.strategies import Query, Strategy
from tests.heavy.crash_cases.runs import TinyRun


def alrun(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "alrun", *arguments], cwd=cwd, capture_output=True, text=True)


def test_the_command_line_alone_imports_no_torch():
    probe = (
        "import sys, alrun.commands.cli; sys.exit(bool({'torch', 'numpy', 'pandas', 'sklearn'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", probe]).returncode == 0


def test_bash_completes_commands_groups_options_and_settings(tmp_path):
    script = tmp_path / "complete.sh"
    script.write_text("""eval "$(alrun -sc install=bash)"
complete -p alrun > /dev/null
for line in "alrun strategy=typ" "alrun training.max_ep" "alrun datas" "alrun sta" "alrun status strategy=typ" \\
            "alrun ask pets/ strategy=typ"; do
    words=($line)
    COMP_LINE="$line" COMP_POINT=${#line} COMP_WORDS=($line) COMP_CWORD=$((${#words[@]} - 1)) COMPREPLY=()
    hydra_bash_completion
    echo "${COMPREPLY[@]}"
done
""")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    answer = subprocess.run(["bash", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines() == [
        "strategy=typiclust",
        "training.max_epochs=",
        "dataset. dataset=",
        "status",
        "strategy=typiclust",
        "strategy=typiclust",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["strategy=bagde"], ["strategy=bagde", "did you mean badge?"]),
        (["training.max_epoch=3"], ["training.max_epoch", "did you mean training.max_epochs?"]),
        (["training.max_epochs=many"], ["training.max_epochs", "many", "Integer"]),
        (["strategy.temperature=2"], ["strategy.temperature", "no such setting"]),
        (["strategy=badge", "strategy.nearby=20"], ["strategy.nearby", "strategy has no settings; leave it out"]),
        (["nonsense=1"], ["nonsense", "no such setting"]),
        (["budget=5"], ["budget=5: these are several settings: give each by its name, budget.<name>=..."]),
        (["+nonsense=1"], ["nonsense", "no such setting"]),
        (["+training.foo=1"], ["training.foo: there is no such setting", "training.max_epochs"]),
        (["++budget.totl=1"], ["budget.totl: there is no such setting; did you mean budget.total?"]),
        (["+optimizer.shedule=null"], ["optimizer.shedule: there is no such setting; did you mean optimizer.schedule"]),
        (["batch_size=1000"], ["batch_size=b1000", "budget.batch_size=1000"]),
        (["dataset.source=packed"], ["dataset.source", "no such setting"]),
        (["dataset=cifar10", "dataset.source=pakced"], ["dataset.source=pakced", "original or packed"]),
        (["strategy._target_=mine.Mine"], ["strategy._target_=mine.Mine", "add allow=[mine] to the command line"]),
        (["strategy._target_=mine.Mine", "allow=[mine]"], ["strategy._target_=mine.Mine", "No module named 'mine'"]),
        (["experiment=quick"], ["experiment=quick", "did you mean quickstart?"]),
        (["experiment=baseline/cifar1"], ["experiment=baseline/cifar1", "did you mean baseline/cifar10?"]),
        (["statsu"], ["statsu: there is no such command", "did you mean status?"]),
        (["nonsense", "seed=1"], ["nonsense: there is no such command", "choose from: advise, ask, check, embed"]),
        (["strategy", "badge"], ["strategy: it has no value", "group=option"]),
        (["seed=0", "status"], ["status: a command comes first"]),
        (["+="], ["the command line cannot be read", "setting=value"]),
        (["seed=0,1"], ["seed=0,1 is several values", "-m"]),
        (["dataset.classes=cat,dog"], ["is several values", "brackets", "'dataset.classes=[cat,dog]'"]),
        (["-m", "seed=range(3,0)"], ["the sweep has no runs", "an empty range"]),
        (["budget.total=5"], ["budget.total=5", "budget.seed_size=20"]),
        (["~model"], ["model has no option", "model=..."]),
        (["strategy=[random]"], ["strategy has no option", "commas"]),
        (["dataset=npz"], ["dataset.path", "add dataset.path=..."]),
        (["training.stop_accuracy=99"], ["training.stop_accuracy=99"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) and "=" in value[0] else "",
)
def test_a_mistake_is_one_sentence(tmp_path, monkeypatch, capsys, arguments, words):
    """In this process, since starting one takes seconds; others below start the program."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["alrun", *arguments])
    GlobalHydra.instance().clear()
    with pytest.raises(SystemExit) as end:
        cli.main()
    code = end.value.code
    assert code == 1 or isinstance(code, str)  # Python prints a text, and exits with status 1
    printed = code if isinstance(code, str) else ""
    lines = f"{capsys.readouterr().err}\n{printed}".strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("alrun: ")
    for word in words:
        assert word in lines[0]


def test_a_limit_on_the_size_of_files_is_one_sentence(tmp_path):
    command = f"ulimit -f 4; {sys.executable} -m alrun paths.outputs={tmp_path}/outputs strategy=random"
    answer = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path)
    assert answer.returncode == 1
    assert re.search(r"^alrun: .* cannot be used \(File too large\): free space there", answer.stderr.splitlines()[-1])


def test_an_option_that_is_no_yaml_is_named_with_its_line(tmp_path):
    (tmp_path / "conf" / "strategy").mkdir(parents=True)
    (tmp_path / "conf" / "strategy" / "mine.yaml").write_text("_target_: mine.Mine\n  power: 1\n")
    answer = alrun("--config-dir", "conf", "strategy=mine", cwd=tmp_path)
    assert answer.returncode == 1
    assert re.fullmatch(r"alrun: a configuration file is not YAML: .*mine\.yaml\", line 2.*\n", answer.stderr)


@pytest.mark.parametrize(
    ("folder", "reason"), [("file", "Not a directory"), ("/proc/alrun", "No such file or directory")]
)
def test_an_output_folder_that_is_none_is_one_sentence(tmp_path, folder, reason):
    (tmp_path / "file").touch()
    for mode in ([], ["-m"]):
        answer = alrun(*mode, "debug=fast", f"paths.outputs={folder}", cwd=tmp_path)
        assert answer.returncode == 1
        assert "Traceback" not in answer.stderr
        assert f"cannot be used ({reason})" in answer.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ("''", "paths.outputs= is empty: name a folder, such as paths.outputs=outputs"),
        ("x" * 256, "is too long for a file system: name a folder of up to 255 bytes"),
        ("/".join(["tmp"] * 1200), "is too long for a file system"),
    ],
    ids=["empty", "long name", "long path"],
)
def test_an_output_folder_that_no_system_takes_is_refused_before_anything_is_made(tmp_path, outputs, words):
    answer = alrun("debug=fast", f"paths.outputs={outputs}", cwd=tmp_path)
    assert answer.returncode == 1
    assert len(answer.stderr.strip().splitlines()) == 1
    assert words in answer.stderr
    assert not list(tmp_path.iterdir())


MINE = """
import numpy as np
from torch import nn

from alrun.data.dataset import ImageData
from alrun.models.classifier import Classifier
from alrun.strategies import Needs, ScoreStrategy


class Shortest(ScoreStrategy):
    needs = Needs(embedding=True)

    def __init__(self, power: float = 2.0) -> None:
        self.power = power

    def score(self, query):
        return -query.unlabeled.embedding.norm(dim=1) ** self.power


class Flat(Classifier):
    def __init__(self, channels, image_size, classes, bias: bool = True):
        super().__init__()
        self.head = nn.Linear(channels * image_size[0] * image_size[1], classes, bias)

    def embed(self, images):
        return images.flatten(1)


def stripes(root: str, count: int = 100) -> ImageData:
    labels = np.arange(count) % 2
    images = np.where(labels[:, None, None, None], np.eye(6), np.eye(6)[::-1]).astype(np.uint8) * 200
    return ImageData(images, labels, images[:10], labels[:10])
"""


def test_a_strategy_model_and_data_set_of_ones_own_need_no_change_of_alrun(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    for group, option, text in (
        ("strategy", "shortest", "_target_: mine.Shortest\npower: 1.0\n"),
        ("model", "flat", "_target_: mine.Flat\n"),
        ("dataset", "stripes", "_target_: mine.stripes\ncount: 100\n"),
    ):
        path = tmp_path / "conf" / group / f"{option}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    program = Path(sys.executable).with_name("alrun")  # the console script finds modules here as `python -m` does
    command = [program, "--config-dir", "conf", "debug=fast", "dataset=stripes", "model=flat", "strategy=shortest"]
    command += ["allow=[mine]"]
    path = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}  # what is found by its name is told so
    answer = subprocess.run([*command, "strategy.power=3.0"], cwd=tmp_path, capture_output=True, text=True, env=path)
    assert answer.returncode == 0, answer.stderr
    assert "round 2/2  40 labels  test accuracy 100.00 %" in answer.stderr
    (done,) = tmp_path.glob("outputs/runs/stripes-flat-*/shortest-*-seed0/done")
    last = f"Done: accuracy.csv and other results in {done.parent.relative_to(tmp_path)}. Next: alrun "
    last += "--config-dir conf strategy=random debug=fast dataset=stripes model=flat 'allow=[mine]'"
    assert answer.stderr.splitlines()[-1] == last
    answer = subprocess.run([*command, "strategy.powr=3"], cwd=tmp_path, capture_output=True, text=True)
    assert answer.returncode == 1
    assert "did you mean strategy.power?" in answer.stderr


class Leaves(Strategy):
    def select(self, query: Query) -> torch.Tensor:
        sys.exit(0)


def test_a_run_that_its_strategy_leaves_is_not_done(tmp_path, monkeypatch, capsys):
    words = ["strategy=random", f"strategy._target_={__name__}.Leaves", f"allow=[{__name__}]", "debug=fast"]
    monkeypatch.setattr(sys, "argv", ["alrun", *words, f"paths.outputs={tmp_path}"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 1
    (note,) = tmp_path.glob("runs/*/*/failed.txt")
    assert "this was left by sys.exit(0) in a part of the run: raise an error there instead." in note.read_text()


def test_a_run_that_fails_leaves_the_others_of_a_sweep_and_is_told_at_its_end(tmp_path):
    sweep = ["-m", "debug=fast", "strategy=entropy", "strategy.dropout_samples=0,3", "optimizer.lr=0.01,1e30"]
    answer = alrun(*sweep, cwd=tmp_path)
    assert answer.returncode == 1
    assert answer.stderr.count("model=small_cnn has no dropout") == 2
    lines = answer.stdout.splitlines()
    last = lines[lines.index("1 of 4 runs are done.") + 1 :]
    assert last[0] == "Failed; the same command tries them again, from their last checkpoint:"
    loss = r"loss is (nan|inf) in round 0, epoch \d, at learning rate .*: lower optimizer.lr"
    assert len([line for line in last[1:] if re.search(loss, line)]) == 1
    assert len([line for line in last[1:] if "model=small_cnn has no dropout" in line]) == 2
    assert "Traceback" not in answer.stderr
    notes = sorted(tmp_path.glob("outputs/runs/*/*/failed.txt"))
    assert len(notes) == 1  # two were refused before anything was computed, and left nothing
    assert len(list(tmp_path.glob("outputs/runs/*/*-seed*"))) == 2
    for note in notes:  # it holds the sentence that the sweep told of it
        assert f"{note.parent.relative_to(tmp_path)}: {note.read_text().strip()}" in answer.stdout


def test_a_refused_command_leaves_nothing_behind(tmp_path):
    answer = alrun("dataset=image_folder", "dataset.path=hand_fotos", "model=small_cnn", cwd=tmp_path)
    assert answer.returncode == 1
    assert "dataset.path=hand_fotos: there is no such file or folder" in answer.stderr
    assert not list(tmp_path.glob("outputs/runs/*"))


def test_a_run_that_is_started_again_has_not_failed_yet(tmp_path):
    run = TinyRun.composed()
    folder = tmp_path / run.place
    folder.mkdir(parents=True)
    (folder / "failed.txt").write_text("it failed\n")
    assert read_failure(folder) == "it failed"
    run.complete(tmp_path)
    assert read_failure(folder) is None


def test_a_sweep_ends_with_a_table_and_is_skipped_the_second_time(tmp_path):
    sweep = ["-m", "debug=fast", "strategy=random,badge", "seed=0,1", "runtime.threads=1"]
    first = alrun(*sweep, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "4 of 4 runs are done." in first.stdout
    assert re.fullmatch(
        rf"Next: {sys.executable} -m alrun report outputs/runs/digits-small_cnn-\w+", first.stdout.splitlines()[-1]
    )
    assert "labeling efficiency" in first.stdout
    (setting,) = (tmp_path / "outputs" / "runs").glob("digits-small_cnn-*")
    assert (setting / "accuracy.png").stat().st_size > 10_000
    summary = pd.read_csv(setting / "summary.csv")
    assert list(summary.repeats) == [2] * 6
    for run in setting.glob("*-seed*"):
        efficiency = pd.read_csv(run / "labeling_efficiency.csv")
        assert efficiency.labeling_efficiency.notna().any()
        accuracy = pd.read_csv(run / "accuracy.csv")
        assert list(accuracy.labeled) == [20, 30, 40]
        queries = pd.read_csv(run / "queries.csv")
        assert queries["index"].is_unique
        assert list(queries.groupby("round").size()) == [20, 10, 10]
        assert {path.name for path in run.iterdir()} >= {"timing.csv", "run.json", "run.log", ".hydra"}
    assert first.stderr.count("round 0 comes from") == 2  # two strategies share the first model of each repeat
    again = alrun(*sweep, cwd=tmp_path)
    assert again.stderr.count("is done; delete the folder") == 4
    assert "round" not in again.stderr


def test_runs_at_once_give_what_they_give_one_by_one(tmp_path):
    sweep = ["-m", "debug=fast", "strategy=badge", "seed=0,1"]
    outcomes = []
    for name, option in (("single", []), ("together", ["at_once=two"])):
        answer = alrun(*sweep, *option, f"paths.outputs={name}", cwd=tmp_path)
        assert "2 of 2 runs are done." in answer.stdout, answer.stderr
        folders = sorted((tmp_path / name).glob("runs/*/badge-*"))
        outcomes.append([(run / file).read_bytes() for run in folders for file in ("accuracy.csv", "queries.csv")])
    assert len(outcomes[0]) == 4
    assert outcomes[0] == outcomes[1]
