"""Runs on features: where their seconds go, and logistic regression beside scikit-learn's (make bench-features).

Made features with a decaying spectrum as networks have: 50,000 x 512, 10 classes, a linear head, BADGE, 10 rounds from
1,000 to 10,000 labels. The first run opens the data and is not counted; nor is what a sweep does once. scikit-learn is
timed at the loosest tolerance that reaches the objective within 1e-4. With ``--scikit-activeml PYTHON``, an interpreter
that has scikit-activeml (``python -m venv peer && peer/bin/pip install scikit-activeml==1.0.1``), its selections are
timed beside ours.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import torch
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from alrun.commands import cli
from alrun.settings import schema
from alrun.settings.planned_runs import options_of
from alrun.system.device import describe
from alrun.training import logistic
from benchmarks.machine import CPU, add_row

TEST, FEATURES, CLASSES, ROUNDS = 10_000, 512, 10, 10
PHASES = ["train_seconds", "evaluate_seconds", "select_seconds"]
NEAR = 1e-4  # of the objective
TOLERANCES = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
PEER = Path(__file__).with_name("scikit_activeml.py")
PEERS = ("margin", "badge", "coreset", "typiclust", "max_herding", "dropquery", "falcun")  # strategies that both have
EXAMPLES, WIDTH, QUERIED = 10_000, 128, 500  # of the pool in which both select


def features(count: int, width: int = FEATURES) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (count, width) float32 and their classes: about 80 % are classified correctly from 10,000 labels."""
    draws = torch.Generator().manual_seed(0)
    centers = 0.15 * torch.randn(CLASSES, width, generator=draws)
    labels = torch.randint(CLASSES, (count,), generator=draws)
    spectrum = 8 * torch.arange(1, width + 1) ** -0.7
    rotation = torch.linalg.qr(torch.randn(width, width, generator=draws)).Q
    rows = (centers[labels] + torch.randn(count, width, generator=draws)) * spectrum
    return (rows @ rotation + 0.5).numpy(), labels.numpy()


def write_features(file: Path, rows: np.ndarray, classes: np.ndarray, pool: int) -> None:
    """Write the first ``pool`` rows as the training split, the others as the test split."""
    parts = {"train": slice(pool), "test": slice(pool, None)}
    arrays = {f"{split}_features": rows[part] for split, part in parts.items()}
    arrays |= {f"{split}_labels": classes[part] for split, part in parts.items()}
    np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]


def words(folder: Path, labels: int, rounds: int = ROUNDS) -> list[str]:
    """What all runs have on their command line."""
    budget = f"budget={{seed_size: {labels}, batch_size: {labels}, total: {rounds * labels}}}"
    given = ["dataset=features", f"dataset.path={folder / 'f.npz'}", f"paths.outputs={folder}", budget]
    return [*given, "runtime.progress=false"]


def run(folder: Path, labels: int, *settings: str, rounds: int = ROUNDS) -> tuple[Path, float]:
    """A run in this process: its folder, and its seconds, including those to compose its settings."""
    started = perf_counter()
    with initialize_config_module("alrun.conf", version_base="1.3"):
        cfg = compose("config", [*words(folder, labels, rounds), *settings], return_hydra_config=True)
        choices = options_of(cfg)
        run_dir = Path(cfg.hydra.run.dir)
    cli.start_run(OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"]), run_dir, choices)
    return run_dir, perf_counter() - started


def objective(rows: np.ndarray, labels: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> float:
    """The objective of logistic regression with C = 1, in float64."""
    logits = rows.astype(float) @ weight.T + bias
    losses = np.logaddexp.reduce(logits, 1) - logits[np.arange(len(logits)), labels]
    return float(losses.sum() + 0.5 * np.square(weight).sum())


def scikit_learn(rows: np.ndarray, labels: np.ndarray, best: float) -> tuple[float, float]:
    """Seconds of the loosest tolerance that comes near the ``best`` objective, and its distance from that."""
    seconds, excess = np.nan, np.nan
    for tolerance in TOLERANCES:
        model = LogisticRegression(C=1.0, tol=tolerance, max_iter=10_000)
        started = perf_counter()
        model.fit(rows, labels)
        seconds = perf_counter() - started
        excess = objective(rows, labels, model.coef_, np.asarray(model.intercept_)) / best - 1
        if excess < NEAR:
            break
    return seconds, excess


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="that are counted")
    parser.add_argument("--sweep", type=int, default=12, help="runs of the longer of two sweeps, 3 or more")
    parser.add_argument("--pool", type=int, default=50_000)
    parser.add_argument("--labels", type=int, default=1_000, help="of a round")
    parser.add_argument("--strategy", default="badge")
    parser.add_argument("--csv", type=Path, help="append all numbers to this file as well")
    parser.add_argument("--scikit-activeml", metavar="PYTHON", help="an interpreter that has scikit-activeml")
    given = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    schema.register()
    folder = Path(tempfile.mkdtemp())
    try:
        rows, classes = features(given.pool + TEST)
        write_features(folder / "f.npz", rows, classes, given.pool)
        run_dir = seconds_of_runs(folder, given)
        rest_of_a_sweep(folder, given)
        head(run_dir, rows[: given.pool], classes[: given.pool], given.csv)
        if given.scikit_activeml:
            selections(folder, given.scikit_activeml, given.csv)
        else:
            print("\nscikit-activeml is not timed: name an interpreter that has it by --scikit-activeml PYTHON")
    finally:
        shutil.rmtree(folder)


def seconds_of_runs(folder: Path, given: argparse.Namespace) -> Path:
    """Print where the seconds of runs go, and keep their means; returns the last one's folder."""
    run(folder, given.labels, f"strategy={given.strategy}", "seed=0")
    print("  run  train  evaluate  select  rest (s)  rest (%)")
    total, spent_in, run_dir = 0.0, pd.Series(0.0, [*PHASES, "rest_seconds"]), folder
    for seed in range(1, given.runs + 1):
        run_dir, seconds = run(folder, given.labels, f"strategy={given.strategy}", f"seed={seed}")
        spent = pd.read_csv(run_dir / "timing.csv")[PHASES].sum()
        rest = seconds - spent.sum()
        print(f"{seconds:5.2f}  {spent.iloc[0]:5.2f}  {spent.iloc[1]:8.2f}  {spent.iloc[2]:6.2f}  {rest:8.2f}  "
              f"{100 * rest / seconds:8.1f}", flush=True)  # fmt: skip
        total += seconds
        spent_in += [*spent, rest]
    print(f"{3600 * given.runs / total:.0f} runs an hour, one at a time, {torch.get_num_threads()} thread(s)\n")
    for phase, seconds in (spent_in / given.runs).items():
        keep(given.csv, "run", str(phase).removesuffix("_seconds"), seconds)
    return run_dir


def rest_of_a_sweep(folder: Path, given: argparse.Namespace) -> None:
    """Print and keep what each run of a sweep adds beside its rounds: a longer sweep less a shorter one."""
    rest = {}
    for first, count in ((100, 2), (200, given.sweep)):
        seeds = range(first, first + count)
        started = perf_counter()
        command = [*words(folder, given.labels), f"strategy={given.strategy}", f"seed=range({first},{first + count})"]
        subprocess.run([sys.executable, "-m", "alrun", "-m", *command], check=True, capture_output=True)
        seconds = perf_counter() - started
        tables = [next(folder.glob(f"runs/*/*-seed{seed}/timing.csv")) for seed in seeds]
        rest[count] = seconds - sum(pd.read_csv(table)[PHASES].to_numpy().sum() for table in tables)
    added = (rest[given.sweep] - rest[2]) / (given.sweep - 2)
    print(f"each run of a sweep adds {added:.2f} s beside its rounds (sweeps of 2 and of {given.sweep} runs)\n")
    keep(given.csv, "sweep", "rest", added)


def head(run_dir: Path, rows: np.ndarray, classes: np.ndarray, kept: Path | None) -> None:
    """Print the seconds of logistic regression in each round of a run beside scikit-learn's, on the same labels."""
    queries, times = pd.read_csv(run_dir / "queries.csv"), pd.read_csv(run_dir / "timing.csv")
    ours, theirs = 0.0, 0.0
    print("labels   ours  scikit-learn  excess of its objective")
    for round, labels, trained in zip(times["round"], times["labeled"], times["train_seconds"], strict=True):
        queried = queries[queries["round"] <= round]["index"].to_numpy()
        x, y = rows[queried], classes[queried]
        best = logistic.fit(torch.from_numpy(x), torch.from_numpy(y), CLASSES, 1.0).objective
        seconds, excess = scikit_learn(x, y, best)
        print(f"{labels:6d}  {trained:5.2f}  {seconds:12.2f}  {excess:.1e}", flush=True)
        ours, theirs = ours + trained, theirs + seconds
        keep(kept, "head", str(labels), trained, seconds)
    print(f"in all  {ours:5.2f}  {theirs:12.2f}  {theirs / ours:.1f} times as fast")


def selections(folder: Path, python: str, kept: Path | None) -> None:
    """Print the seconds of one selection by alrun, its pass over the pool included, and by scikit-activeml."""
    write_features(folder / "f.npz", *features(EXAMPLES + 1000, WIDTH), EXAMPLES)
    print(f"\n{QUERIED} of {EXAMPLES} x {WIDTH}   ours (s)  scikit-activeml (s)  ratio")
    for strategy in PEERS:
        run_dir, _ = run(folder, QUERIED, f"strategy={strategy}", rounds=2)
        queries = pd.read_csv(run_dir / "queries.csv")
        np.save(folder / "queried.npy", queries[queries["round"] == 0]["index"])
        ours = pd.read_csv(run_dir / "timing.csv")["select_seconds"][0]
        words = [python, str(PEER), str(folder / "f.npz"), str(folder / "queried.npy"), str(QUERIED), strategy]
        answer = subprocess.run(words, capture_output=True, text=True)
        if answer.returncode:
            print(f"{strategy:<20}{ours:11.3f}  failed: {answer.stderr.strip().splitlines()[-1]}", flush=True)
            continue
        theirs = float(answer.stdout)
        print(f"{strategy:<20}{ours:11.3f}{theirs:21.2f}{theirs / ours:7.0f}", flush=True)
        keep(kept, "selection", strategy, ours, theirs)


def keep(file: Path | None, part: str, case: str, ours: float, reference: float = np.nan) -> None:
    """Append seconds to the table of results."""
    add_row(file, {"part": part, "case": case, "device": describe(CPU), "ours": ours, "reference": reference})


if __name__ == "__main__":
    main()
