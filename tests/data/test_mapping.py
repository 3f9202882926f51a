import ctypes
import mmap
import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from alrun.data.dataset import fingerprint
from alrun.data.mapping import ask_for, give_back, open_map
from alrun.data.memory_map import drop_from_cache
from alrun.models import infer
from alrun.models.linear import Linear
from alrun.models.outputs import Needs
from alrun.pool.pool import Pool
from alrun.strategies.query import build_query
from alrun.system.device import Stopwatch
from alrun.training.stop_rule import TrainResult

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


def cached(path: Path) -> int:
    """Bytes of the file in the system's cache, by its own count."""
    library = ctypes.CDLL(None, use_errno=True)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as whole:
        pages = (ctypes.c_ubyte * -(-len(whole) // mmap.PAGESIZE))()
        address = ctypes.addressof(start := ctypes.c_char.from_buffer(whole))
        assert not library.mincore(ctypes.c_void_p(address), ctypes.c_size_t(len(whole)), pages)
        del start
    return mmap.PAGESIZE * sum(page & 1 for page in pages)


@pytest.fixture
def dropped(tmp_path) -> Path:
    """A file of 25 MB on a disk, of which nothing is in the system's cache."""
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux says what its cache holds")
    path = tmp_path / "many.npy"
    with path.open("wb") as file:
        np.save(file, np.arange(6_250_000, dtype=np.float32).reshape(25_000, 250))
        file.flush()
        os.fsync(file.fileno())
        drop_from_cache(file.fileno())
    if cached(path):
        pytest.skip("this file system keeps files in memory")
    return path


def test_rows_that_lie_far_apart_are_read_alone(dropped):
    array, at = open_map(dropped)[5_000:], np.arange(0, 20_000, 500)
    tensor, header = torch.from_numpy(array), cached(dropped)
    ask_for(tensor, torch.from_numpy(at[::-1].copy()))  # in any order
    rows = array[at]
    assert (rows[:, 0] == 250 * (5_000 + at)).all()
    assert cached(dropped) - header <= len(at) * 2 * mmap.PAGESIZE  # a row may lie on two pages
    before = cached(dropped)
    ask_for(tensor, torch.arange(0, 20_000, 2))  # close together: they are read as always
    ask_for(tensor, torch.arange(0))
    ask_for(torch.from_numpy(ROWS), torch.arange(0, 40_000, 2000))
    assert cached(dropped) == before


@pytest.mark.parametrize("reader", ["pool", "pass"])
def test_a_pool_and_a_pass_ask_for_the_rows_that_they_read(dropped, reader):
    array, at = open_map(dropped), torch.arange(0, 25_000, 1000)
    images, header = torch.from_numpy(array), cached(dropped)
    if reader == "pool":
        rows = Pool(images, torch.zeros(25_000, dtype=torch.int64), at, mapped=array).take(at)
    else:
        model = Linear(250, 2)
        rows = infer.record(model, images, at, Needs(embedding=True), lambda part: part.float(), 10).embedding
    assert rows[:, 0].equal(250.0 * at)
    assert cached(dropped) - header <= len(at) * 2 * mmap.PAGESIZE


def test_rows_far_apart_leave_no_neighbors_in_memory_as_chunk_after_chunk_is_read(tmp_path):
    """The system brings up to 64 kB around each row that it has cached: a sample of 10 million once took 7 of 4 GB."""
    path, seen = tmp_path / "wide.npy", []
    np.save(path, np.zeros((25_000, 250), dtype=np.float32))
    array = open_map(path)

    class Watching(Linear):
        def embed(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(resident(path))
            return super().embed(x)

    model, needs = Watching(250, 2), Needs(embedding=True)
    pool = Pool(torch.from_numpy(array), torch.zeros(25_000, dtype=torch.int64), torch.arange(10), mapped=array)
    trainer, cpu = cast(Any, SimpleNamespace(normalize=lambda part: part.float(), chunk=50)), torch.device("cpu")
    trained = TrainResult(1.0, 1, 1, "optimum", 0.0)
    query = build_query(needs, 9, pool, model, trained, trainer, lambda: model, 0, 0, Stopwatch(cpu), streamed=1000)
    query.unlabeled.take(torch.arange(0, 24_000, 25))
    assert len(seen) == 20
    assert max(seen) < 7_000  # kB of 25,000: what 50 rows bring


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
