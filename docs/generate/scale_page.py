"""docs/evidence/scale.md and its figure: the cost of a selection against the size of the pool, from scale.csv.

``make bench-scale``, ``make bench-ray`` and ``make test-ray`` measure. Cases that are not in the table are named as
missing.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
import pandas as pd

from alrun.analysis import figure_style
from alrun.analysis.formats import markdown
from benchmarks import scale
from docs.generate import scale_ray_section, scale_run_section

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[2]

PAGE = """# Pools larger than memory

The cost of one selection of {size:,} examples, with {labeled:,} labels and {classes} classes, in one process with one
thread, within `runtime.memory_gb={memory}`. The pool is a file of synthetic vectors in {clusters:,} clusters, {width}
numbers in float16 each ({gigabytes:.1f} GB for 10 million); smaller pools are the first part of it. Measured by `make
bench-scale`, which writes this page. [The guide](../guides/features.md#pools-larger-than-memory) has the settings.

![Processor seconds against the size of the pool](../assets/scale.svg)

{table}
- `cpu_seconds`: processor time of the thread. `slope`: of the line through log `cpu_seconds` against log n, for each
  state of the cache; 1 is linear growth.
- `seconds`: wall time. Other processes used the {cores} cores too: where the `load` is higher, wall time says little.
- `cache`: before a `cold` case, the file was dropped from the system's page cache; before a `warm` one, it was read
  once. `read_gb`: read from the disk; later passes of a cold case are partly served from the cache.
- `peak_gb`: highest memory of the process; `anon_gb`: the same without pages of the memory-mapped file, which the
  system can reclaim at any time. The process needs only the latter.

| strategy | what it does | passes over the pool |
| --- | --- | --- |
| margin | scores part by part, keeps the highest | 1 |
| badge | k-means++ on gradient embeddings, which are computed again in each pass | 1 for norms, 5 to 8 for sampling |
| coreset | distances to the labeled examples, then among the farthest candidates | 2, and the candidates |
| kmeans | Lloyd's algorithm, each example compared with 64 near centers | 1 for cells, 1 to start, 1 per iteration |
| max_herding | MaxHerding on a random sample of 10 examples for each label | none: only the sample is read |

## The loss by a sample

MaxHerding cannot compare all pairs of 10 million examples. With `strategy=subsample` it selects from a random sample,
to cover that sample. The table has the objective over the whole pool that this reaches, as a share of what MaxHerding
on the whole pool reaches, for a pool that is small enough for both (`python -m benchmarks.sample_loss`; median and
worst of the draws):

{loss}
{missing}
{run}
{ray}"""


def main() -> None:
    """Write the page and the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results", help="folder of the tables")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "evidence" / "scale.md")
    parser.add_argument("--figure", type=Path, default=ROOT / "docs" / "assets" / "scale.svg")
    arguments = parser.parse_args()
    measured = pd.read_csv(arguments.results / "scale.csv")
    matplotlib.rcParams["svg.hashsalt"] = "alrun"  # the same names in the file each time
    drawn(of_one_process(measured)).savefig(arguments.figure, metadata={"Date": None}, facecolor="white")
    others = {
        name: pd.read_csv(path) if (path := arguments.results / f"{name}.csv").exists() else None
        for name in ("scale_run", "scale_terms", "ray")
    }
    loss = pd.read_csv(arguments.results / "scale_loss.csv")
    arguments.page.write_text(page(measured, loss, others["scale_run"], others["scale_terms"], others["ray"]))
    print(arguments.page, arguments.figure)


def of_one_process(measured: pd.DataFrame) -> pd.DataFrame:
    """The rows of one process with nothing in the cache."""
    return measured[measured["case"].isin(list(scale.CASES)) & (measured["cache"] == "cold")]


def page(
    measured: pd.DataFrame,
    loss: pd.DataFrame,
    run: pd.DataFrame | None = None,
    terms: pd.DataFrame | None = None,
    checks: pd.DataFrame | None = None,
) -> str:
    """The text of the page.

    Args:
        measured: scale.csv.
        loss: scale_loss.csv.
        run: scale_run.csv; None: not measured.
        terms: scale_terms.csv, likewise.
        checks: ray.csv, likewise.
    """
    alone = of_one_process(measured)
    table = measured[measured["case"].isin(list(scale.CASES))].sort_values(["case", "cache", "n"])
    slopes = {key: slope(frame) for key, frame in table.groupby(["case", "cache"]) if len(frame) > 1}
    keys = zip(table["case"], table["cache"], strict=True)
    table = table.assign(slope=[f"{slopes[key]:z.2f}" if key in slopes else "" for key in keys])
    columns = ["case", "cache", "n", "cpu_seconds", "slope", "seconds", "load", "peak_gb", "anon_gb", "read_gb"]
    table = table[columns].assign(n=[f"{n:,}" for n in table["n"]])
    measured_cases = set(zip(alone["case"], alone["n"], strict=True))
    lacking = [f"{case} of {n:,}" for case in scale.CASES for n in scale.SIZES if (case, n) not in measured_cases]
    opened = None if run is None else run[(run["hash"] == "kept") & (run["part"] == "open")]["cpu_seconds"].iloc[0]
    return PAGE.format(
        size=scale.SIZE,
        labeled=scale.LABELED,
        width=scale.scale_pool.WIDTH,
        classes=scale.scale_pool.CLASSES,
        clusters=scale.scale_pool.CLUSTERS,
        gigabytes=2e7 * scale.scale_pool.WIDTH / 1e9,
        memory=scale.MEMORY_GB,
        cores=2,
        table=markdown(table.astype(str)),
        loss=markdown(loss.assign(n=[f"{n:,}" for n in loss["n"]]).astype(str)),
        missing=f"Not measured yet: {', '.join(lacking)}.\n" if lacking else "",
        run=scale_run_section.section(run),
        ray=scale_ray_section.section(measured, terms, checks, opened),
    )


def slope(frame: pd.DataFrame) -> float:
    """The slope of the least-squares line through log n and log processor seconds, of two sizes or more."""
    return float(np.polyfit(np.log(frame["n"]), np.log(frame["cpu_seconds"]), 1)[0])


@figure_style.styled
def drawn(alone: pd.DataFrame) -> "Figure":
    """Processor seconds against n, both axes logarithmic, and a line of slope 1."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(figure_style.PAGE / 1.6, 2.7))
    axes = figure.subplots()
    styles = figure_style.line_styles(sorted(alone["case"].unique()))
    for case, frame in alone.sort_values("n").groupby("case"):
        axes.plot(frame["n"], frame["cpu_seconds"], label=str(case), **styles[str(case)])
    ends = np.array([min(scale.SIZES), max(scale.SIZES)], float)
    axes.plot(ends, ends * alone["cpu_seconds"].min() / alone["n"].min() / 2, "--", color="gray", lw=0.8)
    axes.set(xscale="log", yscale="log", xlabel="examples in the pool", ylabel="processor seconds")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    figure.supxlabel("one thread; dashed: slope 1", fontsize=7)
    return figure


if __name__ == "__main__":
    main()
