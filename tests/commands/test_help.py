"""What a newcomer reads first: a page, the groups and commands in a line each, and every setting one step further."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from alrun import __main__
from alrun.commands import help
from alrun.settings import groups, planned_runs, schema
from alrun.system.moved import SUBCOMMANDS

CONF = Path(__file__).resolve().parents[2] / "conf"
FOLDERS = {path.name for path in CONF.iterdir() if path.is_dir()} - {"hydra", "__pycache__"}


@pytest.fixture
def alrun(monkeypatch, capsys):
    """``alrun("help status")``: what is printed, and how the program ended."""

    def typed(words: str) -> tuple[str, object]:
        monkeypatch.setattr(sys, "argv", ["alrun", *shlex.split(words)])
        try:
            __main__.main()
        except SystemExit as end:
            return capsys.readouterr().out, end.code
        return capsys.readouterr().out, None

    return typed


@pytest.mark.parametrize("words", ["--help", "-h", "strategy=badge --help", "-m seed=0,1 --hel"])
def test_the_first_page_fits_a_minute(alrun, words):
    text, _ = alrun(words)
    lines = text.splitlines()
    assert lines[0].startswith(
        "alrun runs deep active-learning experiments on images, texts, tables and feature vectors. "
    )
    assert len(lines) < 70
    assert max(map(len, lines)) <= 120
    assert lines[3] == "Examples:"
    assert [line.split()[:3] for line in lines[4:9]] == [["python", "-m", "alrun"]] * 5
    for name in (*FOLDERS, *SUBCOMMANDS):
        assert len([line for line in lines if line.startswith(f"  {name} ")]) == 1


def test_examples_of_the_first_page_and_of_every_group_compose():
    assert set(groups.GROUPS) == FOLDERS
    examples = {name: shlex.split(group.example) for name, group in groups.GROUPS.items()}
    for name, words in examples.items():
        assert name in {re.split("[=@]", word)[0] for word in words} or name == "recipe"  # which an optimizer brings
    first = [shlex.split(words) for words, _ in help.EXAMPLES if not words.startswith("report")]
    for words in [*first, *(words for name, words in examples.items() if name != "search")]:  # an extra
        assert planned_runs.chosen_options([word for word in words if word != "-m" and "," not in word])


@pytest.mark.parametrize("group", sorted(FOLDERS))
def test_a_group_lists_its_options_and_says_something_of_each(alrun, group):
    text, _ = alrun(f"help {group}")
    rows = dict(re.findall(r"^  (\S+) *(.*)", text.partition("Options:\n")[2], re.MULTILINE))
    files = {path.relative_to(CONF / group).with_suffix("").as_posix() for path in (CONF / group).rglob("*.yaml")}
    assert files <= rows.keys()
    if group != "baseline":  # their names, data set and network, say it
        assert all(rows[name] for name in files)


def test_an_option_is_told_whole_with_its_settings(alrun):
    text, _ = alrun("help strategy=entropy")
    first = " ".join(text.partition("\n\n")[0].split())
    assert first == "strategy=entropy: Examples with the largest entropy of the predicted class probabilities."
    assert "  strategy.dropout_samples=0  more: average the probabilities" in text


def test_ones_own_options_are_listed_too(alrun, tmp_path):
    (tmp_path / "strategy").mkdir()
    (tmp_path / "strategy" / "mine.yaml").write_text("# By the moon.\n_target_: mine.Mine\nphase: 0.5 # 1: full\n")
    assert re.search("^  mine +By the moon.$", alrun(f"help strategy --config-dir {tmp_path}")[0], re.MULTILINE)
    assert "  strategy.phase=0.5  1: full" in alrun(f"help strategy=mine --config-dir {tmp_path}")[0]


def test_every_setting_is_told_with_its_default(alrun):
    text, _ = alrun("help settings")
    told = dict(re.findall(r"^  ([\w.]+)=(\S*)", text, re.MULTILINE))
    whole = OmegaConf.to_container(OmegaConf.structured(schema.RunConfig))
    closed = {key for key in whole if isinstance(whole[key], dict)}
    expected = {f"{part}.{key}": value for part in closed for key, value in whole[part].items()}
    expected |= {key: whole[key] for key in whole if key not in closed and (key not in FOLDERS or key == "baseline")}
    assert told.keys() == expected.keys()
    for name, value in expected.items():
        assert OmegaConf.create({"x": value}) == OmegaConf.from_dotlist([f"x={told[name]}"])


def test_help_of_a_command_is_its_own(alrun):
    assert alrun("help status") == alrun("status --help")
    assert "usage: python -m alrun status" in alrun("help status")[0]
    assert "Commands:\n  advise " in alrun("help")[0]


def test_help_on_a_part_of_the_settings_is_that_part_of_all(alrun):
    whole = alrun("help settings")[0]
    for name in ("budget", "training", "runtime", "paths"):
        part = alrun(f"help {name}")[0]
        assert part.startswith(f"{name}: ")
        assert part.count(f"  {name}.") == part.count("\n  " + name[0]) > 1
        assert f"\n{part}" in whole


@pytest.mark.parametrize(
    ("topic", "hint"),
    [("statsu", "did you mean status?"), ("stratgey", "did you mean strategy?"), ("strategy=bagde", "mean badge?")],
)
def test_a_mistyped_topic_is_one_sentence(alrun, topic, hint):
    text, end = alrun(f"help {topic}")
    assert not text
    assert str(end).startswith(f"alrun: {topic}: there is no such")
    assert str(end).endswith(hint)
