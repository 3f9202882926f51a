"""Threads and memory format: what a run uses, which settings alone decide, and what the command recommends."""

import json
import logging

import pytest
import torch

from alrun.analysis import rounds
from alrun.commands import speed
from alrun.loop import execution, provenance
from alrun.loop.components import build_parts
from alrun.loop.execution import Choice
from alrun.system import device
from alrun.system.errors import UserError

CPU = torch.device("cpu")
SETTINGS = ("budget.seed_size=20", "budget.batch_size=20", "budget.total=40", "runtime.device=cpu")


@pytest.fixture(autouse=True)
def one_thread_again():
    yield
    torch.set_num_threads(1)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ((), Choice(1, "contiguous")),
        (("runtime.threads=2",), Choice(2, "contiguous")),
        (("runtime.threads=3", "runtime.memory_format=channels_last"), Choice(3, "channels_last")),
    ],
)
def test_a_run_takes_what_its_settings_name_on_whatever_machine_and_measures_nothing(
    composed, monkeypatch, overrides, expected
):
    monkeypatch.setattr(device, "usable_processors", lambda: 64)
    monkeypatch.setattr(device, "granted_threads", lambda: 64)
    monkeypatch.setattr(speed, "perf_counter", lambda: pytest.fail("a clock was read"))
    cfg = composed(*SETTINGS, *overrides)
    parts = build_parts(cfg, CPU)
    assert execution.check_and_apply(speed.choice_of_run(cfg, CPU), parts, CPU) == expected
    assert torch.get_num_threads() == expected.threads
    last = expected.memory_format == "channels_last"
    images = parts.normalize(torch.zeros(2, 3, 4, 4, dtype=torch.uint8))
    assert images.is_contiguous(memory_format=torch.channels_last) == last
    kernel = next(p for p in parts.model.parameters() if p.ndim == 4 and p.shape[1] > 1)
    assert kernel.is_contiguous(memory_format=torch.channels_last) == last


def test_each_kind_of_device_has_one_default_format(composed):
    cfg = composed()
    assert speed.choice_of_run(cfg, CPU) == Choice(1, "contiguous")
    assert speed.choice_of_run(cfg, torch.device("cuda", 1)) == Choice(1, "channels_last")


def test_a_format_in_which_torch_corrupts_memory_is_refused(composed):
    """A narrow ResNet has strided 1x1 convolutions from 4 channels; the process died of them."""
    cfg = composed(*SETTINGS, "model=resnet18", "model.width=4", "runtime.memory_format=channels_last")
    with pytest.raises(UserError, match=r"runtime\.memory_format=channels_last: torch corrupts memory"):
        execution.check_and_apply(speed.choice_of_run(cfg, CPU), build_parts(cfg, CPU), CPU)


@pytest.fixture
def told(composed, tmp_path, monkeypatch):
    """``told(speeds, "setting=value", ...)``: what the command says of given speeds, and what it measured for that."""
    monkeypatch.setattr(device, "thread_choices", lambda: [2, 1, 4])

    def make(speeds, *overrides):
        measured = []

        def training_speed(parts, where, choice):
            measured.append((choice.threads, choice.memory_format))
            return float(speeds[measured[-1]])

        monkeypatch.setattr(speed, "training_speed", training_speed)
        return speed.describe_speeds(tmp_path / "setting", composed(*SETTINGS, *overrides)).splitlines(), measured

    return make


@pytest.mark.parametrize(
    ("one", "two", "four", "last", "words"),
    [
        (100, 50, 80, 90, "None is clearly faster than the choice that is set."),
        (100, 50, 109, 109, "None is clearly faster than the choice that is set."),  # less than 10 % may be chance
        (100, 50, 80, 120, "Fastest: runtime.memory_format=channels_last"),
        (100, 130, 80, 120, "Fastest: runtime.threads=2"),
        (100, 50, 130, 150, "Fastest: runtime.threads=4 runtime.memory_format=channels_last"),
    ],
)
def test_the_command_names_what_is_clearly_faster(told, one, two, four, last, words):
    speeds = {(1, "contiguous"): one, (2, "contiguous"): two, (4, "contiguous"): four}
    threads = 2 if two > 110 else 4 if four > 110 else 1
    lines, measured = told({**speeds, (threads, "channels_last"): last})
    assert lines[-1] == words
    assert measured == [*speeds, (threads, "channels_last")]
    assert lines[1].split() == ["1", "thread,", "contiguous", str(one), "as", "it", "is", "set"]


def test_the_command_begins_with_the_settings_that_are_typed_and_spares_what_would_crash(told):
    speeds = {(3, "channels_last"): 5, (2, "channels_last"): 7, (1, "channels_last"): 1, (4, "channels_last"): 1}
    lines, measured = told({**speeds, (2, "contiguous"): 1}, "runtime.threads=3", "runtime.memory_format=channels_last")
    assert (lines[-1], len(measured)) == ("Fastest: runtime.threads=2", 5)
    narrow = {(count, "contiguous"): 5 for count in (1, 2, 4)}
    assert told(narrow, "model=resnet18", "model.width=4")[1] == list(narrow)


def test_the_command_measures_and_leaves_nothing_behind(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(speed, "SECONDS", 0.0)
    monkeypatch.setattr(device, "thread_choices", lambda: [1])
    monkeypatch.setattr("sys.argv", ["alrun.commands.speed", "debug=fast", "model.width=2"])
    speed.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("digits-small_cnn-")
    assert [line.split()[2] for line in lines[1:3]] == ["contiguous", "channels_last"]
    assert not list(tmp_path.iterdir())


def test_plan_measures_with_the_settings_of_the_run(composed, monkeypatch):
    measured = []
    monkeypatch.setattr(speed, "training_speed", lambda parts, where, choice: measured.append(choice) or 7.0)
    assert speed.images_per_second(composed(*SETTINGS, "runtime.threads=2")) == 7.0
    assert measured == [Choice(2, "contiguous")]


def test_a_measurement_leaves_model_and_random_numbers_as_they_were(composed, tmp_path):
    cfg = composed(*SETTINGS, "model.dropout=0.5", f"paths.outputs={tmp_path}")
    parts = build_parts(cfg, CPU)
    before = {name: value.clone() for name, value in parts.model.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.rand(())
    torch.manual_seed(5)
    assert speed.training_speed(parts, CPU, Choice(1, "channels_last")) > 0
    assert torch.rand(()) == expected
    assert all(value.equal(before[name]) for name, value in parts.model.state_dict().items())


@pytest.mark.parametrize(
    ("usable", "allowed", "expected"), [(4, 4, [2, 1, 4]), (4, 1, [1]), (8, 2, [2, 1]), (2, 2, [1, 2]), (1, 1, [1])]
)
def test_no_more_threads_than_the_environment_allows(monkeypatch, usable, allowed, expected):
    monkeypatch.setattr(device, "usable_processors", lambda: usable)
    monkeypatch.setattr(device, "granted_threads", lambda: allowed)
    assert device.thread_choices() == expected


def test_run_json_records_what_bytes_depend_on_and_a_run_that_goes_on_elsewhere_says_so(complete, caplog):
    folder = complete("budget.total=40")
    record = json.loads((folder / "run.json").read_text())
    assert record["versions"]["torch"] == torch.__version__
    assert record["cpu_capability"] == torch.backends.cpu.get_cpu_capability()
    assert (record["threads"], record["memory_format"]) == (1, "contiguous")
    with caplog.at_level(logging.WARNING):
        assert provenance.find_machines_before(folder, CPU, Choice(1, "contiguous"), 2) == []
        assert not caplog.records
        for column, name, before, now in (
            ("threads", "threads", 2, 1),
            ("cpu_capability", "cpu_capability", "AVX", record["cpu_capability"]),
            ("torch", "torch", "2.6", torch.__version__),
            ("hardware", "device", "H100", record["device"]),
        ):
            versions = record["versions"] | ({"torch": before} if name == "torch" else {})
            change = {name: before} if name in record else {}
            caplog.clear()
            (folder / "run.json").write_text(json.dumps(record | change | {"versions": versions}))
            (folder / "done").unlink()
            assert complete("budget.total=40") == folder
            (warning,) = [each.getMessage() for each in caplog.records if "elsewhere" in each.getMessage()]
            assert warning.startswith(f"going on elsewhere ({name} {now}, not {before}): from here on")
            (earlier,) = json.loads((folder / "run.json").read_text())["machines_before"]
            assert (earlier["until_round"], earlier[name]) == (1, before)
            assert rounds.gather([folder]).rounds[column].unique().tolist() == [f"{before} then {now}"]
        (folder / "run.json").write_text(json.dumps(record))
        found = []
        for threads in (1, 3, 1, 4):  # the second one computes nothing
            found.append(provenance.find_machines_before(folder, CPU, Choice(threads, "contiguous"), 2))
            moved = record | {"machines_before": found[-1], "threads": threads}
            (folder / "run.json").write_text(json.dumps(moved))
        assert [[each["threads"] for each in machines] for machines in found] == [[], [1], [], [1]]
