"""The selection of a run in parts: how it is divided, who computes the parts, and one part in another process."""

import json
import logging
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from alrun.loop import execution, on_ray
from alrun.loop.components import Parts, build_parts
from alrun.loop.resumed import resumed
from alrun.loop.selection_parts import Division
from alrun.models.outputs import Outputs
from alrun.pool.pool import Pool
from alrun.pool.rows import Rows
from alrun.runs.run_folder import display_path
from alrun.runs.state import RunState
from alrun.strategies.in_parts import way_of
from alrun.strategies.query import Query, build_query
from alrun.system import device
from alrun.system.errors import StorageError

log = logging.getLogger(__name__)

Choices = tuple[tuple[str, str], ...]  # the names of the chosen options, by group


def division_of(
    cfg: DictConfig,
    run_dir: Path,
    name: str,
    parts: Parts,
    pool: Pool,
    state: RunState,
    training: device.Stopwatch,
    passed: Callable[[int], object] = lambda examples: None,
) -> Division | None:
    """The selection after the last round of ``state`` in parts; None: it is made from the whole pool at once.

    Args:
        cfg: The settings.
        run_dir: The run's folder.
        name: Of the strategy's option.
        parts: Have the strategy, and the model with the weights of the round.
        pool: With all that was queried.
        state: Its last round is trained.
        training: Times networks that the strategy trains itself.
        passed: Called with the size of every chunk after its pass.

    Raises:
        UserError: The engine of the settings needs parts, and the strategy has none.
    """
    way = way_of(parts.strategy, cfg.runtime.engine, cfg.runtime.parts, not parts.model.ensemble)
    if way is None:
        return None
    round, size = len(state.rounds) - 1, cfg.budget.batch_size // pool.opinions

    def query(among: Tensor | Outputs) -> Query:
        if isinstance(among, Tensor) and isinstance(pool.images, Rows):
            pool.images.verify(among)  # what a part reads must be what was written
        return build_query(
            parts.strategy.needs,
            size,
            pool,
            parts.model,
            state.rounds[-1].trained,
            parts.trainer,
            parts.fresh,
            cfg.seed,
            round,
            training,
            passed,
            among=among,
        )

    return Division(way, name, round, size, pool.unlabeled, parts.trainer.chunk, run_dir, query)


def compute_missing(division: Division, cfg: DictConfig, choices: dict[str, str], where: torch.device) -> None:
    """Compute all parts that have not proposed anything yet, in this process or on Ray."""
    missing = division.missing()
    if cfg.runtime.engine != "ray":
        for number in missing:
            division.compute(number)
    elif missing:
        asked = as_json(cfg), str(division.run_dir), tuple(choices.items()), division.round
        gpus = on_ray.gpu_share(where, cfg.runtime.runs_per_gpu)
        on_ray.compute(missing, partial(compute_part, *asked), cfg.runtime.threads, gpus)


def is_waiting(division: Division | None, engine: str) -> bool:
    """Whether parts are computed elsewhere, by ``alrun select``, and some are missing; then says so."""
    missing = division.missing() if division and engine == "parts" else []
    if division and missing:
        log.warning(
            "round %d is trained; the query after it waits for %d of %d parts: type `alrun select` with the settings "
            "of this run and part=%d/%d, and so on; then this command again",
            division.round,
            len(missing),
            division.way.parts,
            missing[0],
            division.way.parts,
        )
    return bool(missing)


def as_json(cfg: DictConfig) -> str:
    """The resolved settings of a run, for another process."""
    own = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])
    return json.dumps(OmegaConf.to_container(own, resolve=True))


def compute_part(settings: str, run_dir: str, choices: Choices, round: int, number: int) -> None:
    """Let the part ``number`` of the selection after ``round`` of a run propose, in any process that sees its folder.

    Args:
        settings: The run's, as JSON.
        run_dir: Its folder.
        choices: The names of the chosen options.
        round: It must be trained.
        number: From 1.

    Raises:
        UserError: The run does not wait for this selection, or it has no parts.
    """
    opened_for_parts(settings, run_dir, choices, round).compute(number)


@lru_cache(1)  # a process computes many parts of a round, and opens the data once
def opened_for_parts(settings: str, run_dir: str, choices: Choices, round: int) -> Division:
    """The selection after ``round`` in parts, in a process that is not the run's own."""
    cfg, folder = DictConfig(json.loads(settings)), Path(run_dir)
    where = device.choose_device(cfg.runtime.device)
    device.prepare_process(cfg.training.precision, cfg.runtime.deterministic, cfg.runtime.threads)
    parts = build_parts(cfg, where)
    state, pool, _ = resumed(cfg, folder, parts, where)
    if not state.is_trained or state.weights is None or len(state.rounds) != round + 1:
        raise StorageError(f"{display_path(folder)} does not wait for the query after round {round}: start the run.")
    choice = execution.choose_execution(cfg.runtime.threads, cfg.runtime.memory_format, where)
    execution.check_and_apply(choice, parts, where)
    parts.model.load_state_dict(state.weights)
    division = division_of(cfg, folder, dict(choices)["strategy"], parts, pool, state, device.Stopwatch(where))
    assert division is not None
    return division
