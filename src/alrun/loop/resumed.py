"""State, pool and labels of a run, as earlier processes left them in its folder."""

from pathlib import Path

import torch
from omegaconf import DictConfig

from alrun.loop.components import Parts, build_pool
from alrun.pool.pool import Pool
from alrun.runs.labeling import Labeling
from alrun.runs.state import RunState


def resumed(
    cfg: DictConfig, run_dir: Path, parts: Parts, where: torch.device
) -> tuple[RunState, Pool, Labeling | None]:
    """The state in ``run_dir``, or that of a new run; the pool on ``where`` with all that was queried; and the labels.

    The last is None unless people give them.

    Raises:
        UserError: The state cannot be read, or belongs to other data.
    """
    state = RunState.load(run_dir, parts.data_id, parts.data.class_names)
    pool, seed_set = build_pool(cfg, parts.data, where)
    labeling = Labeling(run_dir, parts.data) if parts.data.is_unlabeled else None
    if not state.queries:
        state.queries.append(seed_set)
    if labeling:
        labeling.fill(pool, state.queries)
    else:
        for query in state.queries:
            pool.label(query)
    return state, pool, labeling
