"""64 processes on one sweep, and 24 machines on another: ``make concurrency-test``.

Sixteen runs, four strategies and four seeds, share the first model; each is started by four processes at once. No
process may fail or wait forever, no training may be done twice, and every file must be as if the runs had been
computed one by one. The 24 machines are processes that do not see one another but by the leases in shared folders.
"""

from tests.heavy.crash_cases.many import together
from tests.heavy.crash_cases.runs import TinyRun


def sweep(strategies: tuple[str, ...], seeds: int) -> list[TinyRun]:
    """Every strategy with every seed."""
    return [TinyRun.composed(f"strategy={name}", f"seed={seed}") for name in strategies for seed in range(seeds)]


def test_64_processes_on_16_runs_train_nothing_twice_and_leave_what_one_leaves(forks, folder):
    runs = sweep(("random", "entropy", "badge", "coreset"), 4)
    for run in runs:
        run.complete(folder / "alone")
    trained = together(runs, 4, folder / "together")
    # Random runs end at different times, so efficiencies are filled in afterwards, as by the same command again.
    for run in runs:
        for outputs in ("alone", "together"):
            run.complete(folder / outputs)
    equal = sum(run.results(folder / "alone") == run.results(folder / "together") for run in runs)
    print(
        f"64 processes: {len(trained)} trainings, done {sum(trained.values())} times; {equal} of {len(runs)} runs equal"
    )
    assert set(trained.values()) == {1}
    assert equal == len(runs)


def test_24_machines_on_24_runs_train_nothing_twice(forks, folder):
    """Eight strategies, three repeats, as in a section of the paper."""
    names = ("random", "entropy", "margin", "least_confidence", "badge", "coreset", "kmeans", "density")
    trained = together(sweep(names, 3), 1, folder / "apart", elsewhere=True)
    print(f"24 machines: {len(trained)} trainings, done {sum(trained.values())} times")
    assert set(trained.values()) == {1}
