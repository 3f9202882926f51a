"""``alrun merge`` as it is typed."""

import sys

import pytest

from alrun.analysis import result_files
from alrun.commands import merge
from tests.analysis.made_tables import make_table, save

CURVES = {
    (name, seed): (0.5, 0.6 + level + seed / 100, 0.7 + level)
    for name, level in (("random", 0.0), ("badge", 0.05))
    for seed in range(3)
}


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    """``typed(words)``: what is printed, in a folder with the tables alice and bob."""
    monkeypatch.chdir(tmp_path)
    save(make_table({key: curve for key, curve in CURVES.items() if key[0] == "random"}), tmp_path / "alice")
    save(make_table({key: curve for key, curve in CURVES.items() if key[0] == "badge"}), tmp_path / "bob")

    def type_words(words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["merge", *words.split()])
        try:
            merge.main()
        except SystemExit as end:
            print(end)
        return capsys.readouterr().out

    return type_words


def test_tables_and_a_leaderboard_are_written_and_the_way_is_said(typed, tmp_path):
    said = typed("alice Robert=bob -o joined")
    assert "18 rounds of 6 runs of 2 sources" in said
    assert "joined/leaderboard.md, leaderboard.html" in said
    joined = result_files.read_results(tmp_path / "joined")
    assert joined.groupby("strategy")["source"].unique().map(list).to_dict() == {
        "badge": ["Robert"],
        "random": ["alice"],
    }
    assert "badge has the best mean rank, 1.00 of 2" in (tmp_path / "joined" / "leaderboard.md").read_text()
    assert "18 rounds of 6 runs" in typed("joined alice -o joined")  # what was joined is a table too


def test_each_run_that_is_left_out_counts(typed, tmp_path):
    table = make_table({("margin", seed): (0.5, 60.0, 0.7) for seed in range(9)})  # percent
    save(table, tmp_path / "carol")
    said = typed("alice bob carol -o joined")
    assert "Left out are 9 runs:" in said
    assert "18 rounds of 6 runs" in said
    save(table[table["seed"] == 0], tmp_path / "carol")
    assert "Left out is 1 run:" in typed("alice bob carol -o joined")


def test_copies_by_other_machines_are_said_here_and_on_the_page(typed, tmp_path):
    copies = {key: curve for key, curve in CURVES.items() if key == ("random", 1)}
    save(make_table(copies, torch="2.6.0"), tmp_path / "carol")
    sentence = "1 run is in several tables from other hardware or torch: after the last round the two accuracies are "
    sentence += "0.00 points apart on average and at most 0.00 (random, seed 1); the numbers kept are those of alice."
    assert sentence in typed("alice bob carol -o joined")
    assert sentence in (tmp_path / "joined" / "leaderboard.md").read_text()
    assert "several tables" not in typed("alice bob -o joined")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("alice nowhere", "nowhere is not a table of results"),
        ("alice me=nowhere.csv", "me=nowhere.csv is not a table of results"),
        ("alice --alpha 2", "--alpha 2.0 must be between 0 and 1"),
        ("alice --metric macro_f2", "did you mean macro_f1?"),
        ("alice --metric macro_f1", "metric=macro_f1: these results were written before alrun measured it"),
    ],
)
def test_a_mistake_is_one_sentence(typed, words, why):
    assert why in typed(words)


def test_the_name_of_a_source_is_no_path_of_a_machine(tmp_path, typed):
    (named,) = merge.named_tables([str(tmp_path / "alice")])
    assert named == ("alice", tmp_path / "alice")
