"""docs/evidence/recipe.md: is ``optimizer=fast`` as accurate as the paper's training, and does it rank alike?

``make recipe`` trains experiment=recipe, about an hour and a half of one core, and some more first models; it skips
finished runs. alrun receives all further arguments, such as ``dataset.source=packed``.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import pandas as pd

from alrun.analysis import result_files as results
from alrun.analysis.formats import markdown
from alrun.analysis.intervals import spread
from alrun.analysis.rounds import gather
from alrun.commands.console import reporting_mistakes
from alrun.runs.run_folder import find_run_folders, is_done
from alrun.system.errors import UserError
from docs.generate.wrapped import wrapped

ROOT = Path(__file__).resolve().parents[2]
EXPERIMENT = "experiment=recipe"
PAPER, FAST = "sgd", "fast"
AHEAD = "fast minus paper"

PACKED = " The images are JPEG-compressed (`dataset.source=packed`): compare accuracies only within this page."

PAGE = """# The fast recipe

Can `optimizer=fast` replace the paper's training? On {share} of the images that the paper's training takes it was
{least} to {most} points more accurate here, the mean of {repeats} repeats. Written by `make recipe{arguments}`:
{runs} runs on CIFAR-10 with the small network, on {device} (torch {torch}). Numbers are test accuracy in %, mean ±
standard deviation over repeats. `optimizer=sgd` is the paper's training: at most {paper_epochs} epochs, until training
accuracy is 99 %. `optimizer=fast` trains for {fast_epochs} epochs with larger batches and one cycle of a higher
learning rate. `results/recipe` has all rounds of all runs.{packed}

## Accuracy

Repeats share the first model, so they differ only after the first round. The difference is fast minus paper, repeat
by repeat.

{accuracy}
The first round, with {models} different seed sets and first models:

{first}
## Ranking

The gain of each strategy over random sampling in the last round ({last} labels), in percentage points, repeat by
repeat.

{ranking}
## Cost

The number of images that a run trains on, over all rounds. It is the same on every machine.

{cost}"""


def main() -> None:
    """Train the missing runs and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "evidence" / "recipe.md")
    parser.add_argument("--results", type=Path, default=ROOT / "results" / "recipe", help="folder for all rounds")
    parser.add_argument("--first-models", type=int, default=6)
    arguments, settings = parser.parse_known_args()
    models = f"initial_seed=range(1,{1 + arguments.first_models})"
    whole = rounds_of(EXPERIMENT, *settings)
    first = rounds_of(EXPERIMENT, *settings, "strategy=random", "seed=0", models, "budget.total=${budget.seed_size}")
    row, last = whole.iloc[0], whole.labeled.max()
    later, cost = whole[whole["round"] > 0], images(whole)
    ahead = sorted(accuracies(later, ["strategy", "labeled"], "seed").groupby(["strategy", "labeled"])[AHEAD].mean())
    page = PAGE.format(
        arguments=f' ARGS="{" ".join(sys.argv[1:])}"' if sys.argv[1:] else "",
        runs=whole.run.nunique() + first.run.nunique(),
        device=row["hardware"],
        torch=row["torch"],
        paper_epochs=whole[whole.optimizer == PAPER]["training.max_epochs"].max(),
        fast_epochs=whole[whole.optimizer == FAST]["training.max_epochs"].max(),
        packed=PACKED if row["dataset.source"] == "packed" else "",
        models=arguments.first_models,
        last=last,
        accuracy=markdown(compared(later, ["strategy", "labeled"], "seed")),
        first=markdown(compared(first, ["labeled"], "initial_seed")),
        ranking=markdown(gains(whole[whole.labeled == last])),
        cost=markdown(cost),
        share=cost.set_index("recipe")["share"][f"optimizer={FAST}"].replace("%", " %"),
        least=f"{ahead[0]:.1f}",
        most=f"{ahead[-1]:.1f}",
        repeats=whole["seed"].nunique(),
    )
    arguments.page.write_text(wrapped(page))
    for name, frame in (("whole", whole), ("first_models", first)):
        results.write_results(frame, arguments.results / name)
    print(f"{arguments.page}: {whole.run.nunique()} runs and {first.run.nunique()} first models")


def rounds_of(*command: str) -> pd.DataFrame:
    """All rounds of a sweep; its missing runs are computed.

    Raises:
        UserError: A run failed.
    """
    subprocess.run([sys.executable, "-m", "alrun", *command], check=True)
    folders = find_run_folders(command)
    if missing := [str(folder) for folder in folders if not is_done(folder)]:
        raise UserError(f"{missing[0]} is not finished: run the same command again.")
    return gather(folders).rounds


def accuracies(rounds: pd.DataFrame, by: list[str], repeat: str) -> pd.DataFrame:
    """Accuracy of both recipes in % and their difference, a row for each value of ``by`` and repeat."""
    accuracy = 100 * rounds.set_index([*by, repeat, "optimizer"]).test_accuracy.unstack("optimizer")
    return accuracy[[PAPER, FAST]].assign(**{AHEAD: accuracy[FAST] - accuracy[PAPER]})


def compared(rounds: pd.DataFrame, by: list[str], repeat: str) -> pd.DataFrame:
    """Accuracy of both recipes and their difference, a row for each value of ``by``; ``repeat`` pairs runs."""
    table = accuracies(rounds, by, repeat).groupby(by, sort=False).agg(written)
    return table.rename(columns={PAPER: "optimizer=sgd", FAST: "optimizer=fast"}).reset_index()


def gains(rounds: pd.DataFrame) -> pd.DataFrame:
    """How much each strategy is above random selection, a row per strategy and a column per recipe."""
    accuracy = 100 * rounds.set_index(["optimizer", "seed", "strategy"]).test_accuracy.unstack("strategy")
    above = accuracy.sub(accuracy["random"], axis=0).drop(columns="random")
    table = above.groupby("optimizer").agg(written).T[[PAPER, FAST]]
    return table.rename(columns={PAPER: "optimizer=sgd", FAST: "optimizer=fast"}).reset_index()


def images(rounds: pd.DataFrame) -> pd.DataFrame:
    """Images that a run trains on: epochs times labels, summed; mean of all runs of a recipe."""
    trained = (rounds.epochs * rounds.labeled).groupby([rounds.optimizer, rounds.run]).sum().groupby("optimizer").mean()
    return pd.DataFrame(
        {
            "recipe": [f"optimizer={name}" for name in (PAPER, FAST)],
            "images": [f"{trained[name]:,.0f}" for name in (PAPER, FAST)],
            "share": [f"{trained[name] / trained[PAPER]:.0%}" for name in (PAPER, FAST)],
        }
    )


def written(values: pd.Series) -> str:
    """Mean and standard deviation as text."""
    return spread(values.mean(), values.std(), 1)


if __name__ == "__main__":
    with reporting_mistakes():
        main()
