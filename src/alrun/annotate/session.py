"""What the page of ``alrun label`` shows and does, without HTTP: examples by opaque ids, and answers as they come."""

import json
import secrets
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alrun.annotate.keeping import requested
from alrun.annotate.shown import Shown
from alrun.data.manifest import Manifest, read_manifest
from alrun.runs import answers
from alrun.runs.answers import Answer
from alrun.runs.label_files import read_predictions
from alrun.system.errors import DataError


class Session:
    """The examples that a project asks for, and the answers of the person ``by``.

    Args:
        title: Of the page.
        run_dir: The run's folder, with its requests and the log of answers.
        manifest: The project's pool.
        shown: How its examples are shown.
        classes: Their names.
        by: Who answers.
    """

    def __init__(
        self, title: str, run_dir: Path, manifest: Path, shown: Shown, classes: Sequence[str], by: str
    ) -> None:
        self.title, self.run_dir, self.manifest, self.shown = title, run_dir, manifest, shown
        self.classes, self.by = classes, by
        self.ids: dict[int, str] = {}
        self.indices: dict[str, int] = {}
        self.log: list[Answer] = []
        self.read = 0  # bytes of the log
        self.opinions: dict[int, dict[str, Answer]] = {}
        self.wanted: dict[int, set[str]] = {}  # who wants a second opinion
        self.lock = threading.RLock()
        self.pool: Manifest = read_manifest(manifest)

    def state(self) -> dict[str, Any]:
        """All that the page shows: those of the last request first, then earlier ones from the latest."""
        with self.lock:
            self.catch_up()
            self.pool = read_manifest(self.manifest)
            names, (queries, _) = self.shown.names(self.pool), requested(self.run_dir)
            items = []
            for round in reversed(range(len(queries))):
                predicted = read_predictions(self.run_dir, round)
                for index in queries[round]:
                    label, share = predicted.get(index, (None, None))
                    shown = {"name": names[index], "round": round, "predicted": label, "share": share}
                    items.append(shown | self.item(index))
            return {
                "title": self.title,
                "kind": self.shown.kind,
                "classes": list(self.classes),
                "round": len(queries) - 1,
                "items": items,
                "seen": len(self.log),
            }

    def item(self, index: int) -> dict[str, Any]:
        """What is known of an example: this person's answer, what all say together, and whether they disagree.

        ``wanted`` says whether this person wants a second opinion, ``asks`` whether somebody else waits for one.
        """
        opinions, wanted = self.opinions.get(index, {}), self.wanted.get(index, set())
        own, together = opinions.get(self.by), answers.resolve([*opinions.values()]) if opinions else None
        return {
            "id": self.id_of(index),
            "own": own and {"kind": own.kind, "label": own.label},
            "together": together and together.kind,
            "label": together and together.label,
            "disagree": len({each.value for each in opinions.values() if each.is_vote}) > 1,
            "wanted": self.by in wanted,
            "asks": answers.asks_for_another(opinions, wanted, self.by),
        }

    def id_of(self, index: int) -> str:
        """The name of an example in addresses, which says nothing about it."""
        if index not in self.ids:
            self.ids[index] = secrets.token_urlsafe(9)
            self.indices[self.ids[index]] = index
        return self.ids[index]

    def catch_up(self) -> None:
        """Read what was added to the log by whomever since it was last read."""
        path = self.run_dir / answers.ANSWERS_FILE
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(self.read)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self.read += len(whole)
        for line in whole.splitlines():
            try:
                answer = Answer(**json.loads(line))
            except (ValueError, TypeError):
                continue  # half a line, of a killed process
            self.log.append(answer)
            answers.take_in(answer, self.opinions, self.wanted)

    def since(self, seen: int) -> dict[str, Any]:
        """What has changed since the log had ``seen`` lines."""
        with self.lock:
            self.catch_up()
            changed = dict.fromkeys(answer.index for answer in self.log[max(0, seen) :])
            return {
                "seen": len(self.log),
                "round": self.rounds() - 1,
                "changed": [self.item(index) for index in changed],
            }

    def rounds(self) -> int:
        """How many requests there are."""
        return sum(1 for _ in self.run_dir.glob(".ask_*.csv"))

    def answer(self, ids: Sequence[str], kind: str, label: str | None, seen: int) -> dict[str, Any]:
        """Keep an answer for examples; returns what has changed.

        Raises:
            UserError: There is no such example, class or kind of answer; nothing is kept.
        """
        if kind not in answers.KINDS or (kind == answers.LABEL) != (label in self.classes):
            raise DataError("there is no such class or answer.")
        with self.lock:
            if not ids or any(each not in self.indices for each in ids):
                raise DataError(f"there is no such {self.shown.kind}.")
            new = [Answer(self.indices[each], kind, label if kind == answers.LABEL else None, self.by) for each in ids]
            answers.append_answers(self.run_dir, new)
            return self.since(seen)

    def content(self, id: str, is_small: bool) -> tuple[str, bytes] | None:
        """Type and bytes of an example; None if there is no such example."""
        with self.lock:
            index, pool = self.indices.get(id), self.pool
        return None if index is None else self.shown.content(pool, index, is_small)
