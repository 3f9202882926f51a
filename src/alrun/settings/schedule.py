"""How many answers each round of a run has: the only place that knows it. Imports no torch.

An answer is a label, unless an annotator answers "none of these", or gives several opinions on an example.
"""

from typing import Any


def labels_by_round(budget: Any, validation: int | None = None) -> list[int]:
    """Answers given by the end of each round, as in accuracy.csv.

    Args:
        budget: Has the keys ``seed_size``, ``batch_size`` and ``total``.
        validation: True labels held out of the pool, each as one answer: they count in every round and in ``total``,
            but are not trained on.
    """
    size, step, total = (int(budget[name]) for name in ("seed_size", "batch_size", "total"))
    return list(range(size + (validation or 0), total + 1, step))


def opinions_of(annotator: Any) -> int:
    """Answers about each example, by the settings of the annotator; 1 if it has no such setting, or a wrong one."""
    found = annotator.get("opinions", 1) if annotator else 1
    return found if isinstance(found, int) and found > 1 else 1


def labels_by_round_of_record(record: dict[str, Any]) -> list[int]:
    """Answers given by the end of each round of a started run, from its run.json; alrun 0.1.0 wrote only the settings.

    Raises:
        LookupError: run.json does not say.
    """
    if "rounds" in record:
        return list(map(int, record["rounds"]))
    settings = record["settings"]
    return labels_by_round(settings["budget"], settings.get("validation"))
