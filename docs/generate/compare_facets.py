"""docs/evidence/training_settings.md: what each training setting does to accuracy, on CIFAR-10 with a small network.

``make facets`` trains all of them, some minutes each on two cores; it skips finished runs. ``--at-once`` trains several
repeats at a time. alrun receives all further arguments, such as ``dataset.source=packed``.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import pandas as pd

from alrun.analysis import rounds as results
from alrun.analysis.intervals import spread
from alrun.system.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
BASE = [
    "dataset=cifar10",
    "model=small_cnn",
    "strategy=random",
    "budget.seed_size=500",
    "budget.batch_size=500",
    "budget.total=1500",
    "training.max_epochs=20",
]
PLAIN = "optimizer=sgd"  # the setting that the others are compared with
FACETS = [
    PLAIN,
    "optimizer=adam",
    "optimizer=sgd_swa optimizer.swa.start_accuracy=0.4",
    "optimizer=adam_swa optimizer.swa.start_accuracy=0.4",
    "augmentation=none",
    "augmentation=crop",
    "augmentation=trivial_augment",
    "augmentation=rand_augment",
    "model_update=update",
    "dss=random",
    "dss=grad_match",
    "dss=craig",
    "dss=glister",
    "training.precision=bf16",
    "runtime.memory_format=contiguous",
    "runtime.memory_format=channels_last",
]

HEAD = """# Training settings

Written by `make facets{arguments}`:
{runs} runs that label CIFAR-10 at random and train the small network, on {device} (torch {torch}).

The first row is the paper's recipe with 20 epochs per round instead of 300: SGD with a cosine schedule, crop and
flip, new weights in each round. Each other row changes one setting. 20 epochs are too few for the best accuracy. SWA
starts at a training accuracy of 0.4, because no run reaches 0.95. The table gives test accuracy in %, mean ± standard
deviation of {repeats} repeats; all repeats share the first round. The last column is the difference from the first
row in the last round, repeat by repeat. `make bench-training ARGS="SETTING=VALUE"` measures what a setting does to
speed. Rows with `dss=` train on a subset only in the middle round, as in the paper: the first and the last round
train on everything.

"""


def main() -> None:
    """Train the missing runs and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outputs", type=Path, default=Path("outputs") / "facets")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "evidence" / "training_settings.md")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--at-once", help="as alrun's at_once: two, four or eight")
    arguments, settings = parser.parse_known_args()
    sweep = [f"seed=range({arguments.repeats})", *([f"at_once={arguments.at_once}"] if arguments.at_once else [])]
    folders = {facet: arguments.outputs / facet.replace("=", "-").replace(" ", "-") for facet in FACETS}
    for facet, folder in folders.items():
        changed = [*BASE, *facet.split(), *sweep, f"paths.outputs={folder}", *settings]
        subprocess.run([sys.executable, "-m", "alrun", "-m", *changed], check=True)
    rows = ["| setting | " + " | ".join(f"{labels} labels" for labels in (500, 1000, 1500)) + " | difference |"]
    rows.append("|---" * 5 + "|")
    finished = {
        facet: sorted(path.parent for path in folder.glob("runs/*/*/done")) for facet, folder in folders.items()
    }
    plain = last_accuracy(finished[PLAIN])
    rows += [row(facet, runs, plain) for facet, runs in finished.items()]
    first = results.gather(finished[PLAIN]).rounds.iloc[0]
    head = HEAD.format(
        arguments=f' ARGS="{" ".join(sys.argv[1:])}"' if sys.argv[1:] else "",
        runs=sum(map(len, finished.values())),
        device=first["hardware"],
        torch=first["torch"],
        repeats=len(finished[PLAIN]),
    )
    arguments.page.write_text(head + "\n".join(rows) + "\n")
    print(f"{len(FACETS)} training settings in {arguments.page}")


def row(facet: str, runs: list[Path], plain: pd.Series) -> str:
    """A row: accuracy of the ``runs`` after each round, and the last one minus that of ``plain`` with the same seed."""
    rounds = results.gather(runs).rounds
    accuracy = (100 * rounds.set_index("labeled").test_accuracy).groupby("labeled").agg(["mean", "std"])
    cells = [spread(each.mean, each.std, 1) for each in accuracy.itertuples()]
    change = last_accuracy(runs) - plain
    cells.append(
        "" if facet == PLAIN else f"{'+' if change.mean() > 0 else ''}{spread(change.mean(), change.std(), 1)}"
    )
    return f"| `{facet}` | {' | '.join(cells)} |"


def last_accuracy(runs: list[Path]) -> pd.Series:
    """Test accuracy in % after the last round, by seed."""
    if not runs:
        raise UserError("a training setting has no finished run: run the same command again.")
    rounds = results.gather(runs).rounds
    return 100 * rounds[rounds["round"] == rounds["round"].max()].set_index("seed").test_accuracy


if __name__ == "__main__":
    main()
