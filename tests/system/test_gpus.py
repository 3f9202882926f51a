"""Which GPU runs take that start beside one another; the GPUs are names, and seats are taken by forked processes."""

import os
import time

import pytest
import torch

from alrun.system import gpus
from alrun.system.errors import UserError
from tests.heavy.crash_cases.runs import fork


def beside_one_another(count, names, most, folder, seconds=0.5):
    """The GPU that each of ``count`` processes took, and when it had it."""
    children = []
    for number in range(count):
        child = fork()
        if child == 0:
            with gpus.take_seat(names, most, folder) as index:
                started = time.monotonic()
                time.sleep(seconds)
                (folder / f"{number}.txt").write_text(f"{index} {started} {time.monotonic()}")
            os._exit(0)
        children.append(child)
    assert all(os.waitpid(child, 0)[1] == 0 for child in children)
    taken = [(folder / f"{number}.txt").read_text().split() for number in range(count)]
    return [(int(index), float(started), float(ended)) for index, started, ended in taken]


def test_runs_spread_over_the_gpus(tmp_path):
    taken = beside_one_another(6, ["0", "1", "GPU-a/b"], None, tmp_path)
    assert sorted(index for index, _, _ in taken) == [0, 0, 1, 1, 2, 2]


def test_a_gpu_has_no_more_runs_than_it_may(tmp_path, monkeypatch):
    monkeypatch.setattr(gpus, "PAUSE", 0.05)
    taken = beside_one_another(4, ["0", "1"], 1, tmp_path, seconds=0.2)
    assert sorted(index for index, _, _ in taken) == [0, 0, 1, 1]
    for gpu in (0, 1):
        (_, first_ended), (second_started, _) = sorted(times for index, *times in taken if index == gpu)
        assert first_ended <= second_started


def test_the_seat_of_a_process_that_died_is_free(tmp_path):
    child = fork()
    if child == 0:
        next(gpus.take_seat.__wrapped__(["0"], 1, tmp_path))
        os._exit(9)
    os.waitpid(child, 0)
    with gpus.take_seat(["0"], 1, tmp_path) as index:
        assert index == 0


@pytest.mark.parametrize(
    ("visible", "count", "names"),
    [
        (None, 2, ["0", "1"]),
        ("2,3", 2, ["2", "3"]),
        ("GPU-1, GPU-2", 2, ["GPU-1", "GPU-2"]),
        ("2,9", 1, ["0"]),  # of which torch sees one alone
    ],
)
def test_gpus_have_the_same_name_in_every_process(monkeypatch, visible, count, names):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus.name_gpus(count) == names


def test_auto_takes_the_least_taken_gpu_and_a_named_device_no_seat(tmp_path, monkeypatch):
    used = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", used.append)
    monkeypatch.setattr(gpus, "seats_folder", lambda: tmp_path)
    with gpus.take_gpu("auto", 1) as first, gpus.take_gpu("auto", 1) as second, gpus.take_gpu("cuda:0", 1) as named:
        assert [first, second, named] == [torch.device("cuda", 0), torch.device("cuda", 1), torch.device("cuda:0")]
    assert used == [0, 1, torch.device("cuda:0")]
    with gpus.take_gpu("cpu", 1) as where:
        assert where == torch.device("cpu")


def test_seats_are_in_a_folder_that_no_other_user_can_prepare_or_look_into(tmp_path, monkeypatch):
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(gpus.getpass, "getuser", lambda: pytest.fail("a container's user may have no name"))
    old = os.umask(0)
    try:
        folder = gpus.seats_folder()
    finally:
        os.umask(old)
    assert folder == tmp_path / f"alrun-gpus-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)  # of an earlier version, or by mistake
    assert gpus.seats_folder().stat().st_mode & 0o777 == 0o700
    words = "cannot be used to share GPUs .* set TMPDIR to a folder of your own"
    with monkeypatch.context() as patch:
        owner = os.getuid()
        patch.setattr(os, "getuid", lambda: owner + 1)
        folder.rename(tmp_path / f"alrun-gpus-{owner + 1}")
        with pytest.raises(UserError, match=words):
            gpus.seats_folder()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=words):
        gpus.seats_folder()
    folder.unlink()
    folder.write_text("")
    with pytest.raises(UserError, match=words):
        gpus.seats_folder()
