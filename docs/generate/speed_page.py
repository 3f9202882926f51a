"""docs/evidence/speed.md: how fast selection and training are, from the tables in benchmarks/results.

``make speed`` runs both benchmarks on an idle machine and writes the page.
"""

import argparse
from pathlib import Path

import pandas as pd
import torch

from alrun.analysis.formats import markdown
from docs.generate.wrapped import wrapped

ROOT = Path(__file__).resolve().parents[2]

PAGE = """# Speed

How long do selection and training take, and how near is that to what the machine can do? Written by `make speed` on
{device}, two of its threads (torch {torch}).

## Selection

An algorithm selects `b` of `n` clustered points with 512 numbers each and `C` classes (`make bench-selection`). The
floor is the time for the arithmetic of the exact algorithm at the speed of this machine's matrix product, or for the
bytes that it must read at the speed of its memory, whichever is longer; lazy algorithms can be faster. "Of the floor"
is the measured time as a multiple of it. The reference works as the papers' public code does: it forms all points and
visits all of them for each selected one. MB is the memory beyond the inputs.

{selection}
## A pool of ImageNet's size

One selection of 10,000 from 1,281,167 vectors of 384 numbers, 100,000 of them labeled, with a linear head of 1,000
classes and default settings (`make bench-large`). One thread of {device}, on a busy machine: wall time includes
waiting. The peak includes the 2 GB of the pool. The floor is the processor time of the matrix products that a strategy
cannot avoid, measured under the same conditions. [Large pools](../guides/features.md#large-pools) explains the
approximations.

{large}
## Runs on features

Made vectors, 50,000 of 512 numbers, 10 classes; a linear head trained to its optimum, BADGE, ten rounds of 1,000 to
10,000 labels (`make bench-features`), on one thread. A run takes {run:.1f} s, so that {hourly:.0f} fit into an hour:
{phases}. In a sweep each run adds {sweep:.2f} s beside its rounds.

Logistic regression in each round, beside scikit-learn's at the loosest tolerance, down to 1e-8, that comes within 1e-4
of our objective:

{heads}
One selection of 500 from 10,000 vectors of 128 numbers, the pass over the pool included, beside scikit-activeml 1.0.1:

{peers}
`alrun embed` with ResNet-18 at 224 pixels makes vectors of {embedded:.1f} images a second, {share:.0%} of the bare
network's (`make bench-embed`).

## Training

Images per second of one run, with the fastest number of threads and memory format. The plain loop is a DataLoader
with workers, torchvision's transforms on single images, and eager training steps. The last column compares with the
arithmetic of a step at the speed of this machine's fastest matrix product or convolution in that precision.

{training}
Several runs at once, training batch size 20: images per second of all runs together (relative to one run alone).

{together}"""


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "evidence" / "speed.md")
    arguments = parser.parse_args()
    selection = pd.read_csv(arguments.results / "selection.csv")
    training = pd.read_csv(arguments.results / "training.csv")
    features = pd.read_csv(arguments.results / "features.csv")
    (device,) = {*selection.device, *training.device, *features.device}  # one machine, or the page would compare two
    text = PAGE.format(
        device=device,
        torch=torch.__version__,
        selection=markdown(of_selection(selection)),
        **of_features(features),
        large=markdown(of_large_pools(pd.read_csv(arguments.results / "large_pools.csv"))),
        training=markdown(of_training(training)),
        together=markdown(of_several(training)),
    )
    arguments.page.write_text(wrapped(text))
    print(arguments.page)


def of_selection(rows: pd.DataFrame) -> pd.DataFrame:
    """A row per case."""
    times = (rows.reference / rows.seconds).map(lambda ratio: "" if pd.isna(ratio) else f"{ratio:,.0f}×")
    return pd.DataFrame(
        {
            "case": rows.case,
            "n": rows.n.map("{:,}".format),
            "C": rows.classes,
            "b": rows.picks.map("{:,}".format),
            "seconds": rows.seconds.map("{:.2f}".format),
            "MB": (rows.bytes / 1e6).map("{:.0f}".format),
            "of the floor": (rows.seconds / rows.floor).map("{:.1f}×".format),
            "faster than the reference": times,
        }
    )


def of_large_pools(rows: pd.DataFrame) -> pd.DataFrame:
    """A row per strategy."""
    rows = rows.sort_values("cpu_seconds")
    return pd.DataFrame(
        {
            "strategy": rows.case,
            "wall seconds": rows.seconds.map("{:.0f}".format),
            "processor seconds": rows.cpu_seconds.map("{:.0f}".format),
            "floor": rows.floor.map("{:.0f}".format),
            "peak, GB": rows.peak_gb.map("{:.1f}".format),
            "approximated": rows.approximated,
        }
    )


def of_features(rows: pd.DataFrame) -> dict[str, object]:
    """What the section of runs on features says."""
    parts = dict(list(rows.groupby("part", sort=False)))
    spent = parts["run"].set_index("case")["ours"]
    shares = [f"{name} {seconds:.2f} s ({seconds / spent.sum():.0%})" for name, seconds in spent.items()]
    embedded, bare = parts["embed"][["ours", "reference"]].to_numpy(float)[0]
    return {
        "run": spent.sum(),
        "hourly": 3600 / spent.sum(),
        "phases": ", ".join(shares),
        "sweep": float(parts["sweep"]["ours"].iloc[0]),
        "heads": markdown(beside(parts["head"], "labels", "scikit-learn", whole=True)),
        "peers": markdown(beside(parts["selection"], "strategy", "scikit-activeml")),
        "embedded": embedded,
        "share": embedded / bare,
    }


def beside(rows: pd.DataFrame, what: str, peer: str, whole: bool = False) -> pd.DataFrame:
    """Our seconds beside those of a ``peer``, a row per case; with a sum of all if they make a ``whole``."""
    cases, ours, theirs = rows.case.astype(str), rows.ours, rows.reference
    if whole:
        cases = pd.concat([cases, pd.Series(["in all"])])
        ours, theirs = (pd.concat([each, pd.Series([each.sum()])]) for each in (ours, theirs))
    return pd.DataFrame(
        {
            what: cases,
            "alrun, s": ours.map("{:.3f}".format),
            f"{peer}, s": theirs.map("{:.2f}".format),
            "faster": (theirs / ours).map("{:,.0f}×".format),
        }
    )


def of_training(rows: pd.DataFrame) -> pd.DataFrame:
    """A row per model, optimizer batch and precision."""
    alone = rows[rows.way == "alone"]
    return pd.DataFrame(
        {
            "model": alone.model,
            "batch": alone.batch_size,
            "precision": alone.precision,
            "images per second": alone.images_per_second.map("{:,.0f}".format),
            "plain loop": alone.plain.map("{:,.0f}".format),
            "faster": (alone.images_per_second / alone.plain).map("{:.2f}×".format),
            "of the floor's speed": (alone.images_per_second / alone.floor).map("{:.0%}".format),
        }
    )


def of_several(rows: pd.DataFrame) -> pd.DataFrame:
    """A row per model, precision and way, a column per number of runs."""
    key = ["model", "precision"]
    first = rows[(rows.way == "alone") & (rows.batch_size == 20)].rename(columns={"images_per_second": "alone"})
    several = rows[rows.way != "alone"].merge(first[[*key, "alone"]], on=key)
    pairs = zip(several.images_per_second, several.images_per_second / several.alone, strict=True)
    several["cell"] = [f"{speed:,.0f} ({times:.2f}×)" for speed, times in pairs]
    several["runs"] = several.runs.map("{} runs".format)
    table = several.pivot(index=[*key, "way"], columns="runs", values="cell")
    return table.reindex(columns=several.runs.unique()).reset_index().rename_axis(columns=None)


if __name__ == "__main__":
    main()
