"""What a run prints: its plan, a bar in a terminal, and a line per round."""

import logging
import math
from collections.abc import Mapping, Sequence
from time import perf_counter

from tqdm import tqdm

from alrun.runs import durations
from alrun.runs.round_record import RoundRecord

log = logging.getLogger(__name__)


def announce(
    choices: Mapping[str, str],
    hardware: str,
    sizes: Sequence[int],
    *,
    seed: int,
    baseline: str | None,
    held_out: int,
    batch_size: int,
    total: int,
    unit: str,
) -> None:
    """Log what the run will do; ``sizes`` are the answers of every round, including those ``held_out``.

    ``unit`` is what the budget counts, in words: see answers_in_words.
    """
    log.info(
        "%s on %s, %s, seed %d: %d round%s, %d to %d %s (%s; %s)",
        choices["strategy"],
        choices["dataset"],
        choices["model"],
        seed,
        len(sizes),
        "s" * (len(sizes) != 1),
        sizes[0] - held_out,
        sizes[-1] - held_out,
        unit,
        baseline or "default settings: the paper has no row for this pair",
        hardware,
    )
    if held_out:
        log.info("accuracy is measured on %d held-out labels of the budget; the test set is not used", held_out)
    if sizes[-1] < total:
        log.info("the run ends below budget.total=%d: each round queries %d", total, batch_size)


def answers_in_words(opinions: int, strangers: bool) -> str:
    """What a budget counts, where examples get several ``opinions``, or there are ``strangers`` among them."""
    if opinions > 1:
        return f"answers, {opinions} on each example"
    return "answers" if strangers else "labels"


class Progress:
    """Progress of one run of ``rounds`` training rounds."""

    def __init__(self, title: str, rounds: int, max_epochs: int, show: bool) -> None:
        self.title = title
        self.rounds = rounds
        self.max_epochs = max_epochs
        self.disable = None if show else True  # None: a bar in a terminal, nothing in a file or pipe
        self.bar: tqdm | None = None

    def start_round(self, round: int, labeled: int) -> None:
        """Show the bar of a round's training."""
        self.bar = self.new_bar(f"round {round}/{self.rounds - 1}  {labeled} labels", self.max_epochs, "epoch")

    def epoch(self, epoch: int, accuracy: float) -> None:
        """Advance the bar by an epoch."""
        if self.bar is not None:
            self.bar.set_postfix_str(f"training accuracy {accuracy:.3f}", refresh=False)
            self.bar.update()

    def start_selection(self, round: int, examples: int) -> None:
        """Show the bar of the pass over ``examples`` before the query after ``round``."""
        self.query, self.examples, self.count, self.passes = f"query after round {round}", examples, 0, 1
        self.started = perf_counter()
        self.bar = self.new_bar(self.query, examples, "example")

    def passed(self, examples: int) -> None:
        """Advance the bar by ``examples`` that went through the model; those that are streamed do so several times."""
        if self.bar is None:
            return
        if self.count >= self.examples:
            seconds, self.started = perf_counter() - self.started, perf_counter()
            self.count, self.passes = 0, self.passes + 1
            log.info("%s: pass %d; the one before took %s", self.query, self.passes, duration(seconds))
            self.bar.close()
            self.bar = self.new_bar(f"{self.query}, pass {self.passes}", self.examples, "example")
        self.count += examples
        self.bar.update(examples)

    def end_selection(self) -> None:
        """Close the bar when the strategy has chosen."""
        if self.bar is not None:
            self.bar.close()

    def new_bar(self, text: str, total: int, unit: str) -> tqdm:
        """A bar that vanishes at its end."""
        return tqdm(total=total, desc=f"{self.title}  {text}", unit=unit, leave=False, disable=self.disable)

    def end_round(self, records: Sequence[RoundRecord], sizes: list[int]) -> None:
        """Log the last of ``records``, a round just evaluated; ``sizes`` are the answers of every round of the run."""
        if self.bar is not None:
            self.bar.close()
        record = records[-1]
        left = durations.by_rounds([vars(each) for each in records], sizes) or 0.0
        log.info(
            "%s  round %d/%d  %d labels%s  %s  (%d epochs, stopped by %s, %s)%s",
            self.title,
            record.round,
            self.rounds - 1,
            record.labeled,
            "" if record.answers == record.labeled else f" of {record.answers} answers",
            "no test set" if math.isnan(record.test_accuracy) else f"test accuracy {100 * record.test_accuracy:.2f} %",
            record.epochs,
            record.stopped_by,
            duration(record.train_seconds + record.evaluate_seconds),
            f"  about {duration(left)} left" if len(records) < len(sizes) else "",
        )


def duration(seconds: float) -> str:
    """``0.4 s``, ``42 s``, ``3 min``, ``2 h 05 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
