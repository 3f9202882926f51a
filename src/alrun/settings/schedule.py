"""How many labels each round of a run has: the one place that knows it. Imports no torch."""

from typing import Any


def labels_by_round(budget: Any, validation: int | None = None) -> list[int]:
    """Labels that are paid for by the end of every round, as accuracy.csv has them.

    Args:
        budget: Has the keys ``seed_size``, ``batch_size`` and ``total``.
        validation: Labels held out of the pool: part of every round and of ``total``, but not trained on.
    """
    size, step, total = (int(budget[name]) for name in ("seed_size", "batch_size", "total"))
    return list(range(size + (validation or 0), total + 1, step))


def labels_by_round_of_record(record: dict[str, Any]) -> list[int]:
    """The same of a run that has begun, from its run.json; alrun 0.1.0 wrote the settings alone.

    Raises:
        LookupError: It tells nothing of them.
    """
    if "rounds" in record:
        return list(map(int, record["rounds"]))
    settings = record["settings"]
    return labels_by_round(settings["budget"], settings.get("validation"))
