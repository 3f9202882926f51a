"""Run folders made by hand."""

import json
from pathlib import Path

import pandas as pd

from alrun.config import digest


def make_run(
    setting: Path,
    option: str,
    seed: int,
    accuracy: list[float],
    *,
    done: bool = True,
    options: dict[str, str] | None = None,
    config: str = "",
    seconds: tuple[float, float, float] = (2.0, 1.0, 0.5),
    **settings,
) -> Path:
    """A run with 100, 200, ... labels; ``settings`` are the strategy's, ``config`` more lines of config.yaml."""
    run = setting / f"{option}-{digest(settings, 6)}-seed{seed}"
    run.mkdir(parents=True)
    count = len(accuracy)
    rounds = pd.DataFrame({"round": range(count), "labeled": [100 * (i + 1) for i in range(count)]})
    rounds.assign(test_accuracy=accuracy, calibration_error=0.1).to_csv(run / "accuracy.csv", index=False)
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
    meta = {"options": chosen, "strategy": settings, "variant": None, "seed": seed, "device": "a CPU"}
    (run / "run.json").write_text(json.dumps(meta))
    (run / ".hydra").mkdir()
    strategy = "".join(f"  {key}: {value}\n" for key, value in {"_target_": option, **settings}.items())
    budget = f"budget: {{seed_size: 100, batch_size: 100, total: {100 * count}}}\n"
    text = f"strategy:\n{strategy}{budget}{config}\nseed: {seed}\nvariant: null\nname: trial\n"
    (run / ".hydra" / "config.yaml").write_text(text)
    if done:
        (run / "done").touch()
    return run
