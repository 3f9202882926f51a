"""Boards: only what compares is ranked, and ranks, wins and losses are those of scipy and of a count by hand."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from alrun.analysis import board_names, leaderboard, leaderboard_page
from alrun.analysis.merging import OTHERS, Merged
from alrun.analysis.metrics import reading
from tests.analysis.made_tables import make_table

LABELS = (100, 200, 400)
LEVELS = {"random": 0.6, "badge": 0.66, "margin": 0.65, "entropy": 0.6}
SEEDS = range(8)
ROOT = Path(__file__).parents[2]


def curves(seeds=SEEDS, names=tuple(LEVELS), shift: float = 0.0, rng: int = 0) -> dict:
    """Accuracies with scatter, by strategy and seed."""
    draw = np.random.default_rng(rng)
    noise = {seed: draw.normal(0, 0.02, 3) for seed in range(20)}
    return {
        (name, seed): tuple(
            np.round(0.1 * np.arange(3) + LEVELS[name] + shift + noise[seed] + draw.normal(0, 0.01, 3), 4)
        )
        for name in names
        for seed in seeds
    }


def table_of(found: dict, **columns) -> pd.DataFrame:
    return make_table(found, labels=LABELS, **columns).assign(source="me")


def areas(found: dict) -> pd.DataFrame:
    """Trapezoids by hand: a row per seed, a column per strategy."""
    area = {key: (100 * (a + b) / 2 + 200 * (b + c) / 2) / 300 for key, (a, b, c) in found.items()}
    return pd.Series(area).unstack(level=0)


def holm(p: dict) -> dict:
    """Holm 1979, by hand."""
    adjusted, largest = {}, 0.0
    for place, (pair, value) in enumerate(sorted(p.items(), key=lambda each: each[1])):
        largest = max(largest, min(1.0, (len(p) - place) * value))
        adjusted[pair] = largest
    return adjusted


def test_ranks_wins_losses_and_intervals_are_those_of_scipy():
    found = curves()
    (board,) = leaderboard.boards(table_of(found))
    expected = areas(found)
    places = pd.DataFrame(stats.rankdata(-expected.to_numpy(), axis=1), expected.index, expected.columns)
    table = board.table.set_index("strategy")
    assert table["mean rank"].to_dict() == pytest.approx(places.mean().round(2).to_dict())
    assert list(table.index) == list(places.mean().sort_values(kind="stable").index)
    assert board.repeats == 8
    pairs = list(itertools.combinations(expected, 2))
    p = holm({pair: float(stats.ttest_rel(expected[pair[0]], expected[pair[1]]).pvalue) for pair in pairs})
    significant = [pair for pair in pairs if p[pair] < 0.05]
    assert 0 < len(significant) < len(pairs)
    best = [max(pair, key=lambda name: expected[name].mean()) for pair in significant]
    worst = [min(pair, key=lambda name: expected[name].mean()) for pair in significant]
    assert table["wins"].to_dict() == {name: best.count(name) for name in table.index}
    assert table["losses"].to_dict() == {name: worst.count(name) for name in table.index}
    name = table.index[1]
    low, high = stats.t.interval(0.95, 7, places[name].mean(), stats.sem(places[name]))
    assert table.loc[name, "its interval"] == f"[{max(low, 1):.2f}, {min(high, 4):.2f}]"
    mean, std = 100 * expected[name].mean(), 100 * expected[name].std()
    assert table.loc[name, "AUBC (%)"] == f"{mean:.2f} ± {std:.2f}"


def test_the_lowest_is_the_best_where_a_metric_says_so():
    table = table_of(curves())
    table["nll"] = 1 - table["test_accuracy"]
    (board,), (turned,) = leaderboard.boards(table), leaderboard.boards(table, reading("nll"))
    columns = ["strategy", "mean rank", "wins", "losses"]
    assert turned.table[columns].equals(board.table[columns])
    assert turned.matrix.equals(board.matrix)


def test_what_does_not_compare_is_not_ranked():
    """Other settings, data, seeds and numbers of labels; each is named."""
    usual = table_of(curves())
    other = table_of(curves(names=("random", "badge"), rng=1), setting="toy-small-0b")  # as of another budget
    copies = table_of(curves(names=("random", "margin"), rng=2), setting="toy-small-0c", data="d2")
    few = table_of({("coreset", seed): (0.9, 0.9, 0.9) for seed in (0, 1, 9)})
    longer = make_table({("bald", seed): (0.9, 0.9, 0.9) for seed in SEEDS}, labels=(100, 200, 500)).assign(source="me")
    lonely = table_of({("badge", 0): (0.9, 0.9, 0.9)}, setting="toy-small-0d")
    table = pd.concat([usual, other, copies, few, longer, lonely], ignore_index=True)
    first, second, third = leaderboard.boards(table)
    assert set(first.table["strategy"]) == set(LEVELS)
    assert first.unranked == [
        "coreset is not ranked: it lacks seed 2, 3, 4, 5, 6, 7.",
        "bald is not ranked: its runs have other numbers of labels.",
    ]
    assert set(second.table["strategy"]) == {"random", "badge"}
    assert set(third.table["strategy"]) == {"random", "margin"}
    assert leaderboard.alone(table, [first, second, third]) == ["toy-small-0d"]


def test_a_run_with_other_rounds_is_named_beside_seeds_that_a_strategy_lacks():
    found = curves()
    del found["badge", 1], found["badge", 2]
    table = table_of(found)
    short = (table["strategy"] == "badge") & (table["seed"] == 5) & (table["round"] == 1)
    short |= (table["strategy"] == "badge") & (table["seed"] == 7) & (table["round"] > 0)
    longer = make_table({("entropy", 4): (0.6, 0.6, 0.6, 0.6)}, labels=(*LABELS, 800)).tail(1).assign(source="me")
    (board,) = leaderboard.boards(pd.concat([table[~short], longer], ignore_index=True))
    assert board.unranked == [
        "badge is not ranked: it lacks seed 1, 2, its run with seed 5 has no round with 200 labels, its run with "
        "seed 7 has no round with 200, 400 labels.",
        "entropy is not ranked: its run with seed 4 has more rounds than the others.",
    ]


def test_one_setting_on_other_data_is_another_board():
    names = ("random", "badge")
    one = table_of(curves(names=names))
    other = table_of(curves(range(8, 16), names), data="d2")
    assert [board.repeats for board in leaderboard.boards(pd.concat([one, other], ignore_index=True))] == [8, 8]


def test_repeats_are_paired_by_seed_over_several_people():
    """Random of one person and badge of another; a seed that one lacks counts for neither."""
    found = curves()
    mine = table_of({key: found[key] for key in found if key[0] == "random"})
    yours = table_of({key: found[key] for key in found if key[0] == "badge" and key[1] < 5}).assign(source="you")
    more = table_of({key: found[key] for key in found if key[0] == "badge" and key[1] >= 5}).assign(source="them")
    (board,) = leaderboard.boards(pd.concat([mine, yours, more], ignore_index=True))
    assert board.table.set_index("strategy")["source"].to_dict() == {"badge": "you (5), them (3)", "random": "me"}
    (pair,) = board.pairs.to_dict("records")
    expected = areas(found)
    assert abs(pair["difference"]) == pytest.approx(abs((expected["badge"] - expected["random"]).mean()))


def test_the_page_names_the_strategies_that_ran_on_another_machine_than_others_with_their_seeds():
    found = curves()

    def notes_of(is_elsewhere) -> list[str]:
        table = table_of(found)
        rows = [is_elsewhere(name, seed) for name, seed in zip(table["strategy"], table["seed"], strict=True)]
        table.loc[rows, ["torch", "threads"]] = "2.6.0", "2"
        notes = leaderboard_page.hints(table, leaderboard.boards(table))
        return [note for note in notes if "on one machine" in note]

    here, elsewhere = "torch 2.13.0, a CPU, AVX512, 1 thread", "torch 2.6.0, a CPU, AVX512, 2 threads"
    assert notes_of(lambda name, seed: name == "badge" or (name, seed) == ("margin", 3)) == [
        "toy, small: The strategies are not compared on one machine, so their differences contain those of the "
        f"machines: badge has 8 of 8 runs from {elsewhere} instead of {here}; margin has 1 of 8 runs from {elsewhere} "
        f"instead of {here}."
    ]
    assert notes_of(lambda name, seed: False) == []
    assert notes_of(lambda name, seed: seed > 3) == []  # repeats are paired by seed


def test_columns_that_an_older_table_lacks_make_no_other_strategy_and_no_other_setting():
    found = curves()
    old = table_of({key: found[key] for key in found if key[0] == "random"})
    new = table_of({key: found[key] for key in found if key[0] == "badge"}, open_set="none", **{"strategy.tau": "1"})
    (board,) = leaderboard.boards(pd.concat([old, new], ignore_index=True).fillna(""))
    assert set(board.table["strategy"]) == {"random", "badge"}
    assert board.title == "toy, small"


def test_settings_are_told_apart_by_their_options():
    names = ("random", "badge")
    tables = [
        table_of(curves(names=names, rng=place), setting=f"toy-small-0{place}", imbalance=imbalance)
        for place, imbalance in enumerate(("none", "rare"))
    ]
    titles = [board.title for board in leaderboard.boards(pd.concat(tables, ignore_index=True))]
    assert titles == ["toy, small", "toy, small, imbalance=rare"]


POOLS = {  # results/pools: what makes their pools, by the experiments that computed them (conf/experiment/pools)
    "best_found": {""},
    "long_tail": {"imbalance=long_tail"},
    "noisy": {"annotator=uniform, annotator.rate=0.2", "annotator=uniform, annotator.rate=0.4"},
    "noisy_people": {"annotator=file"},
    "open_set": {"open_set=held_out"},
    "rare_classes": {"seed_set=every_class, imbalance=step"},
    "redundancy": {"redundancy=duplicate"},
    "shift": {"shift=pool"},
}


def settings_in(*folders: str) -> pd.DataFrame:
    """A run of each setting in tables of results/pools."""
    tables = [pd.read_csv(ROOT / f"results/pools/{name}/runs.csv", dtype=str, na_filter=False) for name in folders]
    runs = pd.concat(tables, ignore_index=True).fillna("")
    return runs[~runs["run"].str.rpartition("/")[0].duplicated()]


def test_a_board_is_named_by_its_pool_whatever_boards_there_are_beside_it():
    def titles(*folders: str) -> set[str]:
        named = board_names.with_names(settings_in(*folders))["title"]
        return {title.removeprefix("features, linear").removeprefix("cifar10, linear")[2:] for title in named}

    for folder, expected in POOLS.items():
        assert titles(folder) == expected
    assert titles(*POOLS) == set().union(*POOLS.values())
    assert titles("long_tail", "rare_classes", "redundancy") == {
        "imbalance=long_tail",
        "seed_set=every_class, imbalance=step",
        "redundancy=duplicate",
    }


def test_a_pool_is_as_the_data_set_is_by_the_defaults_of_the_configuration():
    config = yaml.safe_load((ROOT / "conf" / "config.yaml").read_text())
    defaults = {
        group: option for each in config["defaults"] if isinstance(each, dict) for group, option in each.items()
    }
    assert {group: defaults[group] for group in board_names.POOL} == board_names.POOL


def test_a_class_that_moved_is_one_strategy_over_boards_and_two_on_one_board():
    old = table_of(curves(), setting="toy-small-0a", **{"strategy._target_": "alrun.strategies.X"})
    new = table_of(curves(rng=1), setting="toy-small-0b", **{"strategy._target_": "X"}, **{"budget.total": "9"})
    new["run"] = new["run"].str.replace("1-seed", "2-seed")
    table, _ = leaderboard.overall(leaderboard.boards(pd.concat([old, new], ignore_index=True).fillna("")))
    assert table.set_index("strategy")["boards"].to_dict() == dict.fromkeys(LEVELS, 2)
    new["run"] = new["run"].str.replace("0b", "0a")
    (board,) = leaderboard.boards(pd.concat([old, new], ignore_index=True).fillna(""))
    assert {f"{name} ({name}-{name[0]}{k})" for name in LEVELS for k in (1, 2)} == set(board.table["strategy"])


def test_settings_with_equal_options_are_told_apart_by_the_fewest_settings():
    names = ("random", "badge")
    tables = [
        table_of(curves(names=names, rng=place), setting=f"toy-small-0{place}", **{"budget.batch_size": size})
        for place, size in enumerate(("10", "20"))
    ]
    titles = [board.title for board in leaderboard.boards(pd.concat(tables, ignore_index=True))]
    assert titles == ["toy, small, budget.batch_size=10", "toy, small, budget.batch_size=20"]


def test_ranks_over_data_sets_count_each_data_set_once_and_are_friedmans():
    tables, means = [], []
    for place, name in enumerate(("aa", "bb", "cc", "cc")):  # two settings of one data set
        found = curves(shift=0.01 * place, rng=place)
        tables.append(table_of(found, setting=f"{name}-small-0{place}"))
        means.append(areas(found).mean().rename(name))
    tables.append(table_of(curves(names=("random", "badge"), rng=9), setting="dd-small-09"))  # too few to rank
    boards = leaderboard.boards(pd.concat(tables, ignore_index=True))
    assert len(boards) == 5
    table, sentence = leaderboard.overall(boards)
    scores = pd.concat(means, axis="columns").T.groupby(level=0).mean()
    assert list(scores.index) == ["aa", "bb", "cc"]
    expected = pd.Series(stats.rankdata(-scores.to_numpy(), axis=1).mean(0), scores.columns)
    shown = table.set_index("strategy")
    assert shown["mean rank over data sets"].to_dict() == {name: f"{rank:.2f}" for name, rank in expected.items()}
    assert shown["boards"].to_dict() == {"random": 5, "badge": 5, "margin": 4, "entropy": 4}
    assert shown["wins"].sum() == shown["losses"].sum() == sum(board.table["wins"].sum() for board in boards)
    p = stats.friedmanchisquare(*(scores[name] for name in scores)).pvalue
    assert f"gives p = {p:.3f};" in sentence


def test_two_own_data_sets_of_one_option_are_two():
    tables = [
        table_of(curves(rng=place), setting=f"{name}-linear-0{place}", data=name)
        for place, name in enumerate(("birds.npz", "fish.npz"))
    ]
    own = pd.concat([table.assign(**{"dataset.path": table["dataset"]}) for table in tables], ignore_index=True)
    boards = leaderboard.boards(own.assign(dataset="features"))
    assert [board.title for board in boards] == ["features birds.npz, linear", "features fish.npz, linear"]
    assert "Over 2 data sets (features birds.npz and features fish.npz)" in leaderboard.overall(boards)[1]


def test_one_data_set_gives_no_ranks_over_data_sets():
    _, sentence = leaderboard.overall(leaderboard.boards(table_of(curves())))
    assert sentence.endswith("there are 4 on 1.")


def test_one_repeat_ranks_without_tests():
    (board,) = leaderboard.boards(table_of(curves(seeds=[0])))
    assert board.table[["wins", "losses"]].to_numpy().sum() == 0
    assert (board.table["its interval"] == "").all()
    assert leaderboard_page.winner(board).endswith("of 4 (1 repeat), and differs from 0 of the 3 others.")


def test_the_page_shows_each_board_its_sources_and_harmless_text(tmp_path):
    found = curves()
    bad = "<script>alert(1)</script> | x"
    table = table_of(found).assign(source=bad)
    others = pd.DataFrame(
        [("a/b-seed0", "b", 0, "Bob", "torch 1", "Alice", "torch 2", 0.8, 0.79, 0.02)], columns=OTHERS
    )
    path = leaderboard_page.write(Merged(table, [], others), tmp_path, reading(), 0.05)
    text, html = path.read_text(), (tmp_path / "leaderboard.html").read_text()
    (board,) = leaderboard.boards(table)
    for name in LEVELS:
        rank = board.table.set_index("strategy")["mean rank"][name]
        assert f"| {name} | {rank} |" in text
    assert leaderboard_page.winner(board) in text
    assert "1.00 points apart on average and at most 1.00" in text
    assert "<script" not in text + html
    assert "&lt;script&gt;" in text
    assert "Ranks over data sets need 3 strategies" in text
    assert (tmp_path / "tables" / "comparisons__toy__small.csv").exists()
