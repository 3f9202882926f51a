"""The files of annotation tools: which there are, and who writes and reads each."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alrun.annotate import cvat, label_studio
from alrun.annotate.keeping import Found, Said, requested
from alrun.annotate.label_studio_api import Api, fetch, send
from alrun.annotate.project import Project, noun_of
from alrun.annotate.request import read_request
from alrun.data import own
from alrun.runs import answers
from alrun.runs.label_files import asked_examples
from alrun.runs.run_folder import display_path
from alrun.runs.sheets import KIND_OF, read_answers

FORMATS = ("csv", "label-studio", "cvat")


def write_request(tool: str, project: Project, run_dir: Path, dataset: Any, sending: str | None = None) -> list[str]:
    """Write the last request of a project as a file for ``tool``; returns sentences that say what to do with it.

    With ``sending`` (upload or local) it goes to a server of Label Studio instead.

    Raises:
        UserError: A file cannot be written, or the server refuses it.
    """
    classes, is_text = own.class_names(dataset.classes), noun_of(dataset) == "text"
    request = read_request(run_dir, project.manifest, Path(dataset.path), classes, is_text)
    if tool == "csv":
        return [f"{display_path(request.sheet)} is the list to fill in."]
    if sending is not None:
        api = Api.of_environment()
        new, known = send(api, request, project.folder, project.folder.resolve().name, sending == "upload")
        return [f"{new} tasks were sent to {api.url}, {known} were there."]
    return (label_studio if tool == "label-studio" else cvat).write(request, project.folder)


def fetch_answers(project: Project) -> Found:
    """The answers on the server of Label Studio that the environment names.

    Raises:
        UserError: Nothing was sent there, or it cannot be reached.
    """
    return fetch(Api.of_environment(), project.folder)


def read_answers_of(tool: str, path: Path, run_dir: Path, classes: Sequence[str], by: str | None) -> Found:
    """The answers in a file of ``tool``, given by the person ``by`` where the file does not say by whom.

    Raises:
        UserError: The file cannot be read.
    """
    if tool == "csv":
        return of_sheet(path, run_dir, classes, by or "")
    if tool == "label-studio":
        return label_studio.read(path, by)
    return cvat.read(path, by, requested(run_dir)[1])


def of_sheet(path: Path, run_dir: Path, classes: Sequence[str], by: str) -> Found:
    """The answers of a sheet."""
    asked_for = {index for query in requested(run_dir)[0] for index in query}
    found, mistakes = read_answers(path, classes, asked_for, {}, *asked_examples(run_dir))
    said = [
        Said("", index, "", KIND_OF.get(number, answers.LABEL), classes[number] if number >= 0 else None, by)
        for index, number in found.items()
    ]
    return Found(said, [mistake for mistake in mistakes if not mistake.endswith(" has no label")])
