"""Run folders made by hand."""

import json
import math
from pathlib import Path

import pandas as pd

from alrun.settings.identity import digest


def make_run(
    setting: Path,
    option: str,
    seed: int,
    accuracy: list[float],
    *,
    done: bool = True,
    options: dict[str, str] | None = None,
    config: dict | None = None,
    seconds: tuple[float, float, float] = (2.0, 1.0, 0.5),
    **settings,
) -> Path:
    """A run with 100, 200, ... labels; ``settings`` are the strategy's, ``config`` more of the settings."""
    run = setting / f"{option}-{digest(settings, 6)}-seed{seed}"
    run.mkdir(parents=True)
    count = len(accuracy)
    rounds = pd.DataFrame({"round": range(count), "labeled": [100 * (i + 1) for i in range(count)]})
    rounds.assign(test_accuracy=accuracy, calibration_error=0.1).to_csv(run / "accuracy.csv", index=False)
    losses = [-math.log(share) if share > 0 else math.nan for share in accuracy]
    rounds.assign(macro_f1=accuracy, nll=losses).to_csv(run / "measures.csv", index=False)
    rounds.to_csv(run / "stopping.csv", index=False)
    train, evaluate, select = seconds
    rounds.assign(train_seconds=train, evaluate_seconds=evaluate, select_seconds=select).to_csv(
        run / "timing.csv", index=False
    )
    classes = [
        {"round": r, "class": label, "test_accuracy": share, "labeled": 50 * (r + 1)}
        for r, share in enumerate(accuracy)
        for label in (0, 1)
    ]
    pd.DataFrame(classes).to_csv(run / "per_class.csv", index=False)
    pd.DataFrame({"round": [0], "position": [0], "index": [0]}).to_csv(run / "queries.csv", index=False)
    chosen = {"strategy": option, "dataset": "toy", "model": "small", "batch_size": "None", **(options or {})}
    budget = {"seed_size": 100, "batch_size": 100, "total": 100 * count}
    decisive = {"strategy": {"_target_": option, **settings}, "budget": budget, "seed": seed, **(config or {})}
    meta = {"options": chosen, "strategy": settings, "settings": decisive, "variant": None, "seed": seed}
    (run / "run.json").write_text(json.dumps({**meta, "device": "a CPU", "revisions": {}}))
    if done:
        (run / "done").touch()
    return run
