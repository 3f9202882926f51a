"""docs/evidence/gpu.md (``make gpu-page``): measurements on GPUs, from the windows in benchmarks/results/gpu.

If there is no window, the page says so.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from alrun.analysis.paper.printed import with_selection_before
from alrun.runs import portable
from docs.generate.wrapped import wrapped

ROOT = Path(__file__).resolve().parents[2]
PAPER = ROOT / "src" / "alrun" / "analysis" / "paper"
THEIRS = "P100 or V100, 16 GB"  # Appendix A.1 of the paper; it does not say which
JPEG = (
    "Our CIFAR-10 images are JPEG-compressed copies (`dataset.source=packed`: the official images, order and "
    "labels, with other pixels). The paper used the originals, so accuracies need not agree to the last points."
)
# The options of the runs of Tables 1 and 12, apart from AL batch size, strategy and model update.
RECIPE = {"dataset": "cifar10", "model": "resnet18", "optimizer": "sgd", "augmentation": "crop_flip"}
PLAIN = {"redundancy": "none", "per_class_cap": "none", "seed_set": "random", "dss": "none"}
SIZES = {1000: "b1000", 3000: "b3000", 6000: "b6000"}

EMPTY = """Nothing has been measured on a GPU yet: `benchmarks/results/gpu/` is empty. `make gpu-window MINUTES=10`
measures; it has run only as a dry run on a CPU.
"""


class Windowed(NamedTuple):
    """A window's files."""

    name: str
    record: dict[str, Any]
    folder: Path


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results" / "gpu")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "evidence" / "gpu.md")
    arguments = parser.parse_args()
    arguments.page.write_text(page(arguments.results))
    print(arguments.page)


def page(results: Path) -> str:
    """The whole text."""
    paths = sorted(results.glob("*/window.json"))
    windows = [Windowed(path.parent.name, json.loads(path.read_text()), path.parent) for path in paths]
    windows = [each for each in windows if not each.record["dry_run"]]
    head = "# On a GPU\n\nWhat has run on a GPU so far: checks of numbers, short runs of strategies and training\n"
    head += "settings, and the first rounds of the paper's CIFAR-10 rows. Written by `make gpu-page` from\n"
    head += "`benchmarks/results/gpu/`. A window is one run of `make gpu-window` on a machine with a GPU.\n\n"
    if not windows:
        return head + EMPTY
    rounds = gathered(windows)
    parts = [
        listed(windows),
        correctness(windows),
        strategies(windows),
        times(rounds),
        accuracies(rounds),
        benchmarks(windows),
    ]
    return wrapped(head + "\n\n".join(parts) + "\n")


def gathered(windows: list[Windowed]) -> pd.DataFrame:
    """A row per run of the recipe and round: the last window's numbers, with the hardware that first had them."""
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for window in windows:
        with tempfile.TemporaryDirectory() as folder:
            if (window.folder / "runs.zip").exists():
                portable.unpack_runs(window.folder / "runs.zip", Path(folder))
            for path in sorted(Path(folder).glob("*/*/timing.csv")):
                meta = json.loads((path.parent / "run.json").read_text())
                if not is_recipe(meta):
                    continue
                timing = pd.read_csv(path)
                tables = timing.merge(pd.read_csv(path.parent / "accuracy.csv"), on=["round", "labeled"])
                for row in tables.to_dict("records"):
                    key = (f"{path.parent.parent.name}/{path.parent.name}", int(row["round"]))
                    before = rows.get(key)
                    same = before is not None and before["train_seconds"] == row["train_seconds"]
                    at_once = window.record["at_once"]
                    here = window.record["device"] + (f", {at_once} runs at a time" if at_once > 1 else "")
                    hardware = before["hardware"] if same else here  # type: ignore[index]
                    numbers = {str(column): value for column, value in row.items()}
                    rows[key] = {**numbers, **about(meta), "run": key[0], "hardware": hardware}
    return pd.DataFrame(list(rows.values()))


def is_recipe(meta: dict[str, Any]) -> bool:
    """Whether a run has the setting of Tables 1 and 12."""
    wanted, budget = RECIPE | PLAIN, meta["settings"]["budget"]
    paper = (budget["seed_size"], budget["total"]) == (1000, 25000) and budget["batch_size"] in SIZES
    return paper and all(meta["options"].get(group) == option for group, option in wanted.items())


def about(meta: dict[str, Any]) -> dict[str, Any]:
    """The columns by which the tables group runs."""
    settings = meta["settings"]
    return {
        "strategy": meta["options"]["strategy"],
        "seed": meta["seed"],
        "batch_size": SIZES[settings["budget"]["batch_size"]],
        "model_update": "reset" if settings["training"]["reset"] else "update",
        "precision": meta["precision"],
        "source": settings["dataset"].get("source", "original"),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a table in Markdown."""
    if not rows:
        return "Nothing yet."
    lines = ["| " + " | ".join(rows[0]) + " |", "|---" * len(rows[0]) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row.values())) + " |" for row in rows)])


def listed(windows: list[Windowed]) -> str:
    """The section on windows."""
    rows = [
        {
            "window": each.name,
            "device": each.record["device"],
            "torch": each.record["versions"]["torch"],
            "CUDA": each.record["versions"]["cuda"],
            "commit": each.record["commit"],
            "minutes": f"{each.record['seconds'] / 60:.1f} of {each.record['minutes']:g}",
            "runs at a time": each.record["at_once"],
            "ended": each.record["ended"],
            "stages that did not end": unfinished(each) or "none",
        }
        for each in windows
    ]
    return "## Windows\n\n" + table(rows)


def unfinished(window: Windowed) -> str:
    """The stages of a window that were cut short or failed, and how."""
    ends = {(each["stage"], each["ended"]): None for each in window.record["commands"] if each["ended"] != "done"}
    return "; ".join(f"{stage} {ended}" for stage, ended in ends)


def correctness(windows: list[Windowed]) -> str:
    """The section on correctness: counts of verdicts, and each check that failed."""
    rows, failures = [], []
    for each in windows:
        if not (each.folder / "correctness.csv").exists():
            continue
        checks = pd.read_csv(each.folder / "correctness.csv")
        counts = checks["verdict"].str.partition(":")[0].value_counts()
        rows.append(
            {"window": each.name, **{kind: int(counts.get(kind, 0)) for kind in ("passed", "failed", "skipped")}}
        )
        failed = checks[checks["verdict"].str.startswith("failed")]
        failures += [
            f"- {each.name}: {row.check}: {row.found} of {row.allowed}, {row.verdict}" for row in failed.itertuples()
        ]
    return "\n\n".join(
        ["## Correctness: checks against float64 on a CPU", table(rows), *(["\n".join(failures)] if failures else [])]
    )


def strategies(windows: list[Windowed]) -> str:
    """The section on strategies and training settings: how many ran, and which did not."""
    lines = []
    for each in windows:
        if (each.folder / "strategies.csv").exists():
            tried = pd.read_csv(each.folder / "strategies.csv")
            failed = tried[tried["outcome"] != "ran"]
            lines.append(
                f"- {each.name}: {len(tried) - len(failed)} of {len(tried)} command lines of `make golden` ran."
            )
            lines += [f"  - `{row.command}`: {row.outcome}" for row in failed.itertuples()]
            if lacking := sorted(options() - {str(command).split()[0].split("=")[-1] for command in tried["command"]}):
                names = ", ".join(f"`{name}`" for name in lacking)
                lines.append(f"  - Strategies of today that have not run there: {names}.")
    return "\n\n".join(["## Every strategy and training setting, once", "\n".join(lines) or "Not tried yet."])


def options() -> set[str]:
    """The strategies of today."""
    return {path.stem for path in (ROOT / "conf" / "strategy").glob("*.yaml")}


def times(rounds: pd.DataFrame) -> str:
    """The section beside Table 12: seconds of each round."""
    paper = pd.read_csv(PAPER / "table12.csv", keep_default_na=False)
    rows = []
    ours = with_selection_before(rounds[rounds["batch_size"] == "b3000"]) if len(rounds) else rounds
    for strategy, update, phase, round, seconds in paper.itertuples(index=False):
        if ours.empty:
            break
        kind = ours[(ours["strategy"] == strategy) & (ours["round"] == int(round))]
        kind = kind if update == "" else kind[kind["model_update"] == update]
        if phase == "select_seconds":
            kind = kind[kind["select_seconds"] > 0]
        for (hardware, precision), group in kind.groupby(["hardware", "precision"]):  # type: ignore[misc]
            mean = group[phase].mean()
            rows.append(
                {
                    "strategy": f"{strategy} {update}".strip(),
                    "phase": phase.partition("_")[0],
                    "round": round,
                    f"paper, s ({THEIRS})": seconds,
                    "ours, s": f"{mean:.1f}",
                    "on": f"{hardware}, {precision}",
                    "runs": len(group),
                    "times as fast": f"{float(f'{float(seconds) / mean:.2g}'):g}",
                }
            )
    words = f"CIFAR-10, ResNet-18, AL batches of 3,000. The paper's machines: {THEIRS}; it does not say which. If "
    words += "several runs shared a GPU, they waited for one another; one run alone would take less time. "
    words += "A ratio is of machine and code together."
    return f"## Seconds per round beside Table 12\n\n{words}\n\n{table(rows)}"


def accuracies(rounds: pd.DataFrame) -> str:
    """The section beside Table 1: accuracy by AL batch size."""
    paper = pd.read_csv(PAPER / "table1.csv", keep_default_na=False)
    rows = []
    for strategy, size, labeled, mean, std in paper.itertuples(index=False):
        if rounds.empty:
            break
        kind = rounds[
            (rounds["strategy"] == strategy) & (rounds["batch_size"] == size) & (rounds["labeled"] == labeled)
        ]
        kind = kind[kind["model_update"] == "reset"]
        for (source, precision), group in kind.groupby(["source", "precision"]):  # type: ignore[misc]
            accuracy = 100 * group["test_accuracy"]
            spread = f" ± {accuracy.std():.1f}" if len(group) > 1 else ""
            rows.append(
                {
                    "strategy": strategy,
                    "AL batch": size[1:],
                    "labels": labeled,
                    f"paper, % ({THEIRS}; 3 runs)": f"{mean} ± {std}",
                    "ours, %": f"{accuracy.mean():.1f}{spread}",
                    "runs": len(group),
                    "images": "JPEG-compressed" if source == "packed" else source,
                    "on": f"{', '.join(sorted(set(group['hardware'])))}, {precision}",
                }
            )
    shared = (
        "Runs share the first model (`initial_seed=42`): with 1,000 labels they are one training, without a spread."
    )
    return f"## Accuracies beside Table 1\n\n{JPEG} {shared}\n\n{table(rows)}"


def benchmarks(windows: list[Windowed]) -> str:
    """The section on benchmarks, from the newest window that has them."""
    words = "[Speed](speed.md) says what the floor, the reference and the plain loop are."
    parts = ["## Benchmarks", words]
    for name in ("training", "selection"):
        paths = [each for each in windows if (each.folder / f"{name}.csv").exists()]
        if paths:
            numbers = pd.read_csv(paths[-1].folder / f"{name}.csv").round(4).astype(object).fillna("")
            parts += [f"{name.capitalize()}, window {paths[-1].name}:", table(numbers.to_dict("records"))]  # type: ignore[arg-type]
    return "\n\n".join(parts if len(parts) > 2 else [parts[0], "None yet."])


if __name__ == "__main__":
    main()
