"""Forms of a command line that people type: options between overrides, letters in paths, sweeps that cannot be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from alrun.commands import console
from alrun.settings import planned_runs
from alrun.settings.command_line import quote_word
from alrun.settings.hydra_errors import mistake_sentence
from alrun.system.errors import UserError


def alrun(*words: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "alrun", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
    )


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("a=1 -m b=2", "-m a=1 b=2"),
        ("a=1 --cfg job b=2", "--cfg job a=1 b=2"),
        ("a=1 --cfg=job b=2", "--cfg=job a=1 b=2"),
        ("a=1 -cd conf b=2 --multirun", "-cd conf --multirun a=1 b=2"),
        ("a=1 --config-d conf b=2", "--config-d conf a=1 b=2"),
        ("a=1 --info b=2", "--info all a=1 b=2"),
        ("a=1 --info defaults b=2", "--info defaults a=1 b=2"),
        ("a=1 -i", "-i all a=1"),
        ("--resolve a=1 -c job -p x b=2", "--resolve -c job -p x a=1 b=2"),
        ("a=1 --cfg", "--cfg a=1"),
        ("~a b=-1", "~a b=-1"),
    ],
)
def test_options_may_stand_between_overrides(typed, expected):
    assert console.put_options_first(typed.split()) == expected.split()


def test_options_between_overrides_are_obeyed(tmp_path):
    answer = alrun("debug=fast", "--cfg", "job", "seed=7", cwd=tmp_path)
    assert answer.returncode == 0
    assert "\nseed: 7\n" in answer.stdout


@pytest.mark.parametrize(
    "path",
    [
        *("données", "a (1)", "100%#/x", "a=b", "x~y", "a'b", 'a"b', "a{b}", "[1]", "a]b", "日本語", "a;b&c!", "(x"),
        *("été\\", 'a\\"é', "é ${x}", "true", "007", "1e3", "null value", "a b", "$x", "50%", "a:b", "C:\\x", "x@y+z"),
    ],
)
@pytest.mark.parametrize("key", ["dataset.path", "paths.outputs", "strategy.embeddings.path", "model.weights"])
def test_letters_in_paths_are_taken_as_typed(key, path):
    assert OverridesParser.create().parse_override(quote_word(f"{key}={path}")).value() == path


@pytest.mark.parametrize("value", ["null", '"quoted é"', "'quoted (1)'", "choice(a,b)", "glob(*)", "${oc.env:HOME}"])
def test_what_hydra_reads_stays_its_own(value):
    assert quote_word(f"dataset.path={value}") == f"dataset.path={value}"


def test_each_value_of_a_sweep_is_quoted_by_itself():
    override = OverridesParser.create().parse_override(quote_word("dataset.path=photos (1),été,plain"))
    assert override.is_sweep_override()
    assert [getattr(value, "text", value) for value in override.value().list] == ["photos (1)", "été", "plain"]


def test_home_is_meant_by_its_sign_at_the_beginning(monkeypatch):
    monkeypatch.setenv("HOME", "/home/zoé")
    for key in ("dataset.path", "paths.data", "paths.outputs"):
        assert OverridesParser.create().parse_override(quote_word(f"{key}=~/x")).value() == "/home/zoé/x"
    assert OverridesParser.create().parse_override(quote_word("dataset.path=a~/x")).value() == "a~/x"


@pytest.mark.parametrize("dataset", ["cifar10 dataset.source=packed", "mnist"])
def test_home_is_meant_in_the_variable_too_by_every_source(tmp_path, dataset):
    (tmp_path / "home").mkdir()
    words = [*dataset.split(" "), "model=small_cnn", "debug=fast", "--cfg", "job", "--resolve"]
    answer = alrun(
        f"dataset={words[0]}",
        *words[1:],
        cwd=tmp_path,
        HOME=str(tmp_path / "home"),
        ALRUN_DATA="~/photos",
        ALRUN_FEATURES="~/vectors",
    )
    assert f"  data: {tmp_path}/home/photos\n" in answer.stdout, answer.stderr
    assert f"  features: {tmp_path}/home/vectors\n" in answer.stdout, answer.stderr


def test_a_run_with_letters_in_its_paths_is_computed(tmp_path):
    outputs = "données (1) 100%=~#"
    answer = alrun("debug=fast", "-m", f"paths.outputs={outputs}", "seed=0", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert list((tmp_path / outputs).glob("runs/*/*-seed0/done"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["strategy=glob(zz*)"], "strategy=glob(zz*) matches no option"),
        (["model=glob(zz*)", "strategy=glob(*)"], "model=glob(zz*) matches no option"),
        (["hydra.sweep.dir=elsewhere"], "hydra.sweep.dir=elsewhere: runs name their folders themselves"),
        (["hydra.sweep.subdir=${hydra.job.num}"], "hydra.sweep.subdir=${hydra.job.num}: runs name"),
        (["hydra.run.dir=x"], "hydra.run.dir=x: runs name"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_in_one_sentence(tmp_path, words, expected):
    answer = alrun("-m", "debug=fast", "seed=0,1", *words, cwd=tmp_path)
    assert answer.returncode == 1
    assert expected in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError) as refused:
        planned_runs.runs_of_command(["debug=fast", "seed=0,1", *words, "hydra.mode=MULTIRUN"])
    assert expected in str(refused.value)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("dataset.path=a,b", """type quotes if it is one: 'dataset.path="a,b"'."""),
        ("éa=1", "éa=1 cannot be read"),
        ("a!=1", "special characters, as 'setting=\"value\"'"),
    ],
)
def test_the_quotes_to_type_are_shown(word, expected):
    with pytest.raises(Exception, match=r".") as raised:
        planned_runs.runs_of_command(["dataset=image_folder", "model=small_cnn", word])
    told = mistake_sentence(raised.value)
    assert told is not None
    assert expected in told
    assert "hydra.cc" not in told


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.timeout(30)
@pytest.mark.parametrize("dataset", ["csv", "npz", "parquet", "image_folder", "packed"])
def test_a_pipe_or_device_in_the_place_of_data_is_no_file(tmp_path, dataset):
    os.mkfifo(tmp_path / "pipe")
    for path in (str(tmp_path / "pipe"), "/dev/zero"):
        with pytest.raises(Exception, match=r".") as raised:
            planned_runs.runs_of_command([f"dataset={dataset}", "model=small_cnn", f"dataset.path={path}"])
        assert mistake_sentence(raised.value) == f"{path} is not a file: name a file or a folder of files."
