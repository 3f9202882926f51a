"""A labeling project: a folder that holds its settings, its pool and its run, so that its name is all that is typed.

project.json    the settings of the first ask; later commands take nothing but the folder
pool.csv        the manifest of the pool, with changes.csv and pixels.u8 or texts.json: see alrun.data.manifest
runs/           the run, as in outputs/
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alrun.data import content, growing_pool, unlabeled_texts
from alrun.data.growing_pool import Changes
from alrun.data.manifest import CHANGES, PIXELS, POOL
from alrun.data.unlabeled_texts import TEXTS
from alrun.runs.run_folder import display_path
from alrun.settings import command_line
from alrun.system import files
from alrun.system.errors import SettingError, StorageError
from alrun.system.lock import Lock

NAME = "project.json"
SCHEMA = 1
# Groups of settings that decide no result: they may be given to any command. A list of modules that may run is given
# to each: a file cannot list one.
FREE = ("runtime", "tracking", "allow")
OWN = ("hydra", "paths.outputs", "dataset.manifest")  # what a project sets itself
PLACES = ("dataset.path", "dataset.test")  # may be given again where files were moved
LABELED = {
    "alrun.data.own.unlabeled": "image",
    "alrun.data.unlabeled_texts.unlabeled_text": "text",
}  # by what opens the pool


@dataclass
class Project:
    """A project by its folder, with the words of its first ask."""

    folder: Path
    words: list[str]
    config_dir: str | None = None
    extra: list[str] = field(default_factory=list)  # for this command alone
    is_new: bool = False  # nothing was asked yet: its settings are not fixed

    @property
    def manifest(self) -> Path:
        """The manifest of its pool."""
        return self.folder / POOL

    @property
    def overrides(self) -> list[str]:
        """The settings of its run, as words of a command line."""
        replaced = {word.partition("=")[0] for word in self.extra}
        kept = [word for word in self.words if word.partition("=")[0] not in replaced]
        places = {"dataset.manifest": self.manifest, "paths.outputs": self.folder}
        return [*kept, *self.extra, *(command_line.word_of_path(key, str(path)) for key, path in places.items())]

    def save(self) -> None:
        """Write project.json; paths in it are seen from the project's folder, so that both may be moved together."""
        kept = {
            "schema": SCHEMA,
            "settings": [moved(word, lambda path: os.path.relpath(path, self.folder)) for word in self.words],
            "config_dir": self.config_dir and os.path.relpath(self.config_dir, self.folder),
        }
        files.write_text(self.folder / NAME, json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
        self.is_new = False

    def forget_pool(self) -> None:
        """Remove the pool of which nothing was asked: it may be that of other settings."""
        for name in (POOL, CHANGES, PIXELS, TEXTS):
            (self.folder / name).unlink(missing_ok=True)

    def update_pool(self, round: int, dataset: Any) -> Changes:
        """Let new examples join and note the removed ones, before the query of ``round``; the caller holds the lock."""
        path = Path(dataset.path)
        if noun_of(dataset) == "text":
            return unlabeled_texts.update(self.manifest, path, dataset.text_column, round)
        hashes = content.Hashes(content.cache_of(path, self.folder / "cache" / "content"))
        sizes = dataset.size, dataset.channels, dataset.white
        return growing_pool.update(self.manifest, path, round, *sizes, hashes.of)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone in asking.

        Raises:
            UserError: Another process asks.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = Lock(self.folder / ".lock")
        if not lock.acquire(wait=False):
            raise StorageError(f"{display_path(self.folder)} is being asked by another process: wait for its end.")
        try:
            yield
        finally:
            lock.release()


def noun_of(dataset: Any) -> str:
    """What people label, as a word: image or text."""
    return LABELED[str(dataset["_target_"])]


def moved(word: str, change: Callable[[str], str]) -> str:
    """A word with its path changed, if it names a file or a folder that is there."""
    path = command_line.path_of(word)
    if path is not None and os.path.exists(os.path.expanduser(path)):
        return command_line.word_of_path(word.partition("=")[0], change(os.path.expanduser(path)))
    return word


def key_of(word: str) -> str:
    """The setting that a word of a command line sets."""
    return word.partition("=")[0].lstrip("+~")


def is_own(word: str) -> bool:
    """Whether a word is an option of a command, or sets what a project sets itself."""
    key = key_of(word)
    return word.startswith("-") or "=" not in word or any(key == own or key.startswith(f"{own}.") for own in OWN)


def split_words(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """The folder of a project that begins a command line, if one does, and the other words."""
    if words and "=" not in words[0]:
        return words[0], [*words[1:]]
    return None, [*words]


def open_project(name: str, typed: Sequence[str], config_dir: str | None = None) -> Project:
    """The project in the folder ``name``, with the words that were ``typed`` after it.

    Raises:
        UserError: It is damaged or of a later version, it is not there and nothing is typed, or a setting that is fixed
            was typed.
    """
    folder = Path(name)
    path = folder / NAME
    is_new = not any(found for each in ("queries.csv", ".ask_0.csv") for found in folder.glob(f"runs/*/*/{each}"))
    if not path.exists() or (typed and is_new):  # a setting of the first ask may have been one that cannot be used
        if not typed:
            raise SettingError(
                f"{name}: there is no labeling project. The first ask makes it, with the settings: alrun ask {name} "
                "dataset=unlabeled dataset.path=... 'dataset.classes=[cat,dog]'"
            )
        if folder.exists() and any(each.name not in (".lock", ".lock.lease") for each in folder.iterdir()):
            check_begun(folder)
        if wrong := next(filter(is_own, typed), None):
            raise SettingError(f"{wrong}: a labeling project keeps all that it has in its own folder: leave it out.")
        allowed = [word for word in typed if key_of(word) == "allow"]
        return Project(folder, [word for word in typed if word not in allowed], config_dir, allowed, is_new=True)
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        schema, settings, own = kept["schema"], [str(word) for word in kept["settings"]], kept["config_dir"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{path} is damaged ({error}): restore it from a copy of the project.") from error
    if schema != SCHEMA:
        raise StorageError(f"{path} was written by a later alrun (schema {schema}): update alrun.")
    if wrong := next((word for word in settings if is_own(word) or key_of(word) == "allow"), None):
        raise StorageError(f"{path} holds {wrong!r}, which is no setting of a labeling project: take it out.")
    settings = [from_project(word, folder) for word in settings]
    project = Project(folder, settings, own and os.path.normpath(folder / own), is_new=is_new)
    if config_dir is not None:
        raise SettingError(f"{name} has its --config-dir since its first ask: leave it out.")
    for word in typed:
        key = key_of(word)
        at = next((number for number, known in enumerate(settings) if known.partition("=")[0] == key), None)
        if key.partition(".")[0] in FREE:
            project.extra.append(word)
        elif key in PLACES and at is not None:
            project.words[at] = word
            project.save()
        elif word not in settings:
            raise SettingError(
                f"{word}: the settings of {name} are fixed since its first ask ({display_path(path)} has them): leave "
                "it out, or begin another project."
            )
    return project


def from_project(word: str, folder: Path) -> str:
    """A word of project.json as it is typed here: paths are seen from the project's folder."""
    path = command_line.path_of(word)
    if path is not None and not os.path.isabs(path):
        inside = os.path.normpath(folder / path)
        here = inside if folder.is_absolute() else os.path.relpath(inside)
        return command_line.word_of_path(word.partition("=")[0], here)
    return word


def check_begun(folder: Path) -> None:
    """Refuse a folder that holds something else than a project that was begun.

    Raises:
        UserError: It does.
    """
    known = {NAME, POOL, CHANGES, PIXELS, TEXTS, "runs", "cache", ".lock", ".lock.lease"}
    if strange := sorted(each.name for each in folder.iterdir() if each.name not in known):
        raise SettingError(
            f"{display_path(folder)} holds {strange[0]}, which is not of a labeling project: name a new folder."
        )
