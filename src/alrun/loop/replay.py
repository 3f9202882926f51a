"""Active learning replayed on the labeled examples of a run: part of them is held out as a test, the rest is a pool."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from omegaconf import DictConfig

from alrun.data.dataset import ImageData
from alrun.loop import components, vector_pools
from alrun.loop.components import Parts
from alrun.loop.evaluator import Evaluator
from alrun.loop.querying import choose_query
from alrun.pool.build import place_images
from alrun.pool.pool import Pool
from alrun.runs import label_files, query_table
from alrun.system import device, rng
from alrun.system.errors import DataError

LEAST = 40  # labels that a replay needs
TEST_SHARE = 0.3
FIRST, LAST = 1 / 6, 0.6  # of the pool: the labels of the first round and of the last, which still leaves a choice
ROUNDS = 5


def labeled_part(cfg: DictConfig, run_dir: Path, where: torch.device) -> ImageData:
    """The labeled examples of the run ``cfg`` in ``run_dir``, as a training split with the labels that were given.

    Raises:
        UserError: They are too few, or of one class.
    """
    data = components.build_parts(cfg, where).data
    pool, _ = components.build_pool(cfg, data, where)
    queried = torch.from_numpy(np.concatenate([*query_table.read_queries(run_dir).values()]))
    if data.is_unlabeled:
        given = label_files.read_labels(run_dir, data.class_names or [])
        labels = torch.tensor([given.get(index, -1) for index in queried.tolist()])
    else:
        labels = pool.labels.cpu()[queried]
    source = queried if pool.source is None else pool.source[queried]
    source, labels = source[labels >= 0].numpy(), labels[labels >= 0].numpy()
    source, first = np.unique(source, return_index=True)  # copies of an example count once
    labels = labels[first]
    if len(labels) < LEAST or len(np.unique(labels)) < 2:
        raise DataError(
            f"a replay needs {LEAST} labeled examples of two classes or more, and there are {len(labels)} of "
            f"{len(np.unique(labels))}: label more."
        )
    return data.part(source, train_labels=labels)


def label_counts(size: int) -> list[int]:
    """The numbers of labels after each round of a replay on ``size`` labeled examples."""
    pool = size - held_out(size)
    return np.linspace(max(2, round(FIRST * pool)), round(LAST * pool), ROUNDS).round().astype(int).tolist()


def held_out(size: int) -> int:
    """How many of ``size`` labeled examples are the test."""
    return round(TEST_SHARE * size)


def replay(cfg: DictConfig, name: str, labeled: ImageData, repeat: int, where: torch.device) -> list[float]:
    """The test accuracy after each round, with the strategy ``name`` of ``cfg``; division and seed set by ``repeat``.

    Raises:
        UserError: A setting does not suit a pool this small.
    """
    parts = components.build_parts(cfg, where)
    count = held_out(len(labeled.train_labels))
    data = labeled.held_out(count, np.random.default_rng(rng.derive(repeat, "replay")))
    vector_pools.prepare(parts.strategy, "strategy", cfg, data, where)  # its embeddings are of this pool
    pool = Pool(place_images(data.train_images, where), torch.from_numpy(data.train_labels).to(where))
    counts = label_counts(len(labeled.train_labels))
    drawn = torch.randperm(len(data.train_labels), generator=rng.generator(repeat, "replay: seed set"))
    pool.label(drawn[: counts[0]])
    return rounds(cfg, name, data, parts, pool, counts, repeat)


def rounds(
    cfg: DictConfig, name: str, data: ImageData, parts: Parts, pool: Pool, counts: Sequence[int], seed: int
) -> list[float]:
    """Train, test and query until ``pool`` has the last of ``counts`` labels: the accuracies."""
    model, trainer, found = parts.model, parts.trainer, []
    evaluator = Evaluator(data, pool.device, parts.normalize, trainer.chunk)
    for round, (count, following) in enumerate(zip(counts, [*counts[1:], None], strict=True)):
        assert len(pool.labeled) == count
        if cfg.training.reset or not round:
            rng.seed_globals(seed, "weights", round)
            model.load_state_dict(parts.fresh().state_dict())
        trained = trainer.fit(model, pool, seed, round, lambda epoch, accuracy: None, parts.fresh)
        found.append(evaluator.evaluate(model).accuracy)
        if following is None:
            break
        watch = device.Stopwatch(pool.device)
        query, _ = choose_query(
            parts, name, pool, following - count, trained, evaluator, seed=seed, round=round, training=watch
        )
        pool.label(query)
    return found
