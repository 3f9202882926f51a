"""The section of docs/evidence/scale.md on a whole run: where its seconds go, from scale_run.csv."""

import pandas as pd

from alrun.analysis.formats import markdown
from benchmarks import scale, scale_run

SECTION = """## A whole run on {n:,}

`python -m benchmarks.scale_run`, a part of `make bench-scale`: {rounds} rounds with a linear head, a query of
{labels:,} by margin after each but the last, a test set of {test:,}, `runtime.memory_gb={memory}`, one process with one
thread. The first run on a file of vectors hashes it; later ones, such as one with another seed set, reuse the hash.

{table}
`open` is the time from the composition of the settings to the first round, without Python's imports; `write` saves
state and tables. The file was dropped from the system's page cache before each run{shared}.

- A later run opens in {open:.1f} processor seconds ({open_seconds:.0f} s of the clock).
- A round takes {round:.1f} processor seconds: {by_part}.
- Memory has a peak of {peak:.2f} GB, {anonymous:.2f} GB without pages of the mapped file.
"""


def section(measured: pd.DataFrame | None) -> str:
    """The section; without measurements a sentence that says so."""
    if measured is None:
        return "## A whole run\n\nNot measured yet (`python -m benchmarks.scale_run`).\n"
    runs = {hash: frame.set_index("part") for hash, frame in measured.groupby("hash")}
    first, later = runs["first"], runs["kept"]
    each = (later["cpu_seconds"] / later["times"]).round(1)
    writes = float(later["cpu_seconds"]["write"]) / float(later["times"]["train"])
    of_round = {
        "train": each["train"],
        "evaluate": each["evaluate"],
        "select": each["select"],
        "write": round(writes, 1),
    }
    columns = {
        "part": [part for part in scale_run.PARTS],
        "times": [later.loc[part, "times"] for part in scale_run.PARTS],
        **{
            f"{title}, {unit}": [frame.loc[part, column] for part in scale_run.PARTS]
            for title, frame in (("first run", first), ("later run", later))
            for column, unit in (("cpu_seconds", "cpu_seconds"), ("seconds", "seconds"))
        },
    }
    both = pd.concat([first, later])
    return (
        SECTION.format(
            n=int(later["n"].iloc[0]),
            rounds=scale_run.ROUNDS,
            labels=scale_run.LABELED,
            test=scale_run.TEST,
            memory=scale.MEMORY_GB,
            table=markdown(pd.DataFrame(columns).astype(str)),
            open=later.loc["open", "cpu_seconds"],
            open_seconds=later.loc["open", "seconds"],
            round=sum(of_round.values()),
            by_part=", ".join(f"{part} {seconds:.1f}" for part, seconds in of_round.items()),
            peak=both["peak_gb"].max(),
            shared=", but other processes read it meanwhile" if (both["cache"] == "shared").any() else "",
            anonymous=both["anon_gb"].max(),
        )
        + f"\nOn two cores with a load of {both['load'].min()} to {both['load'].max()}, wall time says little.\n"
    )
