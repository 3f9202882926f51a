"""Do results change? Digests of tiny runs on digits: every strategy, way of training and shape of the pool.

    python -m scripts.golden            # make golden: compare with the record, or create it if there is none
    python -m scripts.golden --only strategy=badge

The record, ``outputs/golden.json``, holds for one machine: another torch, instruction set or processor gives other
bits. Create it before a refactoring and compare afterward. A run is identified by its name, which includes the
revisions of its components (alrun.settings.revisions): if the results of a component change but its revision does not,
the comparison fails; a raised revision makes a new name, which is added.
"""

import argparse
import hashlib
import json
import logging
import platform
import sys
import tempfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import torch
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra

from alrun.loop.start import run
from alrun.settings import schema
from alrun.settings.planned_runs import options_of
from alrun.system import device

RECORD = Path("outputs") / "golden.json"
TABLES = ("queries.csv", "accuracy.csv", "measures.csv")  # a record of before a table was written gets it added
COUNTS = ("answers", "spent")  # the last columns of accuracy.csv, which records from before do not have
TINY = ("budget.seed_size=20", "budget.batch_size=20", "budget.total=60", "training.max_epochs=3", "limit=300")
QUIET = ("runtime.device=cpu", "runtime.threads=1", "runtime.memory_format=contiguous", "runtime.progress=false")
DROPOUT = "model.dropout=0.4"
INNER = ("balanced", "partitioned", "power", "subsample")  # strategies around another one
ORACLES = ("best_found",)  # which need vectors
SHORT = {  # networks that strategies train themselves
    "vaal": ["strategy.iterations=3", "strategy.width=4"],
    "learning_loss": ["strategy.epochs=2"],
    "discriminative": ["strategy.epochs=2"],
}
FACETS = (
    ["augmentation=crop_flip"],
    ["augmentation=rand_augment"],
    ["dss=random"],
    ["dss=craig"],
    ["dss=glister"],
    ["dss=grad_match"],
    ["model=mnist_net"],
    ["model_update=update"],
    ["optimizer=adam"],
    ["optimizer=adam_swa"],
    ["optimizer=fast"],
    ["optimizer=sgd_swa"],
    ["per_class_cap=c1000", "per_class_cap.limit=8"],
    ["redundancy=duplicate", "redundancy.factor=5", "redundancy.unique=60"],
    ["redundancy=augment", "redundancy.factor=5", "redundancy.unique=60"],
    ["seed_set=balanced"],
    ["seed_set=dispersion_min", "embeddings@seed_set.embeddings=classifier"],
    ["seed_set=facility_location", "embeddings@seed_set.embeddings=classifier"],
    ["training.precision=bf16"],
    ["imbalance=long_tail", "imbalance.ratio=4"],
    ["open_set=held_out"],
    ["shift=pool", "dataset@shift.dataset=digits", "shift.share=0.3", "shift.test=both"],
    ["validation=30"],
    ["initial_seed=42"],
)


def main() -> None:
    """Compare with the record, or create it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="runs whose command line holds this")
    parser.add_argument("--record", type=Path, default=RECORD)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    here = machine()
    known = json.loads(arguments.record.read_text()) if arguments.record.exists() else {"machine": here, "runs": {}}
    if known["machine"] != here:
        sys.exit(f"{arguments.record} was made on {known['machine']}, this is {here}: delete it to record again.")
    changed, added = [], 0
    for command in (command for command in commands() if (arguments.only or "") in " ".join(command)):
        name, found = digests(command)
        added += name not in known["runs"]
        before = known["runs"][name] = found | known["runs"].get(name, {})
        if tables := [table for table in TABLES if before[table] != found[table]]:
            changed.append(f"  {' '.join(command)}: {' and '.join(tables)} ({name})")
    if changed:
        sys.exit("\n".join(["Results changed and no revision was raised (src/alrun/settings/revisions.py):", *changed]))
    arguments.record.parent.mkdir(exist_ok=True)
    arguments.record.write_text(json.dumps(known, indent=1) + "\n")
    print(f"{len(known['runs'])} runs in {arguments.record}, {added} of them new; all others are as they were.")


def machine() -> dict[str, str]:
    """The properties of this machine that the bits of a result depend on."""
    return {
        "processor": device.describe(torch.device("cpu")),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def commands() -> Iterator[list[str]]:
    """The command lines of all tiny runs."""
    for path in sorted(Path(str(resources.files("alrun.conf") / "strategy")).glob("*.yaml")):
        if path.stem in ORACLES:
            continue
        inner = ["strategy@strategy.inner=margin"] if path.stem in INNER else []
        yield [f"strategy={path.stem}", DROPOUT, *inner, *SHORT.get(path.stem, [])]
    for facet in FACETS:
        yield ["strategy=badge", *facet]


def digests(command: list[str]) -> tuple[str, dict[str, str]]:
    """Name of a run, and hashes of its tables."""
    with tempfile.TemporaryDirectory() as outputs:
        GlobalHydra.instance().clear()
        with initialize_config_module("alrun.conf", version_base="1.3"):
            settings = [*TINY, *QUIET, f"paths.outputs={outputs}", *command]
            cfg = compose("config", settings, return_hydra_config=True)
        run_dir = Path(cfg.hydra.run.dir)
        run(cfg, run_dir, options_of(cfg))
        found = {name: hashlib.sha256(lasting(run_dir / name)).hexdigest()[:16] for name in TABLES}
    return "/".join(run_dir.parts[-2:]), found


def lasting(table: Path) -> bytes:
    """The bytes of a table without the columns COUNTS at its end; perfect annotators make them repeat the labels."""
    rows = [line.split(",") for line in table.read_text().splitlines(keepends=True)]
    if tuple(cell.strip() for cell in rows[0][-len(COUNTS) :]) != COUNTS:
        return table.read_bytes()
    return "".join(",".join(row[: -len(COUNTS)]) + "\n" for row in rows).encode()


if __name__ == "__main__":
    schema.register()
    main()
