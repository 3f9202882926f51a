"""The section of docs/evidence/scale.md on many machines: Ray's rows and terms, the model of cost, and kills."""

import pandas as pd

from alrun.analysis.formats import markdown
from benchmarks import scale

TERMS = {
    "start": "per worker and run: connection, process, import of torch",
    "open": "per worker and round: the state and the data",
    "task": "per part: Ray's own work",
    "file": "per part: lock and write its file",
    "part": "per part: pass and selection; {c} µs per example",
    "decide": "per selection: read the proposals of the parts, and select among them",
}
SECTION = """## In parts, on a Ray cluster

{rows}The terms of a selection of {size:,} from {n:,} vectors in {parts} parts, by margin and by BADGE in two levels.
`open`, `part`, `file` and `decide` are measured in one process, the others on the cluster.

| term | what | margin, cpu_seconds | BADGE, cpu_seconds |
| --- | --- | --- | --- |
{terms}
With w workers and p parts, a selection takes

    cpu_seconds = w open + p (task + file + part) + decide
    seconds     = open + p (task + file + part) / w + decide      on w idle processors

and each run w times `start` in addition.

"""
ROWS = """[Selection in parts](../guides/clusters.md#one-selection-on-many-machines), by `make bench-ray`: a cluster of
two nodes on one machine, with 1, 2 and 4 workers, three selections each. A row is written only if queries and
accuracies of the run are those of one process, byte for byte. On two cores there is no speedup: the table shows the
overhead of parts and Ray.

{rows}
`cpu_seconds` is the mean per selection, over all processes of the cluster and the run; `model` is the sum of the terms
below; `seconds` is wall time, at that `load`; `peak_gb` is that of one worker.

"""
NO_ROWS = "The cluster with 1, 2 and 4 workers is not measured yet.\n\n"
NUMBERS = """## Measured, calculated, assumed

**Measured**: the tables above, up to {largest:,} examples in one process.{equal}

**By arithmetic**: margin from {largest:,} examples in {many} parts, with {c:.2g} processor seconds per example (first
table of this page), `open` of the later run above, and `decide` in proportion to the number of parts:

{arithmetic}
{without}`decide` is not parallel, and grows with parts times labels.

**Assumed**: the terms for {n:,} vectors also hold for larger parts, with `part` in proportion to its examples;
processors of other machines are as fast as this one; their disks deliver a part as fast as it is computed
({rate:.0f} MB/s per worker); files of parts reach all machines in the time measured here on one disk.
"""
EQUAL = " Parts on Ray select what one process selects, with 1, 2 and 4 workers."
KILLS = """## Kills

`make test-ray`: {workers} workers and {drivers} drivers killed at random moments in {runs} runs on a cluster of two
nodes. All runs finished, with the accuracies, queries and measures of one undisturbed process, byte for byte; no
finished part was computed again{gone}.{embedding}
"""
LACKING = "## On many machines\n\nNot measured yet (`make bench-ray`, `make test-ray`).\n"


def section(
    measured: pd.DataFrame, terms: pd.DataFrame | None, checks: pd.DataFrame | None, later_open: float | None
) -> str:
    """The sections on Ray; without measurements a sentence that says so.

    Args:
        measured: scale.csv.
        terms: scale_terms.csv.
        checks: ray.csv, of ``make test-ray``.
        later_open: Processor seconds until a run on the largest pool is open; None: not measured.
    """
    found = ""
    if terms is not None:
        found = cluster(measured[measured["case"].str.endswith(" on Ray")], terms)
        if later_open is not None:
            found += numbers(measured, terms, later_open)
    return "\n".join(part for part in (found, kills(checks)) if part) or LACKING


def value(terms: pd.DataFrame, case: str, term: str) -> float:
    """Processor seconds of a term, the mean of all clusters where it is measured there; NaN: not measured."""
    rows = terms[(terms["case"] == case) & (terms["term"] == term)]
    return float((rows["cpu_seconds"] / (rows["workers"].clip(lower=1) if term == "start" else 1)).mean())


def modeled(terms: pd.DataFrame, case: str, workers: int, parts: int) -> float:
    """Processor seconds of a selection, as the terms add up."""
    each = {term: value(terms, case, term) for term in TERMS}
    return workers * each["open"] + parts * (each["task"] + each["file"] + each["part"]) + each["decide"]


def cluster(on_ray: pd.DataFrame, terms: pd.DataFrame) -> str:
    """What was measured on clusters, beside the model."""
    n, parts, rows = int(terms["n"].iloc[0]), int(terms["parts"].iloc[0]), NO_ROWS
    if len(on_ray):
        table = on_ray.sort_values(["case", "workers"])
        cases = zip(table["case"].str.removesuffix(" on Ray"), table["workers"], strict=True)
        table = table.assign(model=[f"{modeled(terms, case, workers, parts):.1f}" for case, workers in cases])
        columns = ["case", "workers", "cpu_seconds", "model", "seconds", "load", "peak_gb"]
        rows = ROWS.format(rows=markdown(table[columns].astype(str)))
    lines = []
    for term, what in TERMS.items():
        cells = [value(terms, case, term) for case in ("margin", "badge")]
        shown = ["not measured yet" if pd.isna(cell) else f"{cell:.3f}" for cell in cells]
        each = " and ".join(f"{value(terms, case, 'part') * parts / n * 1e6:.1f}" for case in ("margin", "badge"))
        lines.append(f"| `{term}` | {what.replace('{c}', each)} | {shown[0]} | {shown[1]} |\n")
    return SECTION.format(n=n, parts=parts, size=scale.SIZE, rows=rows, terms="".join(lines))


def numbers(measured: pd.DataFrame, terms: pd.DataFrame, later_open: float) -> str:
    """What follows from the terms for the largest pool, and what is assumed."""
    largest, many = max(scale.SIZES), 100
    alone = measured[(measured["case"] == "margin") & (measured["n"] == largest) & (measured["cache"] == "cold")]
    c = float(alone["cpu_seconds"].iloc[0]) / largest
    task = value(terms, "margin", "task")
    each = value(terms, "margin", "file") + (0 if pd.isna(task) else task)
    decide = value(terms, "margin", "decide") * many / int(terms["parts"].iloc[0])
    rows = []
    for workers in (1, 10, 100):
        divided = (many * each + largest * c) / workers
        rows.append(
            {
                "workers": workers,
                "open": f"{later_open:.1f}",
                "parts, seconds": f"{divided:.1f}",
                "decide": f"{decide:.1f}",
                "a selection, seconds": f"{later_open + divided + decide:.1f}",
            }
        )
    return NUMBERS.format(
        largest=largest,
        equal=EQUAL if measured["case"].str.endswith(" on Ray").any() else "",
        many=many,
        c=c,
        arithmetic=markdown(pd.DataFrame(rows).astype(str)),
        without="Ray's own work, `task`, is not in it. " if pd.isna(task) else "",
        n=int(terms["n"].iloc[0]),
        rate=2 * scale.scale_pool.WIDTH / c / 1e6,
    )


def kills(checks: pd.DataFrame | None) -> str:
    """What the test of kills saw, and of embeddings."""
    if checks is None:
        return ""
    killed = checks[checks["check"] == "run with kills"]
    embedding = checks[checks["check"].str.startswith("embedding")]
    is_gone = (checks["check"] == "no process left").any()
    if not len(killed):
        return ""
    largest = float(embedding["difference"].max()) if len(embedding) else None
    equal = "equal, byte for byte" if largest == 0 else f"equal within {largest}"
    return KILLS.format(
        workers=int(killed["workers_killed"].sum()),
        drivers=int(killed["drivers_killed"].sum()),
        runs=len(killed),
        gone="; no process of them was left" if is_gone else "",
        embedding=""
        if largest is None
        else f"\n\nVectors that Ray Data embedded with two workers are those of one process: {equal}.",
    )
