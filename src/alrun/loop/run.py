"""The active-learning loop: train, evaluate, record, select, label, save."""

import json
import logging
from contextlib import nullcontext
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from torch.profiler import record_function

from alrun.analysis import efficiency
from alrun.data.dataset import STRANGER
from alrun.data.rare import rare_classes
from alrun.loop import as_published, debugging, execution, on_ray, outlook, provenance, selection_parts
from alrun.loop.components import build_parts, build_pool
from alrun.loop.progress import Progress, announce, answers_in_words
from alrun.loop.round_record import lacks_measures, record_of, with_measures
from alrun.loop.selection_parts import Division
from alrun.loop.stop_set import StopMeasures, measure_stopping
from alrun.loop.tracking import Tracking
from alrun.models import infer
from alrun.models.classifier import Classifier, frozen
from alrun.models.outputs import Needs, Outputs
from alrun.pool.build import place_images
from alrun.pool.labeling_measures import measure_labeling
from alrun.pool.rows import Rows
from alrun.runs import finished, first_model, own_code, thumbnails
from alrun.runs.labeling import Labeling
from alrun.runs.run_folder import check_name, display_path, is_done
from alrun.runs.state import RunState
from alrun.settings import factory, fitted, identity, schedule
from alrun.strategies.base import strategies_within
from alrun.strategies.in_parts import way_of
from alrun.strategies.query import Query, build_query, check_selection, check_supply, naming_strategy
from alrun.system import device, files, gpus, interruption, rng
from alrun.system.errors import DataError, StorageError, UserError, located, writing
from alrun.system.lock import Lock, TakenOver
from alrun.training.checkpoint import Keeper
from alrun.training.evaluation import Evaluation, evaluate
from alrun.training.stop_rule import TrainResult

log = logging.getLogger(__name__)


def run(cfg: DictConfig, run_dir: Path, choices: dict[str, str]) -> None:
    """Compute the rest of the run ``cfg`` in ``run_dir``; ``choices`` are the names of the chosen options.

    Raises:
        UserError: A setting or a file cannot be used; what was computed before is kept.
    """
    check_name(run_dir, cfg.seed)
    lock = Lock(run_dir / ".lock")
    with writing():
        run_dir.mkdir(parents=True, exist_ok=True)
        is_ours = lock.acquire(wait=False)
    if not is_ours:
        log.warning("%s is being computed by another process; left to it", display_path(run_dir))
        return
    try:
        if not is_done(run_dir):  # else another process has just completed it
            files.remove_leftovers(run_dir)
            with device.explaining_full_memory(), gpus.take_gpu(cfg.runtime.device, cfg.runtime.runs_per_gpu) as where:
                complete(Run(cfg, run_dir, choices, lock, where))
    except TakenOver as error:
        log.warning("%s", error)
        if is_done(run_dir):
            Keeper.clear(run_dir / "training.pt")  # which this process may have written after the other one ended
    finally:
        lock.release()


def complete(run: "Run") -> None:
    """Compute the rest of ``run``."""
    try:
        run.complete()
    except TakenOver:
        raise
    except UserError:
        run.check()  # the error may come from another process that has taken the folder over
        if is_done(run.run_dir):
            raise TakenOver(f"{run.run_dir} was completed by another process, while this one slept.") from None
        raise


class Run:
    """One run: its parts, its pool and its state, on the device ``where``."""

    def __init__(
        self, cfg: DictConfig, run_dir: Path, choices: dict[str, str], lock: Lock, where: torch.device
    ) -> None:
        self.cfg = cfg
        self.run_dir = run_dir
        self.choices = choices
        self.lock = lock
        self.device = where
        device.set_precision(cfg.training.precision)
        device.set_deterministic(cfg.runtime.deterministic)
        device.set_threads(cfg.runtime.threads)
        settings = identity.identity(cfg) | {"seed": cfg.seed}
        tracker = factory.build(cfg.tracking, "tracking")
        self.tracking = Tracking(tracker, run_dir, Path(cfg.paths.outputs), settings)
        self.parts = build_parts(cfg, self.device)
        way_of(self.parts.strategy, cfg.runtime.engine, cfg.runtime.parts, not self.parts.model.ensemble)  # or refuse
        self.chunk = self.parts.trainer.chunk
        self.data_id = self.parts.data_id
        self.state = RunState.load(run_dir, self.data_id, self.parts.data.class_names)
        self.pool, seed_set = build_pool(cfg, self.parts.data, self.device)
        self.labelling = Labeling(run_dir, self.parts.data) if self.parts.data.is_unlabeled else None
        if not self.state.queries:
            self.state.queries.append(seed_set)
        if self.labelling:
            self.labelling.fill(self.pool, self.state.queries)
        else:
            for query in self.state.queries:
                self.pool.label(query)
        self.test_images = place_images(self.parts.data.test_images, self.device)
        self.test_labels = torch.from_numpy(self.parts.data.test_labels).to(self.device)
        self.validation = cfg.validation or 0  # answers of the budget that are not trained on
        has_strangers = bool((self.pool.labels == STRANGER).any())
        self.unit = answers_in_words(self.pool.opinions, has_strangers)
        self.sizes = schedule.labels_by_round(cfg.budget, self.validation)
        choice = execution.choose_execution(cfg.runtime.threads, cfg.runtime.memory_format, self.device)
        self.execution = execution.check_and_apply(choice, self.parts, self.device)
        self.progress = Progress(
            f"{choices['strategy']} seed {cfg.seed}",
            len(self.sizes),
            cfg.training.max_epochs,
            cfg.runtime.progress,
        )

    def complete(self) -> None:
        """Compute all rounds and mark the run as done; in annotation, compute the rounds whose labels are known."""
        announce(
            self.choices,
            f"{self.device}, {self.execution}",
            self.sizes,
            seed=self.cfg.seed,
            baseline=self.cfg.baseline,
            held_out=self.validation,
            batch_size=self.cfg.budget.batch_size,
            total=self.cfg.budget.total,
            unit=self.unit,
        )
        if chosen := fitted.sentence_on_choice(self.cfg):
            log.info("%s", chosen)
        if otherwise := as_published.departure_sentence(self.choices):
            log.info("%s", otherwise)
        if self.state.rounds:
            log.info("going on after round %d", len(self.state.rounds) - 1)
            provenance.warn_if_elsewhere(self.run_dir, self.device, self.execution)
        self.check()
        code = own_code.hash_own_code(identity.deciding(self.cfg))
        changed = finished.changed_code(self.run_dir, code) if self.state.rounds else []
        for name in changed:
            log.warning("%s has changed since this run began: its rounds before were computed by the old code", name)
        provenance.write_run_json(
            self.run_dir,
            identity.settings_record(self.cfg, self.choices),
            code,
            self.data_id,
            self.parts.card,
            self.device,
            self.execution,
            dict.fromkeys(changed, len(self.state.rounds) - 1),
        )
        self.state.write_views(self.run_dir)
        self.clear_training()
        profiled = debugging.profiled(self.run_dir, self.device) if self.cfg.runtime.profile else nullcontext()
        with profiled, self.tracking:
            self.tracking.update(self.state)
            is_over = self.loop()
            self.tracking.update(self.state, is_over=is_over)
        if not is_over:
            return
        self.check()
        if len(self.state.rounds) < len(self.sizes):
            reason = self.reason_to_end()
            assert reason is not None
            provenance.note_end(self.run_dir, len(self.state.rounds), reason)
            log.info("the run ends before its budget is spent, after round %d: %s", len(self.state.rounds) - 1, reason)
        self.clear_training()  # also one that a suspended process left, which has lost the run
        self.keep_thumbnails()
        efficiency.update_efficiency(self.run_dir, ends=True)  # before the seal, after which nothing may fail
        finished.seal_results(self.run_dir)
        if not self.labelling:
            outlook.log_forecast(self.state.rounds, with_reason=False)
        if self.cfg.runtime.memorise:
            debugging.report_memorization(self.state.rounds[-1])

    def keep_thumbnails(self) -> None:
        """Write thumbnails of the queried images for reports, if there are images."""
        queries = [self.state.queries[round] for round in thumbnails.rounds_shown(len(self.state.queries) - 1)]
        data = self.parts.data
        if data.is_vectors and data.pictures is None:
            return
        rows = [list(self.pictures(query[: thumbnails.COLUMNS])) for query in queries]
        thumbnails.write_thumbnails(self.run_dir, rows)

    def pictures(self, index: torch.Tensor) -> np.ndarray:
        """What a person sees of examples of the pool (k,): images (k, C, H, W), those that vectors were made from."""
        pictures = self.parts.data.pictures
        if pictures is None:
            return self.pool.take(index).cpu().numpy()
        source = index if self.pool.source is None else self.pool.source[index]
        return pictures[source.numpy()]

    def loop(self) -> bool:
        """Train, select, train. The state alone decides what comes next, so resuming is not a special case.

        Returns:
            Whether all rounds are computed; else it waits for labels from people, or for parts of a selection.
        """
        while True:
            round = len(self.state.queries) - 1
            if not self.state.is_trained:
                if self.labelling and self.labelling.is_waiting(round, self.state.queries[-1]):
                    self.save()
                    return False
                if self.labelling:
                    self.labelling.fix(round)
                self.train_round(round)
                self.save()
                self.progress.end_round(self.state.rounds[-1], self.sizes[round + 1 :])
                outlook.log_criteria(self.state.rounds)
                if self.labelling:
                    outlook.log_forecast(self.state.rounds, with_reason=True)
                if self.labelling and round + 1 < len(self.sizes):
                    self.labelling.warn_of_chance(self.state.rounds[-1], self.choices["strategy"])
            if round + 1 == len(self.sizes) or self.reason_to_end():
                return True
            if self.waits_for_parts(round):
                return False
            with record_function("selection"):
                self.select(round)
            self.save()

    def save(self) -> None:
        """Save what is computed; then stop if a signal asked for it."""
        self.lock.check()
        self.state.save(self.run_dir)
        self.clear_training()
        self.tracking.update(self.state)
        interruption.stop_if_signaled()

    def check(self) -> None:
        """Make sure that this process still owns the run: it writes nothing after a TakenOver."""
        self.lock.check()
        self.state.check()

    def clear_training(self) -> None:
        """Remove the checkpoint of a training whose result is saved, and parts of a selection that is."""
        if self.state.is_trained:
            Keeper.clear(self.run_dir / "training.pt")
        else:
            selection_parts.clear(self.run_dir)

    def train_round(self, round: int) -> None:
        """Train and evaluate the model of ``round``; round 0 is shared by all runs of the setting."""
        if round or self.labelling:  # labels from people belong to this run alone
            self.fit(round, self.run_dir / "training.pt")
            return
        key = f"{identity.first_model_id(self.cfg)}-{self.data_id}-{self.device.type}.pt"
        path = Path(self.cfg.paths.outputs) / "cache" / "first_model" / key
        if first_model.share_first_model(path, self.state, lambda unfinished: self.fit(0, unfinished)):
            log.info("round 0 comes from %s", display_path(path))
            if lacks_measures(self.state.rounds[0]):
                self.parts.model.load_state_dict(self.state.weights or {})
                self.state.rounds[0] = with_measures(self.state.rounds[0], self.test(self.parts.model))

    def fit(self, round: int, unfinished: Path) -> None:
        """Train and evaluate, round 0 by ``initial_seed`` and others by ``seed``; checkpoints go to ``unfinished``."""
        if not len(self.pool.labeled):
            raise DataError(
                f"nothing can be trained: none of the {len(self.pool.strangers)} examples queried so far belongs to a "
                "class. Raise budget.seed_size."
            )
        seed = self.cfg.seed if round else identity.initial_seed(self.cfg)
        model = self.parts.model
        if self.cfg.training.reset or not round:
            rng.seed_globals(seed, "weights", round)
            weights = self.parts.fresh().state_dict()
        else:
            weights = self.state.weights
            assert weights is not None
        model.load_state_dict(weights)
        self.progress.start_round(round, len(self.pool.labeled))
        if self.cfg.first_model and not round:
            trained = first_model.load_given_model(Path(self.cfg.first_model), model)
        else:
            trained = self.train(seed, round, unfinished)
        where = f"round {round}, optimizer.lr={self.cfg.optimizer.get('lr')}"
        with record_function("evaluation"), located(where), (evaluation := device.Stopwatch(self.device)):
            tested = self.test(model)
            stops = self.measure_stopping(round)
        counted = measure_labeling(self.pool, self.state.queries[-1])
        record = record_of(round, self.pool, self.validation, counted, trained, tested, stops, evaluation)
        self.state.add_round(record, model.state_dict(), frozen(model))

    def test(self, model: Classifier) -> Evaluation:
        """Evaluate ``model`` on the test set."""
        data, normalize = self.parts.data, self.parts.normalize
        tested = (self.test_images, self.test_labels)
        rare, groups = rare_classes(data), data.test_groups
        return evaluate(model, *tested, normalize, self.chunk, data.classes, rare, groups)

    def measure_stopping(self, round: int) -> StopMeasures:
        """What stopping criteria read, of the model of ``round`` and the one before it, if that is there."""
        if not round or self.state.weights is None:
            return StopMeasures()
        trainer, query = self.parts.trainer, self.state.queries[-1]
        return measure_stopping(
            self.parts.model, self.state.weights, self.pool, query, self.cfg.seed, trainer.normalize, trainer.chunk
        )

    def reason_to_end(self) -> str | None:
        """Why the run ends before its budget is spent, by its rounds so far; None: it goes on."""
        wanted, reached = self.cfg.budget.until_accuracy, self.state.rounds[-1].test_accuracy
        if wanted is not None and reached >= wanted:
            return f"budget.until_accuracy={wanted:g} is reached"
        return self.parts.stopping.reason([record.row for record in self.state.rounds])

    def train(self, seed: int, round: int, unfinished: Path) -> TrainResult:
        """Train the model from the weights that it has."""
        keeper = Keeper(unfinished, self.cfg.runtime.checkpoint_minutes, round, self.pool.labeled, self.check)
        trainer = self.parts.trainer if round else self.parts.first_trainer
        with record_function("training"):
            return trainer.fit(
                self.parts.model,
                self.pool,
                seed,
                round,
                self.progress.epoch,
                self.parts.fresh,
                is_last_round=round + 1 == len(self.sizes),
                keeper=keeper,
            )

    def select(self, round: int) -> None:
        """Let the strategy choose what to label after ``round``."""
        assert self.state.weights is not None
        self.parts.model.load_state_dict(self.state.weights)
        training = device.Stopwatch(self.device)
        with (selection := device.Stopwatch(self.device)):
            query = self.choose(round, training)
        if self.labelling:
            self.labelling.predict(round + 1, query, self.log_probs(query))
        self.pool.label(query)
        self.state.add_query(query, selection.cost - training.cost, training.cost)

    def accuracy_with(self, query: Query, index: torch.Tensor) -> float:
        """Test accuracy of a model trained on the labeled set and on the answers to ``index`` (k,): for oracles."""
        known = index[self.pool.labels[index.to(self.device)].cpu() != STRANGER]
        return self.test(query.fit(torch.cat([self.pool.labeled, known]))).accuracy

    def log_probs(self, index: torch.Tensor) -> torch.Tensor:
        """What the model says of the examples at ``index`` (k,): log probabilities (k, C)."""
        trainer, needs = self.parts.trainer, Needs(log_probs=True)
        model, images = self.parts.model, self.pool.images
        found = infer.record(model, images, index, needs, trainer.normalize, trainer.chunk).log_probs
        assert found is not None
        return found

    def division(self, round: int, training: device.Stopwatch) -> Division | None:
        """The selection after ``round`` in parts; None: it is made from the whole pool at once."""
        strategy, runtime, pool = self.parts.strategy, self.cfg.runtime, self.pool
        way = way_of(strategy, runtime.engine, runtime.parts, not self.parts.model.ensemble)
        if way is None:
            return None
        size = self.cfg.budget.batch_size // pool.opinions
        return Division(
            way,
            self.choices["strategy"],
            round,
            size,
            pool.unlabeled,
            self.chunk,
            self.run_dir,
            lambda among: self.query(round, size, training, among),
        )

    def query(
        self, round: int, size: int, training: device.Stopwatch, among: torch.Tensor | Outputs | None = None
    ) -> Query:
        """The query for ``size`` labels after ``round``, about some of the unlabeled examples or all."""
        if isinstance(among, torch.Tensor) and isinstance(self.pool.images, Rows):
            self.pool.images.verify(among)  # what a part reads must be what was written
        return build_query(
            self.parts.strategy.needs,
            size,
            self.pool,
            self.parts.model,
            self.state.rounds[-1].trained,
            self.parts.trainer,
            self.parts.fresh,
            self.cfg.seed,
            round,
            training,
            self.progress.passed,
            among,
        )

    def compute_parts(self, division: Division) -> None:
        """Let all parts of a selection propose, in this process or on Ray."""
        runtime, missing = self.cfg.runtime, division.missing()
        if runtime.engine != "ray":
            for number in missing:
                division.compute(number)
            return
        work = partial(compute_part, as_json(self.cfg), str(self.run_dir), tuple(self.choices.items()), division.round)
        gpus = 1 / (runtime.runs_per_gpu or 1) if self.device.type == "cuda" else 0
        on_ray.compute(missing, work, runtime.threads, gpus)

    def waits_for_parts(self, round: int) -> bool:
        """Whether parts of the selection after ``round`` are computed elsewhere (``alrun select``), and some miss."""
        division = self.division(round, device.Stopwatch(self.device)) if self.cfg.runtime.engine == "parts" else None
        missing = division.missing() if division else []
        if division and missing:
            log.warning(
                "round %d is trained; the query after it waits for %d of %d parts: type `alrun select` with the "
                "settings of this run and part=%d/%d, and so on; then this command again",
                round,
                len(missing),
                division.way.parts,
                missing[0],
                division.way.parts,
            )
        return bool(missing)

    def choose(self, round: int, training: device.Stopwatch) -> torch.Tensor:
        """The indices that the strategy queries after ``round``; ``training`` times networks that it trains itself."""
        strategy, pool, name = self.parts.strategy, self.pool, self.choices["strategy"]
        unlabeled = pool.unlabeled
        size = self.cfg.budget.batch_size // pool.opinions
        check_supply(len(unlabeled), size, round)
        passes = ((unlabeled, True), (pool.labeled, strategy.needs.labeled), (pool.strangers, strategy.needs.strangers))
        self.progress.start_selection(round, sum(len(part) for part, needed in passes if needed))
        with naming_strategy(name, round):
            if division := self.division(round, training):
                self.compute_parts(division)
                chosen, scores = division.decide(self.device)
            else:
                query = self.query(round, size, training)
                if any(each.is_oracle for each in strategies_within(strategy)):
                    query = replace(query, accuracy_with=lambda index: self.accuracy_with(query, index))
                chosen, scores = strategy.choose(query)
        positions = check_selection(chosen, size, len(unlabeled), name, round)
        device.synchronize(self.device)
        self.progress.end_selection()
        queried = unlabeled[positions]
        if self.labelling:
            self.labelling.ask(round + 1, queried, scores)
        return queried


def as_json(cfg: DictConfig) -> str:
    """The resolved settings of a run, for another process."""
    own = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])
    return json.dumps(OmegaConf.to_container(own, resolve=True))


def compute_part(settings: str, run_dir: str, choices: tuple[tuple[str, str], ...], round: int, number: int) -> None:
    """Let the part ``number`` of the selection after ``round`` of a run propose, in any process that sees its folder.

    Args:
        settings: The run's, as JSON.
        run_dir: Its folder.
        choices: The names of the chosen options.
        round: It must be trained.
        number: From 1.
    """
    opened_for_parts(settings, run_dir, choices, round).compute(number)


@lru_cache(1)  # a process computes many parts of a round, and opens the data once
def opened_for_parts(settings: str, run_dir: str, choices: tuple[tuple[str, str], ...], round: int) -> Division:
    """The selection after ``round`` in parts, in a process that is not the run's own.

    Raises:
        UserError: The run does not wait for this selection, or it has no parts.
    """
    cfg, folder = OmegaConf.create(json.loads(settings)), Path(run_dir)
    run = Run(cfg, folder, dict(choices), Lock(folder / ".lock"), device.choose_device(cfg.runtime.device))
    if not run.state.is_trained or run.state.weights is None or len(run.state.rounds) != round + 1:
        raise StorageError(f"{display_path(folder)} does not wait for the query after round {round}: start the run.")
    run.parts.model.load_state_dict(run.state.weights)
    division = run.division(round, device.Stopwatch(run.device))
    assert division is not None
    return division
