"""``alrun check``: does a strategy keep its promises, and what does it cost compared with BADGE?

    alrun check my_al.ratio.Ratio power=2       a class of your own, with its settings
    alrun check entropy dropout_samples=5       an option of strategy=
    alrun check --all                           all of alrun's strategies
    alrun check my_al                           what to change in files written for alrun 0.1

If the files of a class were written for alrun 0.1, the class is not tried: the command prints what to change, line by
line. The exit status is 1 if there is something to change or if a promise is broken. A strategy may refuse a pool that
gives it nothing to choose by, with a sentence of its own (alrun.UserError).
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from alrun.commands import console, old_code
from alrun.settings import factory, groups, planned_runs, targets
from alrun.system import program
from alrun.system.errors import SettingError

if TYPE_CHECKING:
    from alrun.strategies import Strategy

POOL, BATCH, LABELED, WIDTH = 10_000, 200, 200, 128  # of the trial that is timed
# Settings that make an option fast enough here: the contract does not depend on how long it trains or searches.
SHORT = {
    "vaal": ("iterations=3", "width=4", "batch_size=8"),
    "learning_loss": ("epochs=3",),
    "discriminative": ("epochs=3", "width=8"),
    "deepfool": ("max_iterations=3",),
    "bim": ("max_iterations=5",),
    "best_found": ("searched=5",),
}


def main() -> None:
    """Check one strategy or all; exit with status 1 if a promise is broken or a file needs a change."""
    parser = console.make_parser("check", __doc__)
    parser.add_argument("strategy", nargs="?", help="module path of a class, or an option of strategy=")
    parser.add_argument("settings", nargs="*", metavar="setting=value", help="of the strategy")
    parser.add_argument("--all", action="store_true", help="all of alrun's strategies, without timing")
    parser.add_argument("--no-timing", action="store_true", help="promises alone")
    arguments = parser.parse_intermixed_args()
    if (here := os.getcwd()) not in sys.path:
        sys.path.insert(0, here)
    with console.reporting_mistakes(), console.refusing_exits():
        kept = (
            check_all() if arguments.all else check_one(arguments.strategy, arguments.settings, not arguments.no_timing)
        )
    sys.exit(not kept)


def check_one(name: str | None, settings: Sequence[str], timed: bool) -> bool:
    """Print the verdicts on a strategy and its costs; True if it keeps all promises."""
    if name is None:
        example = program.command_line(["check", "my_al.ratio.Ratio"])
        raise SettingError(f"name a strategy: {example}, or an option such as entropy.")
    if name not in strategy_options():
        files = own_files(name)
        if print_changes(files):
            return False
        if not is_class(name):
            if not files:
                raise SettingError(f"{name}: there is no such file, folder, class or option of strategy= here.")
            print(f"{name}: nothing in it was written for alrun 0.1.")
            return True
    strategy = build_strategy(name, settings)
    kept = print_verdicts(" ".join((name, *settings)), strategy)
    if timed and kept:
        print_costs(strategy)
    return kept


def is_class(name: str) -> bool:
    """Whether ``name`` can be the module path of a class: it is not a file, folder or module."""
    return "." in name and not Path(name).exists() and module_file(name) is None


def module_file(name: str) -> Path | None:
    """The file or folder of the module ``name`` in this folder."""
    base = Path(*name.split("."))
    return next((path for path in (base.with_name(f"{base.name}.py"), base) if path.exists()), None)


def own_files(name: str) -> list[Path]:
    """The user's files for ``name``: its Python files, and the files in conf/ and tests/ that mention its module."""
    place = Path(name) if Path(name).exists() else module_file(name) or module_file(name.rpartition(".")[0] or name)
    if place is None:
        return []
    code = sorted(each for end in ("py", "yaml") for each in place.rglob(f"*.{end}")) if place.is_dir() else [place]
    module = place.with_suffix("").as_posix().replace("/", ".")
    beside = [*sorted(Path("conf").rglob("*.yaml")), *sorted(Path("tests").rglob("*.py"))]
    return list(dict.fromkeys([*code, *(each for each in beside if module in each.read_text(errors="replace"))]))


def print_changes(files: Sequence[Path]) -> bool:
    """Print what to change in files that were written for alrun 0.1; True if there is anything."""
    found = {path: old_code.find_changes(path) for path in files}
    for path, changes in found.items():
        if changes:
            print(f"{path} was written for alrun 0.1. Change", *dict.fromkeys(map(str, changes)), sep="\n  ")
    return any(found.values())


def check_all() -> bool:
    """Print a line for each of alrun's strategies; True if all keep all promises."""
    from alrun.testing.contract import problems

    kept = True
    for name in strategy_options():
        broken = problems(build_strategy(name, SHORT.get(name, ())))
        print(f"{'FAIL' if broken else 'pass'}  {name}", *broken, sep="\n      ")
        kept = kept and not broken
    return kept


def strategy_options() -> list[str]:
    """The options of ``strategy=``."""
    return [name for name, _ in groups.options("strategy", groups.folder())]


def build_strategy(name: str, settings: Sequence[str]) -> "Strategy":
    """The strategy ``name``, a class by its module path or an option, with ``settings`` as setting=value.

    Raises:
        UserError: It does not exist, is not a strategy, or does not take a setting.
    """
    from alrun.system import device

    device.set_threads(1)  # several would wait for one another on data this small, and on a busy machine
    if bad := [each for each in settings if "=" not in each]:
        raise SettingError(f"{bad[0]} has no value: give settings of a strategy as setting=value.")
    node = of_class(name, settings) if "." in name else of_option(name, settings)
    return factory.build(node, "strategy")


def of_class(name: str, settings: Sequence[str]) -> DictConfig:
    """The configuration of a class. The user typed its name, so alrun may load it."""
    targets.allow_typed([f"allow=[{name}]"])
    return OmegaConf.merge({"_target_": name}, OmegaConf.from_dotlist(list(settings)))  # type: ignore[return-value]


def of_option(name: str, settings: Sequence[str]) -> DictConfig:
    """The configuration of an option; ``strategy@strategy.inner=margin`` works as on alrun's command line."""
    overrides = [each if "@" in each.partition("=")[0] else f"strategy.{each}" for each in settings]
    planned = planned_runs.runs_of_command([f"strategy={name}", *overrides])
    return planned[0].cfg.strategy


def print_verdicts(title: str, strategy: "Strategy") -> bool:
    """Print a table of the promises; True if all are kept."""
    from alrun.testing.contract import verdicts

    found = verdicts(strategy)
    print(title)
    for each in found:
        word = "pass" if each.problem is None else "refuses" if each.refused else "FAIL"
        print(f"  {word:8}{each.promise}{f': {each.problem}' if each.problem else ''}")
    broken = sum(each.problem is not None and not each.refused for each in found)
    print(f"{broken} of {len(found)} promises are broken." if broken else f"All {len(found)} promises are kept.")
    return not broken


def print_costs(strategy: "Strategy") -> None:
    """Print time and memory of one selection, beside BADGE's on the same pool."""
    from alrun.strategies.badge import Badge

    measure_costs([Badge(), strategy], POOL // 10)  # warm up: first calls take longer
    (badge, badge_memory), (own, memory) = measure_costs([Badge(), strategy], POOL)
    print(
        f"Choosing {BATCH} of {POOL - LABELED:,} small images, with the pass over them, on one thread: {own:.2f} s "
        f"(BADGE {badge:.2f} s) and {memory_in_words(memory)} (BADGE {memory_in_words(badge_memory)})."
    )


def measure_costs(strategies: "Sequence[Strategy]", size: int) -> list[tuple[float, int | None]]:
    """Seconds of a selection by each strategy, and the bytes that its peak adds; None if they cannot be measured."""
    import torch

    from alrun.pool.pool import Pool
    from alrun.testing.made_queries import make_model, noise, query_of, random_labels
    from alrun.testing.peak_memory import peak_bytes, reset_peak

    pool, made = Pool(noise(size), random_labels(size)), []
    pool.label(torch.arange(min(LABELED, size // 4)))
    model = make_model(pool.images, WIDTH)
    for strategy in strategies:
        try:
            reset_peak()
            before = peak_bytes()
        except (OSError, RuntimeError):  # not Linux
            before = None
        started = perf_counter()
        strategy.select(query_of(strategy, pool, model, BATCH, chunk=100))
        seconds = perf_counter() - started
        made.append((seconds, None if before is None else max(0, peak_bytes() - before)))
    return made


def memory_in_words(memory: int | None) -> str:
    """``12 MB``, ``less than 1 MB`` or ``memory unknown``."""
    return "memory unknown" if memory is None else f"{memory / 1e6:.0f} MB" if memory > 1e6 else "less than 1 MB"
