"""How far a sweep is, as its folders tell: folders made by hand, and a real run that is looked at while it waits."""

import json
import os
import subprocess
import sys
import time

import pytest
from omegaconf import OmegaConf

from alrun.commands import status
from alrun.runs.run_folder import RESULTS, SILENCE
from alrun.settings import planned_runs
from alrun.system.lock import Lock


def made(folder, rounds, seconds=(), names=(), total=60):
    """A run folder with ``rounds`` finished rounds of 20 labels more each; training takes ``seconds`` a round."""
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).touch()
    table = ["round,labeled,test_accuracy", *(f"{n},{20 * (n + 1)},0.{n + 5}" for n in range(rounds))]
    times = ["round,labeled,train_seconds,evaluate_seconds,select_seconds"]
    times += [f"{n},{20 * (n + 1)},{each},50,10" for n, each in enumerate(seconds)]
    (folder / "accuracy.csv").write_text("\n".join(table) + "\n")
    (folder / "timing.csv").write_text("\n".join(times) + "\n")
    budget = {"seed_size": 20, "batch_size": 20, "total": total}
    (folder / "run.json").write_text(json.dumps({"settings": {"budget": budget}, "revisions": {}}))


@pytest.fixture
def sweep(tmp_path):
    """Six runs: done, running here, running elsewhere, failed, interrupted and waiting."""
    where = ["strategy=random,entropy", "seed=0,1,2", f"paths.outputs={tmp_path}"]
    folders = [run.folder for run in planned_runs.runs_of_command([*where, "hydra.mode=MULTIRUN"])]
    done, here, elsewhere, failed, interrupted, _ = folders
    made(done, 3, (60, 180, 300), ("done", *RESULTS))  # 12 minutes
    made(here, 1, (60,), ("state-1.pt",))
    made(elsewhere, 0)
    made(failed, 0, names=("failed.txt",))
    (failed / "failed.txt").write_text("the training loss is nan: lower optimizer.lr.\n")
    made(interrupted, 2, (60, 180), ("state-1.pt", ".lock.lease"))
    os.utime(interrupted / ".lock.lease", (time.time() - 2 * SILENCE,) * 2)
    locks = [Lock(folder / ".lock") for folder in (here, elsewhere)]
    for lock in locks:
        assert lock.acquire(wait=False)
    lease = elsewhere / ".lock.lease"
    lease.write_text(lease.read_text().replace(os.uname().nodename, "node17"))
    yield where
    for lock in locks:
        lock.release()


def test_a_run_that_waits_for_people_is_not_called_interrupted(tmp_path):
    made(tmp_path / "outputs" / "photos-linear-1" / "margin-seed0", 1, (60,), ("ask_0.csv", "ask_1.csv", "state-1.pt"))
    table = tmp_path / "outputs" / "photos-linear-1" / "margin-seed0" / "accuracy.csv"
    table.write_text(table.read_text().replace("0.5", "nan"))  # there is no test set
    text = status.status([str(tmp_path / "outputs")])
    assert text.startswith("1 run: 1 asks for labels.")
    assert "nan" not in text
    assert text.endswith(f"label {table.with_name('ask_1.csv')}")
    table.with_name("ask_1.csv").unlink()  # stopped while it trained on what was told
    assert status.status([str(tmp_path / "outputs")]).startswith("1 run: 1 interrupted.")


def test_a_sweep_is_told_run_by_run(sweep):
    text = status.status(sweep, multirun=True)
    first, _, header, *rows, _, last = text.splitlines()
    # The random runs take 12 minutes as the first did: 10 (its sibling has done 2), 12. So do the entropy runs, of
    # which none is done: 12, 12 - 6, 12.
    assert first == (
        "6 runs: 1 done, 1 waiting, 2 running, 1 interrupted, 1 failed. "
        "About 0.87 hours of computing are left, 0.43 with 2 at a time."
    )
    assert header.split() == ["state", "rounds", "accuracy", "hours", "left", "since", "on", "run", "reason"]
    assert [row.split()[0] for row in rows] == ["failed", "interrupted", "running", "running"]
    assert rows[0].endswith("the training loss is nan: lower optimizer.lr.")
    assert "2 of 3  60.00 %   0.10" in rows[1]
    assert "1 of 3  50.00 %   0.17" in rows[2]
    assert f"{os.uname().nodename}:{os.getpid()}" in rows[2]
    assert f"node17:{os.getpid()}" in rows[3]
    assert last == f"To compute what is missing: python -m alrun -m {' '.join(sweep)}"
    assert len(status.status(sweep, multirun=True, each=True).splitlines()) == len(text.splitlines()) + 2


def test_folders_alone_suffice(sweep, tmp_path):
    folder = next(tmp_path.glob("runs/*/*/failed.txt")).parent
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "overrides.yaml").write_text("- strategy=entropy\n- seed=0\n- variant=a b\n")
    sources = [
        {"path": "alrun.conf", "schema": "pkg", "provider": "main"},
        {"path": "/my own/conf", "schema": "file", "provider": "command-line"},
    ]
    composed = OmegaConf.create({"hydra": {"runtime": {"config_sources": sources}}})
    OmegaConf.save(composed, folder / ".hydra" / "hydra.yaml")
    text = status.status([str(tmp_path)])
    assert text.endswith("Delete the folder of a failed run that you do not want: it is then no longer listed.")
    assert text.startswith("5 runs: 1 done, 2 running, 1 interrupted, 1 failed.")  # one that waits has no folder yet
    assert "  python -m alrun --config-dir '/my own/conf' strategy=entropy seed=0 'variant=a b'  # " in text


def test_a_run_whose_process_was_killed_here_is_not_called_running(tmp_path):
    folder = tmp_path / "random-0-seed0"
    made(folder, 1, (60,), ("state-1.pt",))
    killed = "import os, sys; from pathlib import Path; from alrun.system.lock import Lock; "
    killed += "held = Lock(Path(sys.argv[1])); held.acquire(wait=False); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", killed, str(folder / ".lock")], check=False)
    assert (folder / ".lock.lease").exists()
    assert status.status([str(tmp_path)]).startswith("1 run: 1 interrupted.")


def test_a_run_without_siblings_is_judged_by_its_own_rounds(tmp_path):
    made(tmp_path / "random-0-seed0", 2, (60, 120), ("state-1.pt",), total=100)
    # 3 seconds a label in the rounds of 60, 80 and 100 labels, and a minute for all else in each: 15 minutes.
    assert status.status([str(tmp_path)]).startswith("1 run: 1 interrupted. About 0.25 hours of computing are left.")


def test_seconds_are_not_told_as_hours(tmp_path):
    made(tmp_path / "random-0-seed0", 2, (1, 2), ("state-1.pt",))
    times = (tmp_path / "random-0-seed0" / "timing.csv").read_text()
    (tmp_path / "random-0-seed0" / "timing.csv").write_text(times.replace(",50,10", ",0.5,0.1"))
    assert status.status([str(tmp_path)]).startswith("1 run: 1 interrupted. Less than a minute is left.")


def test_when_all_is_done_nothing_is_left_to_say(tmp_path):
    made(tmp_path / "random-0-seed0", 1, (60,), ("done", *RESULTS))
    assert status.status([str(tmp_path)]) == "1 run: 1 done."


def test_looking_imports_neither_torch_nor_pandas():
    probe = "import sys, alrun.commands.status; sys.exit(bool({'torch', 'numpy', 'pandas'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", probe]).returncode == 0


@pytest.mark.parametrize(
    "overrides",
    [
        '- "variant=a\\nb\\e[2J"\n',
        "!!python/object/apply:os.system ['touch MARK']\n",
        "[[[",
        "{a: 1}",
        "- ${oc.env:HOME}\n",
    ],
)
def test_a_strangers_folder_says_nothing_to_the_terminal_and_is_read_as_text(tmp_path, monkeypatch, overrides):
    folder = tmp_path / "random-0-seed0"
    made(folder, 1, (60,), ("state.pt",))
    (folder / "failed.txt").write_text("\x1b[31mred\nforged: 5 runs: 5 done.\r\u202e")
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "overrides.yaml").write_text(overrides)
    (folder / ".hydra" / "hydra.yaml").write_text("hydra: {runtime: {config_sources: []}}\n")
    monkeypatch.chdir(tmp_path)
    text = status.status(["."])
    assert text.startswith("1 run: 1 failed.")
    assert not any(line.startswith("forged") for line in text.splitlines())
    assert not set(text) & {"\x1b", "\r", "\u202e"}
    assert r"\x1b[31mred\nforged" in text
    assert ("python -m alrun" in text) == overrides.startswith("- ")
    if "oc.env" in overrides:
        assert "'${oc.env:HOME}'" in text
    assert not (tmp_path / "MARK").exists()
