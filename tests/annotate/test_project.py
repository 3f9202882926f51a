"""Labeling projects: settings that are typed once, a pool that grows, answers that correct and contradict."""

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from alrun.annotate import project as projects
from alrun.annotate.server import LabelServer
from alrun.commands import ask, cli, label, report, status, tell
from alrun.commands.advise import find_run
from alrun.commands.next_step import when_labels_are_spent
from alrun.data.growing_pool import images_of
from alrun.data.manifest import read_manifest
from alrun.loop.run import Run
from alrun.runs import answers
from alrun.runs.answers import Answer
from alrun.runs.finished import doubts_about_run
from alrun.runs.label_files import read_labels
from alrun.runs.run_folder import display_path
from alrun.settings.hydra_errors import mistake_sentence
from alrun.settings.planned_runs import options_of
from alrun.system.errors import UserError
from alrun.system.lock import Lock
from tests.annotate.projects import CLASSES, SETTINGS, Labeled, add_images, asked, class_of, fill_in, main_of


@pytest.fixture
def labeled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    add_images(tmp_path / "photos", range(40))
    return Labeled(tmp_path, "strategy=margin")


def tables(folder):
    return {name: (folder / name).read_bytes() for name in ("queries.csv", "accuracy.csv", "per_class.csv")}


def test_a_project_is_byte_for_byte_the_simulation_with_the_same_labels(tmp_path, monkeypatch, complete):
    monkeypatch.chdir(tmp_path)
    add_images(tmp_path / "photos", range(40))
    lines = [f"photos/{number:03}.png,{class_of(number)},train" for number in range(40)]
    for number in range(100, 106):
        add_images(tmp_path / "test" / class_of(number), range(number, number + 1))
        lines.append(f"test/{class_of(number)}/{number:03}.png,{class_of(number)},test")
    (tmp_path / "truth.csv").write_text("\n".join(["path,label,split", *lines]) + "\n")
    labeled = Labeled(tmp_path, "strategy=margin", f"dataset.test={tmp_path / 'test'}", "dataset.classes=[bright,dark]")
    sheets = []
    while (sheet := labeled.ask()) is not None:
        sheets.append(sheet.name)
        assert labeled.tell(fill_in(sheet)).refused == []
    assert sheets == ["ask_0.csv", "ask_1.csv", "ask_2.csv"]
    simulated = complete(*SETTINGS, "dataset=csv", f"dataset.path={tmp_path / 'truth.csv'}", "strategy=margin")
    assert tables(labeled.run_dir) == tables(simulated)
    add_images(tmp_path / "test" / "bright", range(200, 201))
    with pytest.raises(UserError, match="the files of the data set have changed since labels were given"):
        labeled.ask()


def test_settings_are_typed_once_and_fixed(labeled, tmp_path, capsys):
    with pytest.raises(UserError, match=r"there is no labeling project\. The first ask makes it"):
        projects.open_project(str(labeled.folder), [])
    labeled.ask()
    assert "its settings are fixed in project.json" in capsys.readouterr().out
    name = labeled.run_dir
    kept = json.loads((labeled.folder / "project.json").read_text())["settings"]
    assert "dataset.path=../photos" in kept  # both may be moved together
    assert labeled.ask("budget.total=14").name == "ask_0.csv"  # as it is
    assert labeled.ask("runtime.chunk=7").name == "ask_0.csv"  # decides nothing
    with pytest.raises(UserError, match=r"strategy=entropy: the settings of .*project are fixed since its first ask"):
        labeled.ask("strategy=entropy")
    with pytest.raises(UserError, match="has its --config-dir since its first ask"):
        projects.open_project(str(labeled.folder), [], "conf")
    assert labeled.run_dir == name
    (tmp_path / "moved").mkdir()
    for each in ("project", "photos"):
        shutil.move(tmp_path / each, tmp_path / "moved" / each)
    labeled.folder = tmp_path / "moved" / "project"
    assert labeled.ask().name == "ask_0.csv"
    assert labeled.run_dir == tmp_path / "moved" / name.relative_to(tmp_path)
    os.rename(tmp_path / "moved" / "photos", tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"there is no image under it|cannot be read"):
        labeled.ask()
    assert labeled.ask(f"dataset.path={tmp_path / 'elsewhere'}").name == "ask_0.csv"
    assert labeled.ask().name == "ask_0.csv"  # it is kept


@pytest.mark.parametrize(("name", "typed"), [("ph, otos", '"ph, otos"'), ("my photos", "'my photos'"), ("a=1", "a=1")])
def test_a_path_in_quotes_stays_that_path(labeled, tmp_path, monkeypatch, name, typed):
    """Seen from the project's folder, wherever this is typed, and however often it is typed again."""
    (tmp_path / "photos").rename(tmp_path / name)
    add_images(tmp_path / "test, images" / CLASSES[0], range(90, 91))
    (tmp_path / "test, images" / CLASSES[1]).mkdir()
    add_images(tmp_path / "test, images" / CLASSES[1], range(93, 94))
    test = 'dataset.test="test, images"'
    labeled.folder = tmp_path / "pro, ject"
    labeled.words[1] = f"dataset.path={typed}"
    labeled.words.append(test)
    monkeypatch.chdir(tmp_path)
    labeled.ask()
    kept = (labeled.folder / "project.json").read_text()
    labeled.tell(fill_in(labeled.run_dir / "ask_0.csv"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert labeled.ask().name == "ask_1.csv"
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert labeled.ask(f"dataset.path={typed}", test).name == "ask_1.csv"
    assert (labeled.folder / "project.json").read_text() == kept
    monkeypatch.chdir(tmp_path.parent)
    labeled.folder = Path(os.path.relpath(labeled.folder))
    assert labeled.ask().name == "ask_1.csv"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["dataset=digits"], "this data set has its labels"),
        (["dataset=unlabeled", "dataset.path=photos"], r"dataset\.classes has no value"),
        (["dataset=unlabeled", "dataset.path=photos", "dataset.classes=[a,b]", "limit=9", *SETTINGS], "leave limit="),
    ],
)
def test_what_cannot_be_a_project_is_one_sentence(labeled, words, sentence):
    with pytest.raises(UserError, match=sentence):
        labeled.ask(*words)


def test_export_and_advise_find_a_project_s_files_from_any_folder(labeled, tmp_path, monkeypatch):
    labeled.words[1] = "dataset.path=photos"
    labeled.ask()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    folder, words = find_run(str(labeled.folder))
    assert folder == labeled.run_dir
    path = next(word.partition("=")[2] for word in words if word.startswith("dataset.path="))
    assert os.path.realpath(path) == os.path.realpath(tmp_path / "photos")


def test_a_setting_that_cannot_be_used_is_typed_again(labeled, tmp_path, capsys):
    """Nothing was asked with it, so nothing is fixed, the folder of images neither."""
    with pytest.raises(UserError, match=r"budget\.total=999"):
        labeled.ask(*labeled.words, "budget.total=999")
    add_images(tmp_path / "others", range(30, 50))
    wrong = [word for word in labeled.words if not word.startswith("dataset.path=")]
    with pytest.raises(UserError, match=r"budget\.total=999"):
        labeled.ask(*wrong, f"dataset.path={tmp_path / 'others'}", "budget.total=999")
    sheet = labeled.ask(*labeled.words)
    assert sheet is not None
    assert set(asked(sheet)) <= {f"{number:03}" for number in range(40)}
    with pytest.raises(UserError, match="are fixed since its first ask"):
        labeled.ask("budget.total=10")


def test_part_of_a_first_command_is_not_enough(labeled, tmp_path):
    """Whether the ask before was refused early or late: the sentence says what to type."""
    sentence = r"project has asked for nothing yet, so it keeps no settings: type the whole command with dataset="
    for wrong in ("dataset.path=nowhere", "budget.total=999"):
        with pytest.raises(UserError):
            labeled.ask(*labeled.words, wrong)
        with pytest.raises(UserError, match=sentence):
            labeled.ask(f"dataset.path={tmp_path / 'photos'}")
    assert labeled.ask(*labeled.words) is not None


def test_a_folder_with_something_else_is_no_project(labeled, tmp_path):
    (labeled.folder / "holidays").mkdir(parents=True)
    with pytest.raises(UserError, match=r"holds holidays, which is not of a labeling project"):
        labeled.ask()
    labeled.folder = tmp_path / "new"
    labeled.folder.mkdir()
    (labeled.folder / "project.json").write_text("{")
    with pytest.raises(UserError, match=r"project\.json is damaged"):
        labeled.ask()


def test_new_images_join_at_the_next_round_and_removed_ones_are_not_asked_for(labeled, tmp_path, capsys):
    """Neither changes the name, what was asked, or the numbers of images; the order of joining decides these."""
    photos = tmp_path / "photos"
    first = labeled.ask()
    name, before = labeled.run_dir, tables(labeled.run_dir)
    queried = asked(first)
    labeled.tell(fill_in(first))
    add_images(photos, range(60, 80))  # one more: its name sorts before all others
    shutil.copy(photos / "079.png", photos / "000a.png")
    gone = [f"{number:03}" for number in range(40) if f"{number:03}" not in queried][:30]
    for each in gone:
        os.remove(photos / f"{each}.png")
    os.remove(photos / f"{queried[0]}.png")  # labeled: stays in the training set
    os.rename(photos / f"{queried[1]}.png", photos / "renamed.png")
    (photos / "broken.png").write_bytes(b"no image")
    capsys.readouterr()
    second = labeled.ask()
    said = capsys.readouterr().out
    assert "21 images have joined the pool, for the next query: 000a.png, 060.png" in said
    assert "31 images are gone: no longer queried, but labels stay" in said
    assert "1 image is elsewhere now: renamed.png" in said
    assert "1 image is not readable, and not in the pool" in said
    assert "broken.png" in said
    assert labeled.run_dir == name
    assert tables(labeled.run_dir)["queries.csv"].startswith(before["queries.csv"])
    assert not set(asked(second)) & {*gone, *queried}
    known = read_manifest(labeled.folder / "pool.csv")
    assert [entry.file for entry in known.entries[:40]] == [f"{number:03}.png" for number in range(40)]
    assert [entry.round for entry in known.entries] == [0] * 40 + [1] * 21
    assert known.first == 40
    assert sum(known.absent) == 31
    labeled.tell(fill_in(second, n000a=class_of(79)))
    capsys.readouterr()
    assert labeled.ask() is not None
    assert "joined" not in capsys.readouterr().out  # nothing is new
    assert labeled.run_dir == name


def test_the_query_after_growth_is_the_strategy_s_on_the_whole_pool(tmp_path, monkeypatch):
    """By hand: the model of round 0, its margins on each of the images that are there, the smallest four."""
    monkeypatch.chdir(tmp_path)
    add_images(tmp_path / "photos", range(20))
    labeled = Labeled(tmp_path, "strategy=margin")
    labeled.tell(fill_in(labeled.ask()))
    add_images(tmp_path / "photos", range(20, 50))
    os.remove(tmp_path / "photos" / "030.png")
    joined = labeled.ask()
    queries = pd.read_csv(labeled.run_dir / "queries.csv")
    seed = queries.loc[queries["round"] == 0, "index"].tolist()
    assert max(seed) < 20
    planned = ask.run_of(projects.open_project(str(labeled.folder), []))
    choices = options_of(planned.cfg)
    opened = Run(planned.cfg, planned.folder, choices, Lock(tmp_path / "lock"), torch.device("cpu"))
    model = opened.parts.model
    model.load_state_dict(opened.state.weights)
    model.eval()
    there = [*range(20), *range(20, 30), *range(31, 50)]
    stored = images_of(read_manifest(labeled.folder / "pool.csv"), 8, 1)
    assert len(stored) == 49
    mean, std = stored[:20].mean() / 255, stored[:20].std() / 255  # of those that were there first
    with torch.no_grad():
        inputs = torch.from_numpy(stored).float() / 255
        shares = model((inputs - round(float(mean), 6)) / round(float(std), 6)).softmax(1).sort(1).values
    margins = (shares[:, -1] - shares[:, -2]).double()
    margins[seed] = 9
    expected = [f"{there[at]:03}" for at in margins.argsort()[:4].tolist()]
    assert asked(joined) == expected


def test_a_manifest_that_was_changed_by_hand_is_refused(labeled):
    labeled.ask()
    path = labeled.folder / "pool.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    with pytest.raises(Exception, match=r"pool\.csv, line 2: lines are only added to it") as found:
        labeled.ask()
    assert mistake_sentence(found.value)
    path.write_text("\n".join(lines) + "\n")
    (labeled.folder / "pixels.u8").write_bytes(b"short")
    with pytest.raises(UserError, match=r"pixels\.u8 must hold 40 images"):
        labeled.ask()


def test_what_a_killed_process_wrote_of_new_images_is_written_over(labeled, tmp_path):
    labeled.ask()
    whole = (labeled.folder / "pixels.u8").read_bytes()
    (labeled.folder / "pixels.u8").write_bytes(whole + b"half an image")
    add_images(tmp_path / "photos", range(40, 42))
    labeled.ask()
    assert len(read_manifest(labeled.folder / "pool.csv").entries) == 42
    now = (labeled.folder / "pixels.u8").read_bytes()
    assert now.startswith(whole)
    assert len(now) == 42 * 64


def test_an_image_that_nobody_can_label_stops_no_round_and_is_not_asked_for_again(labeled):
    """The first round then trains on five labels; a label that comes later joins the next round."""
    sheet = labeled.ask()
    numbers = asked(sheet)
    kept = labeled.tell(fill_in(sheet, **{f"n{numbers[5]}": "skip", f"n{numbers[4]}": "none of these"}))
    assert (kept.new, kept.missing, kept.refused) == (6, 0, [])
    second = labeled.ask()
    assert pd.read_csv(labeled.run_dir / "accuracy.csv")["labeled"].tolist() == [4]
    assert not set(asked(second)) & set(numbers)
    late = labeled.base / "late.csv"
    late.write_text(f"file,label\n{numbers[5]}.png,{class_of(int(numbers[5]))}\n")
    assert labeled.tell(late).new == 1
    assert labeled.tell(late).new == 0  # the same again is nothing new
    labeled.tell(fill_in(second))
    labeled.ask()
    assert pd.read_csv(labeled.run_dir / "accuracy.csv")["labeled"].tolist() == [4, 9]


def test_skipping_the_last_of_a_seed_set_equals_a_smaller_seed_set(labeled, tmp_path):
    """A random seed set of five is the first five of one of six."""
    sheet = labeled.ask()
    labeled.tell(fill_in(sheet, **{f"n{asked(sheet)[5]}": "unsure"}))
    labeled.ask()
    other = Labeled(tmp_path, "strategy=margin", "budget.seed_size=5", "budget.total=13")
    other.folder = tmp_path / "smaller"
    smaller = other.ask()
    assert asked(smaller) == asked(sheet)[:5]
    other.tell(fill_in(smaller))
    other.ask()
    first, second = (pd.read_csv(each.run_dir / "accuracy.csv") for each in (labeled, other))
    pd.testing.assert_frame_equal(first, second)


def test_nothing_but_skips_is_one_sentence(labeled):
    sheet = labeled.ask()
    labeled.tell(fill_in(sheet, **{f"n{number}": "skip" for number in asked(sheet)}))
    with pytest.raises(UserError, match="no example has a label yet"):
        labeled.ask()


def test_corrections_take_effect_from_the_next_round_on_and_the_record_says_so(labeled, caplog):
    sheet = labeled.ask()
    number = asked(sheet)[0]
    labeled.tell(fill_in(sheet))
    index = int(sheet.read_text().splitlines()[1].split(",")[0])
    second = labeled.ask()
    first_round = tables(labeled.run_dir)["accuracy.csv"]
    wrong = CLASSES[1 - CLASSES.index(class_of(int(number)))]
    correction = labeled.base / "correction.csv"
    correction.write_text(f"index,label\n{index},{wrong}\n")
    kept = labeled.tell(correction)
    assert kept.corrected == [f"{index} was {class_of(int(number))}, is {wrong}"]
    labeled.tell(fill_in(second))
    with caplog.at_level("INFO"):
        labeled.ask()
    assert "1 labels were corrected: round 1 is the first that is trained with them" in caplog.text
    assert tables(labeled.run_dir)["accuracy.csv"].startswith(first_round)
    used = pd.read_csv(labeled.run_dir / "labels_used.csv")
    assert used[used["index"] == index][["round", "label"]].values.tolist() == [[0, class_of(int(number))], [1, wrong]]
    assert used["round"].value_counts().to_dict() == {0: 6, 1: 5}


def killed_in_training(labeled, monkeypatch):
    """Asks, and is killed when the round has its labels and begins to train."""

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Run, "train_round", killed)
        with pytest.raises(KeyboardInterrupt):
            labeled.ask()


def test_a_correction_while_a_round_is_trained_waits_for_the_next(labeled, monkeypatch):
    """The process is killed in round 0's training; what it goes on with are the labels that the round began with."""
    sheet = labeled.ask()
    labeled.tell(fill_in(sheet))
    truth = read_labels(labeled.run_dir, CLASSES)

    killed_in_training(labeled, monkeypatch)
    index = next(iter(truth))
    answers.append_answers(labeled.run_dir, [Answer(index, "label", CLASSES[1 - truth[index]])])
    second = labeled.ask()
    counts = pd.read_csv(labeled.run_dir / "per_class.csv").query("round == 0")["labeled"].tolist()
    assert counts == [sum(number == each for number in truth.values()) for each in (0, 1)]
    labeled.tell(fill_in(second))
    labeled.ask()
    used = pd.read_csv(labeled.run_dir / "labels_used.csv")
    assert used[used["index"] == index]["round"].tolist() == [0, 1]


def withdraw(labeled, index):
    answers.append_answers(labeled.run_dir, [Answer(index, answers.UNDO)])


def test_a_label_that_is_withdrawn_is_not_trained_on_until_it_is_given_again(labeled, caplog):
    """The undo of a label of round 0 comes after round 0 was trained: round 1 goes on without it, round 2 with it."""
    first = labeled.ask()
    labeled.tell(fill_in(first))
    second = labeled.ask()
    index = int(first.read_text().splitlines()[1].split(",")[0])
    withdraw(labeled, index)
    labeled.tell(fill_in(second))
    with caplog.at_level("INFO"):
        third = labeled.ask()
    assert "round 1 is trained without 1 answer that people withdrew" in caplog.text
    assert asked(first)[0] not in asked(third)
    assert labeled.tell(first).new == 1
    labeled.tell(fill_in(third))
    assert labeled.ask() is None
    assert pd.read_csv(labeled.run_dir / "accuracy.csv")["labeled"].tolist() == [6, 9, 14]
    used = pd.read_csv(labeled.run_dir / "labels_used.csv")
    assert used[used["index"] == index]["round"].tolist() == [0, 1, 2]


def test_a_project_whose_record_fixed_a_withdrawn_label_goes_on(labeled, monkeypatch):
    """As alrun left it before: round 1 is recorded with an empty label, and is not trained yet."""
    first = labeled.ask()
    labeled.tell(fill_in(first))
    second = labeled.ask()
    withdraw(labeled, int(first.read_text().splitlines()[1].split(",")[0]))
    labeled.tell(fill_in(second))

    killed_in_training(labeled, monkeypatch)
    assert pd.read_csv(labeled.run_dir / "labels_used.csv").query("round == 1")["label"].isna().sum() == 1
    assert labeled.tell(first).new == 1
    third = labeled.ask()
    labeled.tell(fill_in(third))
    assert labeled.ask() is None
    assert pd.read_csv(labeled.run_dir / "accuracy.csv")["labeled"].tolist() == [6, 9, 14]


@pytest.mark.parametrize("rounds", [2, 3])
def test_a_project_without_its_checkpoints_repeats_its_rounds_from_what_people_said(labeled, tmp_path, rounds):
    """Also where images joined, a skip became a label, and a sheet waits that somebody is filling in."""
    sheet = labeled.ask()
    skipped = asked(sheet)[2]
    labeled.tell(fill_in(sheet, **{f"n{skipped}": "skip"}))
    sheet = labeled.ask()
    add_images(tmp_path / "photos", range(40, 70))
    late = labeled.base / "late.csv"
    late.write_text(f"file,label\n{skipped}.png,{class_of(int(skipped))}\n")
    labeled.tell(late)
    labeled.tell(fill_in(sheet, **{f"n{asked(sheet)[1]}": "skip"}))
    sheet = labeled.ask()
    if rounds == 3:
        labeled.tell(fill_in(sheet))
        assert labeled.ask() is None
    else:
        fill_in(sheet)
    names = ("labels_used.csv", "answers.jsonl", sheet.name)
    before = tables(labeled.run_dir) | {name: (labeled.run_dir / name).read_bytes() for name in names}
    for path in [*labeled.run_dir.glob("state-*.pt"), *labeled.run_dir.glob("done")]:
        path.unlink()
    assert labeled.ask() == (sheet if rounds == 2 else None)
    assert {name: (labeled.run_dir / name).read_bytes() for name in before} == before


def label_all(labeled):
    while (sheet := labeled.ask()) is not None:
        labeled.tell(fill_in(sheet))


def test_what_a_finished_project_says_of_a_correction_can_be_done_and_loses_no_label(labeled, monkeypatch, capsys):
    label_all(labeled)
    queries = (labeled.run_dir / "queries.csv").read_bytes()
    index, truth = next(iter(read_labels(labeled.run_dir, CLASSES).items()))
    (labeled.base / "correction.csv").write_text(f"index,label\n{index},{CLASSES[1 - truth]}\n")
    capsys.readouterr()
    assert main_of(tell, monkeypatch, "project/", "correction.csv") == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == when_labels_are_spent(labeled.run_dir)
    assert "no round is left to train on other labels" in last
    assert "delete done, labels_used.csv and *.pt there, nothing else, and ask again" in last
    monkeypatch.setattr(LabelServer, "serve_forever", lambda _: None)
    assert main_of(label, monkeypatch, "project/", "--no-browser") == 0
    assert capsys.readouterr().out.splitlines()[-1] == last
    run = ask.run_of(projects.open_project(str(labeled.folder), []))
    cfg = OmegaConf.masked_copy(run.cfg, [key for key in run.cfg if key != "hydra"])
    assert cli.start_run(cfg, run.folder, {}) == last
    for name in ("done", "labels_used.csv", "*.pt"):
        for path in labeled.run_dir.glob(name):
            path.unlink()
    assert labeled.ask() is None
    assert (labeled.run_dir / "queries.csv").read_bytes() == queries
    used = pd.read_csv(labeled.run_dir / "labels_used.csv")
    assert used[used["index"] == index][["round", "label"]].values.tolist() == [[0, CLASSES[1 - truth]]]


def test_without_a_test_set_no_report_is_proposed_and_one_says_why_there_is_none(labeled, monkeypatch):
    label_all(labeled)
    assert cli.next_command(labeled.run_dir).endswith(f" export {display_path(labeled.run_dir)} to=classifier")
    sentence = "no finished run had a test set, so there is no accuracy to report: give a new one labeled examples"
    assert sentence in str(main_of(report, monkeypatch, "project"))


def test_damaged_checkpoints_cost_no_label(labeled):
    label_all(labeled)
    (labeled.run_dir / "done").unlink()
    before = tables(labeled.run_dir)
    for path in labeled.run_dir.glob("state-*.pt"):
        path.write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"state-\d+\.pt is damaged .* to start this run over") as found:
        labeled.ask()
    for path in labeled.run_dir.glob("*.pt"):  # as the sentence says
        path.unlink()
    assert f": delete {labeled.run_dir}/*.pt to start" in str(found.value)
    assert labeled.ask() is None
    assert tables(labeled.run_dir) == before


def test_altered_tables_of_a_project_without_checkpoints_cost_no_label(labeled):
    label_all(labeled)
    before = tables(labeled.run_dir)
    for path in labeled.run_dir.glob("*.pt"):
        path.unlink()
    (labeled.run_dir / "queries.csv").write_text("round,position,index\n")
    with pytest.raises(UserError, match=r"queries\.csv in .* cannot be restored: delete the file done in it"):
        doubts_about_run(labeled.run_dir, {})
    (labeled.run_dir / "done").unlink()
    assert labeled.ask() is None
    assert tables(labeled.run_dir) == before


def test_a_project_whose_table_of_queries_is_gone_keeps_its_pool(labeled, tmp_path):
    """Indices of images that were labeled stay theirs, also where images before them have joined."""
    labeled.tell(fill_in(labeled.ask()))
    pool = (labeled.folder / "pool.csv").read_text()
    add_images(tmp_path / "photos", range(40, 42))
    os.rename(tmp_path / "photos" / "040.png", tmp_path / "photos" / "000a.png")
    (labeled.run_dir / "queries.csv").unlink()
    assert labeled.ask().name == "ask_1.csv"
    assert (labeled.folder / "pool.csv").read_text().startswith(pool)


def test_status_proposes_no_deletion_of_labels(labeled):
    labeled.ask()
    (labeled.run_dir / "failed.txt").write_text("it failed\n")
    said = status.status([str(labeled.folder)])
    assert "it failed" in said
    assert "Delete" not in said


def test_two_who_ask_at_once_are_told_apart(labeled):
    project = projects.open_project(str(labeled.folder), labeled.words)
    with project.locked(), pytest.raises(UserError, match="is being asked by another process"):
        labeled.ask()


def test_the_commands_take_the_folder_alone(labeled, tmp_path, monkeypatch, capsys):
    """tell without a file reads the list of the last ask; label serves until Ctrl-C; status names the command."""
    sheet = labeled.ask()
    assert main_of(tell, monkeypatch, "project/", "nowhere.csv") != 0
    fill_in(sheet, **{f"n{asked(sheet)[0]}": "", f"n{asked(sheet)[1]}": "dim"})
    capsys.readouterr()
    assert main_of(tell, monkeypatch, "project/") == 1
    said = capsys.readouterr().out
    assert "4 new answers are kept, 1 refused; 2 are still missing." in said
    assert "'dim' is not a class" in said
    assert "has no label" not in said  # a line may still wait
    assert "Next: python -m alrun label project" in said

    def serve(server):
        id = next(item["id"] for item in server.session.state()["items"] if not item["together"])
        server.session.answer([id], "skip", None, 0)
        raise KeyboardInterrupt

    monkeypatch.setattr(LabelServer, "serve_forever", serve)
    assert main_of(label, monkeypatch, "project/", "--by", "anna", "--no-browser") == 0
    said = capsys.readouterr().out
    assert "Label at http://127.0.0.1:" in said
    assert "5 of 6 images of round 0 have an answer." in said
    assert [answer.by for answer in answers.read_answers_log(labeled.run_dir)] == [*[""] * 4, "anna"]
    for module, words, sentence in (
        (label, ["nowhere/"], "there is no labeling project"),
        (label, ["project/", "strategy=random"], "are fixed since its first ask"),
        (label, ["project/", "--port", "99999999"], "cannot be used"),
        (tell, ["nowhere/", "x.csv"], "there is no labeling project"),
        (tell, ["project/", "--from", "cvat"], "name the file with the labels"),
        (tell, ["dataset=digits", "x.csv", "--by", "anna"], "need a labeling project"),
        (ask, ["dataset=digits", "--to", "cvat"], "needs a labeling project"),
        (ask, ["project/", "--send", "upload"], "needs --to label-studio"),
    ):
        assert sentence in str(main_of(module, monkeypatch, *words)), words


def test_the_next_ask_lists_the_modules_that_a_project_cannot_keep(labeled, monkeypatch, capsys):
    fill_in(labeled.ask())
    record = labeled.run_dir / ".hydra"
    record.mkdir(exist_ok=True)
    (record / "overrides.yaml").write_text(f"- dataset.manifest={labeled.folder / 'pool.csv'}\n- allow=[mine]\n")
    (record / "hydra.yaml").write_text("hydra: {runtime: {config_sources: []}}\n")
    command = "python -m alrun ask project 'allow=[mine]'"
    capsys.readouterr()
    assert main_of(tell, monkeypatch, "project/") == 0
    assert capsys.readouterr().out.endswith(f"Next: {command}\n")
    assert str(status.command_of(labeled.run_dir)).startswith(f"{command}  #")
    monkeypatch.setattr(LabelServer, "serve_forever", lambda _: None)
    assert main_of(label, monkeypatch, "project/", "--no-browser") == 0
    assert capsys.readouterr().out.endswith(f"Next: {command}\n")
    run_dir = labeled.run_dir.relative_to(labeled.folder)
    labeled.folder.rename("copied")
    moved_to = command.replace("ask project", "ask copied")
    assert str(status.command_of(Path("copied") / run_dir)).startswith(f"{moved_to}  #")


class Tiny(nn.Module):
    """An encoder: the pixels of an image of three channels, 12 by 12."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)


def test_a_project_on_vectors_of_an_encoder_grows_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    add_images(tmp_path / "photos", range(20))
    settings = [word for word in SETTINGS if not word.startswith(("model", "augmentation", "dataset.channels"))]
    words = ["dataset=unlabeled", f"dataset.path={tmp_path / 'photos'}", "dataset.classes=[dark,bright]", *settings]
    words += ["strategy=coreset", "encoder=module", f"encoder.network._target_={__name__}.Tiny", "encoder.size=12"]
    labeled = Labeled(tmp_path)
    labeled.words = [*words, f"paths.features={tmp_path / 'features'}"]
    labeled.tell(fill_in(labeled.ask()))
    name = labeled.run_dir
    add_images(tmp_path / "photos", range(20, 40))
    second = labeled.ask()
    assert second.name == "ask_1.csv"
    assert labeled.run_dir == name
    assert len(set(asked(second))) == 4
    assert any(int(number) >= 20 for number in asked(second))  # the farthest of 34, 20 of them new


def test_a_setting_without_effect_is_named_once_to_the_person_who_typed_it(tmp_path, monkeypatch, capsys, caplog):
    """Those of epochs that the project fixes itself, for its name to last, were typed by nobody."""
    monkeypatch.chdir(tmp_path)
    add_images(tmp_path / "photos", range(20))
    labeled = Labeled(tmp_path, "encoder=module", f"encoder.network._target_={__name__}.Tiny", "encoder.size=12")
    labeled.words = [each for each in labeled.words if not each.startswith(("model", "augm", "dataset.channels"))]
    labeled.words.append(f"paths.features={tmp_path / 'features'}")
    labeled.ask()
    assert "\ntraining.max_epochs=2 has no effect: optimizer=convex" in f"\n{capsys.readouterr().out}"
    labeled.ask()
    assert "no effect" not in capsys.readouterr().out
    project = projects.open_project(str(labeled.folder), [])
    assert any(word.startswith("training.patience=") for word in project.overrides)
    cli.warn_of_unused(ask.run_of(project).cfg, project.overrides)
    assert "no effect" not in caplog.text


def test_a_stranger_s_project_runs_nothing_and_names_no_file_elsewhere(labeled):
    """A file cannot list modules, set what is Hydra's, or name a path outside the folder of the pool."""
    for word in ("hydra.run.dir=/tmp", "paths.outputs=/tmp", "dataset.manifest=x", "+hydra.launcher=x"):
        with pytest.raises(UserError, match="keeps all that it has in its own folder"):
            projects.open_project(str(labeled.folder), [*labeled.words, word])
    new = projects.open_project(str(labeled.folder), [*labeled.words, "allow=[mine]"])
    assert "allow=[mine]" in new.overrides
    new.folder.mkdir()
    new.save()
    kept = json.loads((labeled.folder / "project.json").read_text())
    assert not any("allow" in word for word in kept["settings"])
    assert "allow=[mine]" in projects.open_project(str(labeled.folder), ["allow=[mine]"]).overrides
    for word in ("allow=[os]", "+allow=[os]", "hydra.launcher=x", "--config-dir", "-m", "paths.outputs=/tmp"):
        bad = {**kept, "settings": [*kept["settings"], word]}
        (labeled.folder / "project.json").write_text(json.dumps(bad))
        with pytest.raises(UserError, match="which is no setting of a labeling project: take it out"):
            projects.open_project(str(labeled.folder), [])
    for file in ("/etc/passwd", "../secret.png", "a/../../b.png", ""):
        (labeled.folder / "pool.csv").write_text(f"id,hash,file,round\n0,00,{file},0\n")
        with pytest.raises(UserError, match="is not a path below the folder of the pool"):
            read_manifest(labeled.folder / "pool.csv")
