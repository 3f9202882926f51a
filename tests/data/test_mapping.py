import re
from pathlib import Path

import numpy as np
import pytest

from alrun.data.dataset import fingerprint
from alrun.data.mapping import give_back, open_map

ROWS = np.random.default_rng(0).normal(size=(40_000, 64)).astype(np.float16)  # 5 MB


@pytest.fixture
def path(tmp_path) -> Path:
    np.save(tmp_path / "rows.npy", ROWS)
    return tmp_path / "rows.npy"


def resident(path: Path) -> int:
    """Kilobytes of the file that are in this process, by the system's list of its memory."""
    maps = Path("/proc/self/smaps")
    if not maps.exists():
        pytest.skip("only Linux lists a process's memory so")
    parts = maps.read_text().split("VmFlags")
    return sum(int(found[1]) for part in parts if str(path) in part and (found := re.search(r"Rss: +(\d+) kB", part)))


def test_pages_leave_the_process_and_come_back_when_they_are_read(path):
    array = open_map(path)
    total = int(array.view(np.uint16).sum(dtype=np.int64))
    assert resident(path) > 4000
    give_back(array[100:200])  # a part of it stands for the whole map
    assert resident(path) < 200
    assert int(array.view(np.uint16).sum(dtype=np.int64)) == total


def test_what_someone_wrote_to_a_map_of_his_own_stays(path):
    array = np.load(path, mmap_mode="c")
    array[0] = 7
    give_back(array)
    assert (array[0] == 7).all()
    give_back(ROWS)
    give_back(None)


def test_a_fingerprint_leaves_no_pages_behind_and_is_that_of_the_array_in_memory(path):
    array = open_map(path)
    assert fingerprint([array]) == fingerprint([ROWS])
    assert resident(path) < 200
