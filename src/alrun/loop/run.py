"""The active-learning loop: train, evaluate, record, select, label, save."""

import logging
from contextlib import nullcontext
from pathlib import Path

import torch
from omegaconf import DictConfig
from torch.profiler import record_function

from alrun.data.dataset import STRANGER
from alrun.loop import as_published, debugging, execution, outlook, provenance, selection_parts
from alrun.loop.components import build_parts
from alrun.loop.dividing import compute_missing, division_of, is_waiting
from alrun.loop.ending import complete_folder, reason_to_end
from alrun.loop.evaluator import Evaluator
from alrun.loop.progress import Progress, announce, answers_in_words
from alrun.loop.querying import choose_query, examples_in_memory
from alrun.loop.resumed import resumed
from alrun.loop.round_record import lacks_measures, record_of, with_measures
from alrun.loop.selection_parts import Division
from alrun.loop.stop_set import StopSet
from alrun.loop.tracking import Tracking
from alrun.models import infer
from alrun.models.classifier import frozen
from alrun.pool.labeling_measures import measure_labeling
from alrun.runs import finished, first_model, own_code
from alrun.runs.run_folder import display_path
from alrun.settings import factory, fitted, identity, schedule
from alrun.strategies.in_parts import way_of
from alrun.strategies.query import check_supply
from alrun.system import device, interruption, rng
from alrun.system.errors import DataError, located
from alrun.system.lock import Lock
from alrun.training.keeper import Keeper
from alrun.training.stop_rule import TrainResult

log = logging.getLogger(__name__)


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
        device.prepare_process(cfg.training.precision, cfg.runtime.deterministic, cfg.runtime.threads)
        settings = identity.identity(cfg) | {"seed": cfg.seed}
        tracker = factory.build(cfg.tracking, "tracking")
        self.tracking = Tracking(tracker, run_dir, Path(cfg.paths.outputs), settings)
        self.parts = build_parts(cfg, self.device)
        # Called here already, to refuse an engine that does not suit the strategy before training.
        way_of(self.parts.strategy, cfg.runtime.engine, cfg.runtime.parts, not self.parts.model.ensemble)
        self.state, self.pool, self.labeling = resumed(cfg, run_dir, self.parts, self.device)
        normalize, chunk = self.parts.normalize, self.parts.trainer.chunk
        self.evaluator = Evaluator(self.parts.data, self.device, normalize, chunk)
        self.stop_set = StopSet(self.pool, cfg.seed, normalize, chunk)
        self.validation = cfg.validation or 0  # answers of the budget that are not trained on
        has_strangers = bool((self.pool.labels == STRANGER).any())
        self.unit = answers_in_words(self.pool.opinions, has_strangers)
        self.sizes = schedule.labels_by_round(cfg.budget, self.validation)
        choice = execution.choose_execution(cfg.runtime.threads, cfg.runtime.memory_format, self.device)
        self.execution = execution.check_and_apply(choice, self.parts, self.device)
        self.query_size = cfg.budget.batch_size // self.pool.opinions
        # Called here already, to refuse too little memory before training.
        examples_in_memory(self.parts, choices["strategy"], self.pool, self.query_size, cfg.runtime.memory_gb)
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
        self.check()
        code = own_code.hash_own_code(identity.deciding(self.cfg))
        changed = finished.changed_code(self.run_dir, code) if self.state.rounds else []
        for name in changed:
            log.warning("%s has changed since this run began: its rounds before were computed by the old code", name)
        provenance.write_run_json(
            self.run_dir,
            identity.settings_record(self.cfg, self.choices),
            code,
            self.parts.data_id,
            self.parts.card,
            self.device,
            self.execution,
            dict.fromkeys(changed, len(self.state.rounds) - 1),
            provenance.find_machines_before(self.run_dir, self.device, self.execution, len(self.state.rounds)),
        )
        self.state.write_views(self.run_dir)
        self.clear_leftovers()
        profiled = debugging.profiled(self.run_dir, self.device) if self.cfg.runtime.profile else nullcontext()
        with profiled, self.tracking:
            self.tracking.update(self.state)
            is_over = self.loop()
            self.tracking.update(self.state, is_over=is_over)
        if not is_over:
            return
        self.check()
        self.clear_leftovers()  # also one that a suspended process left, which has lost the run
        reason = self.reason_to_end() if len(self.state.rounds) < len(self.sizes) else None
        complete_folder(self.run_dir, self.state, self.pool, self.parts.data, reason)
        if not self.labeling:
            outlook.log_forecast(self.state.rounds, with_reason=False)
        if self.cfg.runtime.memorize:
            debugging.report_memorization(self.state.rounds[-1])

    def loop(self) -> bool:
        """Train, select, train. The state alone decides what comes next, so resuming is not a special case.

        Returns:
            Whether all rounds are computed; else the run waits for labels from people, or for parts of a selection.
        """
        while True:
            round = len(self.state.queries) - 1
            if not self.state.is_trained:
                if self.labeling:
                    if self.labeling.is_waiting(round, self.state.queries[-1]):
                        self.save()
                        return False
                    self.labeling.fix(round)
                self.train_round(round)
                self.save()
                self.progress.end_round(self.state.rounds, self.sizes)
                outlook.log_criteria(self.state.rounds, with_none=bool(self.labeling))
                if self.labeling:
                    outlook.log_forecast(self.state.rounds, with_reason=True)
                    if round + 1 < len(self.sizes):
                        self.labeling.warn_of_chance(self.state.rounds[-1], self.choices["strategy"])
            if round + 1 == len(self.sizes) or self.reason_to_end():
                return True
            with record_function("selection"):
                is_selected = self.select(round)
            if not is_selected:
                return False
            self.save()

    def save(self) -> None:
        """Save what is computed; then stop if a signal asked for it."""
        self.lock.check()
        self.state.save(self.run_dir)
        self.clear_leftovers()
        self.tracking.update(self.state)
        interruption.stop_if_signaled()

    def check(self) -> None:
        """Make sure that this process still owns the run: it writes nothing after a TakenOver."""
        self.lock.check()
        self.state.check()

    def clear_leftovers(self) -> None:
        """Remove the files by which a killed training, or a selection in parts, would resume: its result is saved."""
        if self.state.is_trained:
            Keeper.clear(self.run_dir / "training.pt")
        else:
            selection_parts.clear(self.run_dir)

    def train_round(self, round: int) -> None:
        """Train and evaluate the model of ``round``; round 0 is shared by all runs of the setting."""
        if round or self.labeling:  # labels from people belong to this run alone
            self.fit(round, self.run_dir / "training.pt")
            return
        path = Path(self.cfg.paths.outputs) / "cache" / "first_model" / self.first_model_name()
        if first_model.share_first_model(path, self.state, lambda unfinished: self.fit(0, unfinished)):
            log.info("round 0 comes from %s", display_path(path))
            if lacks_measures(self.state.rounds[0]):
                self.parts.model.load_state_dict(self.state.weights or {})
                self.state.rounds[0] = with_measures(self.state.rounds[0], self.evaluator.evaluate(self.parts.model))

    def first_model_name(self) -> str:
        """The file of the first model that runs share: if the user's own code changes, it is another one."""
        later = ("strategy", "cost", "stopping")  # decide nothing of it
        deciding = {key: value for key, value in identity.deciding(self.cfg).items() if key not in later}
        code = own_code.hash_own_code(deciding)
        own = f"{identity.digest(code)}-" if code else ""
        return f"{identity.first_model_id(self.cfg)}-{own}{self.parts.data_id}-{self.device.type}.pt"

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
            tested = self.evaluator.evaluate(model)
            stops = self.stop_set.measure(round, model, self.state.weights, self.state.queries[-1])
        counted = measure_labeling(self.pool, self.state.queries[-1])
        record = record_of(round, self.pool, self.validation, counted, trained, tested, stops, evaluation)
        self.state.add_round(record, model.state_dict(), frozen(model))

    def reason_to_end(self) -> str | None:
        """Why the run ends before its budget is spent; None: it goes on."""
        return reason_to_end(self.state, self.cfg.budget.until_accuracy, self.parts.stopping)

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

    def select(self, round: int) -> bool:
        """Let the strategy choose what to label after ``round``; False if parts computed elsewhere are missing."""
        assert self.state.weights is not None
        parts, pool = self.parts, self.pool
        parts.model.load_state_dict(self.state.weights)
        training = device.Stopwatch(self.device)
        passed = self.progress.passed
        division = division_of(
            self.cfg, self.run_dir, self.choices["strategy"], parts, pool, self.state, training, passed
        )
        if is_waiting(division, self.cfg.runtime.engine):
            return False
        with (selection := device.Stopwatch(self.device)):
            query, scores = self.choose(round, training, division)
        if self.labeling:
            self.labeling.ask(round + 1, query, scores)
            found = infer.log_probs(parts.model, pool.images, query, parts.normalize, parts.trainer.chunk)
            self.labeling.predict(round + 1, query, found)
        pool.label(query)
        self.state.add_query(query, selection.cost - training.cost, training.cost)
        if self.labeling:
            self.labeling.fill(pool, self.state.queries)
        return True

    def choose(
        self, round: int, training: device.Stopwatch, division: Division | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """What the strategy queries after ``round``, in parts where there is a ``division``, and its scores.

        What people were asked before stays as it was. ``training`` times what the strategy trains itself.
        """
        if self.labeling and (asked := self.labeling.asked_before(round + 1)):
            return asked
        needs, pool = self.parts.strategy.needs, self.pool
        check_supply(len(pool.unlabeled), self.query_size, round)
        passes = ((pool.unlabeled, True), (pool.labeled, needs.labeled), (pool.strangers, needs.strangers))
        self.progress.start_selection(round, sum(len(part) for part, needed in passes if needed))
        if division:
            compute_missing(division, self.cfg, self.choices, self.device)
            chosen = division.choose(self.device)
        else:
            chosen = choose_query(
                self.parts,
                self.choices["strategy"],
                pool,
                self.query_size,
                self.state.rounds[-1].trained,
                self.evaluator,
                seed=self.cfg.seed,
                round=round,
                training=training,
                memory_gb=self.cfg.runtime.memory_gb,
                passed=self.progress.passed,
            )
        device.synchronize(self.device)
        self.progress.end_selection()
        return chosen
