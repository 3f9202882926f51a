"""The choice of threads and memory format, with speeds that are given instead of measured."""

import pytest
import torch

from alrun import device, tuning
from alrun.errors import UserError
from alrun.parts import build_parts

CPU = torch.device("cpu")
SETTINGS = ("budget.seed_size=20", "budget.batch_size=20", "budget.total=40", "runtime.device=cpu")


@pytest.fixture(autouse=True)
def one_thread_again():
    yield
    torch.set_num_threads(1)


@pytest.fixture
def choose(composed, tmp_path, monkeypatch):
    """``choose(speeds, "setting=value", ...)``: the choice, and what was measured for it."""
    monkeypatch.setattr(device, "thread_choices", lambda: [2, 1, 4])

    def make(speeds, *overrides):
        measured = []

        def training_speed(parts, where, choice):
            measured.append((choice.threads, choice.memory_format))
            return float(speeds[measured[-1]])

        monkeypatch.setattr(tuning, "training_speed", training_speed)
        cfg = composed(*SETTINGS, f"paths.outputs={tmp_path}", *overrides)
        parts = build_parts(cfg, CPU)
        choice = tuning.choose(cfg, parts, CPU)
        assert torch.get_num_threads() == choice.threads
        last = choice.memory_format == "channels_last"
        images = parts.normalize(torch.zeros(2, 3, 4, 4, dtype=torch.uint8))
        assert images.is_contiguous(memory_format=torch.channels_last) == last
        kernel = next(p for p in parts.model.parameters() if p.ndim == 4 and p.shape[1] > 1)
        assert kernel.is_contiguous(memory_format=torch.channels_last) == last
        return (choice.threads, choice.memory_format), measured

    return make


@pytest.mark.parametrize(
    ("two", "one", "four", "last", "expected"),
    [
        (100, 50, 80, 90, (2, "contiguous")),
        (100, 50, 109, 109, (2, "contiguous")),  # less than 10 % may be chance
        (100, 50, 80, 120, (2, "channels_last")),
        (100, 130, 80, 120, (1, "contiguous")),
        (100, 50, 130, 150, (4, "channels_last")),
    ],
)
def test_the_default_is_left_for_what_is_clearly_faster(choose, two, one, four, last, expected):
    speeds = {(2, "contiguous"): two, (1, "contiguous"): one, (4, "contiguous"): four}
    best = max((speed, threads) for (threads, _), speed in speeds.items())
    threads = best[1] if best[0] > 110 else 2
    choice, measured = choose({**speeds, (threads, "channels_last"): last})
    assert choice == expected
    assert measured == [*speeds, (threads, "channels_last")]


SPEEDS = {(2, "contiguous"): 1, (1, "contiguous"): 2, (4, "contiguous"): 3, (4, "channels_last"): 1}


def test_what_was_measured_once_is_not_measured_again_unless_the_file_is_damaged_or_the_model_another(choose, tmp_path):
    assert choose(SPEEDS) == ((4, "contiguous"), list(SPEEDS))
    assert choose({}, "strategy=entropy", "seed=3") == ((4, "contiguous"), [])
    assert choose(SPEEDS, "model.width=8")[1] == list(SPEEDS)
    for damage in ("[[2", "[]", "[[2, 3]]", "7"):
        for path in (tmp_path / "cache" / "speed").glob("*.json"):
            path.write_text(damage)
        assert choose(SPEEDS) == ((4, "contiguous"), list(SPEEDS))


def test_what_the_settings_name_is_not_measured(choose):
    assert choose({}, "runtime.threads=1", "runtime.memory_format=channels_last") == ((1, "channels_last"), [])
    speeds = {(1, "contiguous"): 5, (1, "channels_last"): 9}
    assert choose(speeds, "runtime.threads=1") == ((1, "channels_last"), list(speeds))
    speeds = {(count, "channels_last"): 5 for count in (2, 1, 4)}
    assert choose(speeds, "runtime.memory_format=channels_last") == ((2, "channels_last"), list(speeds))


def test_a_format_in_which_torch_corrupts_memory_is_never_tried(choose):
    """A narrow ResNet has strided 1x1 convolutions from 4 channels; the process died of them."""
    speeds = {(count, "contiguous"): 5 for count in (2, 1, 4)}
    assert choose(speeds, "model=resnet18", "model.width=4") == ((2, "contiguous"), list(speeds))
    with pytest.raises(UserError, match=r"runtime\.memory_format=channels_last: torch corrupts memory"):
        choose({}, "model=resnet18", "model.width=4", "runtime.memory_format=channels_last")
    both = {**speeds, (2, "channels_last"): 5}
    assert choose(both, "model=resnet18", "model.width=16") == ((2, "contiguous"), list(both))


def test_a_measurement_leaves_model_and_random_numbers_as_they_were(composed, tmp_path):
    cfg = composed(*SETTINGS, "model.dropout=0.5", f"paths.outputs={tmp_path}")
    parts = build_parts(cfg, CPU)
    before = {name: value.clone() for name, value in parts.model.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.rand(())
    torch.manual_seed(5)
    assert tuning.training_speed(parts, CPU, tuning.Choice(1, "channels_last")) > 0
    assert torch.rand(()) == expected
    assert all(value.equal(before[name]) for name, value in parts.model.state_dict().items())


@pytest.mark.parametrize(
    ("usable", "allowed", "expected"), [(4, 4, [2, 1, 4]), (4, 1, [1]), (8, 2, [2, 1]), (2, 2, [1, 2]), (1, 1, [1])]
)
def test_no_more_threads_than_the_environment_allows(monkeypatch, usable, allowed, expected):
    monkeypatch.setattr(device, "usable_processors", lambda: usable)
    monkeypatch.setattr(device, "granted_threads", lambda: allowed)
    assert device.thread_choices() == expected
