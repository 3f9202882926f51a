"""Files of Label Studio: tasks with predictions and the labeling configuration out, its JSON exports back.

Formats: https://labelstud.io/guide/task_format and https://labelstud.io/guide/export (JSON and JSON-MIN).
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import quoteattr

from alrun.annotate.keeping import Found, Said
from alrun.annotate.request import Asked, Request
from alrun.runs import answers
from alrun.runs.run_folder import display_path
from alrun.runs.sheets import parse_index
from alrun.system import files
from alrun.system.errors import DataError, first_line

CONTROL, IMAGE, TEXT = "label", "image", "text"  # names of the tags in the configuration
EXTRA = ("none of these", "unsure")  # choices beside the classes
KEYS = "1234567890"


def write(request: Request, folder: Path) -> list[str]:
    """Write the tasks of a request and the labeling configuration into ``folder``; returns what to do with them."""
    tasks, config = folder / f"ask_{request.round}.label-studio.json", folder / "label-studio.xml"
    content = [task_of(each, request, local_url(each, request)) for each in request.asked]
    files.write_text(tasks, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    files.write_text(config, labeling_config(request.classes, request.is_text))
    folder = Path(os.path.abspath(request.folder))
    about = f"{display_path(config)} is the labeling configuration of the project in Label Studio."
    if request.is_text:
        return [about, f"{display_path(tasks)} is to be imported there."]
    return [
        about,
        f"{display_path(tasks)} is to be imported there; its server must show the images: start it with "
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true "
        f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={folder.parent}, and add {folder} as a local source storage of the "
        "project.",
    ]


def labeling_config(classes: list[str], is_text: bool = False) -> str:
    """The labeling configuration: one choice of the classes, with a key for each of the first ten."""
    extra = [word for word in EXTRA if word not in classes]
    choices = [
        f"    <Choice value={quoteattr(name)}{f' hotkey={quoteattr(key)}' if key else ''}/>"
        for name, key in zip([*classes, *extra], KEYS.ljust(len(classes) + len(extra)), strict=False)
    ]
    tag, shown = ("Text", TEXT) if is_text else ("Image", IMAGE)
    lines = [
        "<View>",
        f'  <{tag} name="{shown}" value="${shown}"/>',
        f'  <Choices name="{CONTROL}" toName="{shown}" choice="single" showInline="true" required="true">',
        *(line.replace(' hotkey=" "', "") for line in choices),
        "  </Choices>",
        "</View>",
    ]
    return "\n".join(lines) + "\n"


def task_of(asked: Asked, request: Request, url: str) -> dict[str, Any]:
    """A task: the image at ``url`` or the text, its index and file, and what the model says of it."""
    shown = IMAGE if asked.text is None else TEXT
    data: dict[str, Any] = {shown: url if asked.text is None else asked.text, "index": asked.index}
    if asked.text is None:
        data["file"] = relative_name(asked, request)
    if asked.score is not None:
        data["score"] = asked.score
    task: dict[str, Any] = {"data": data}
    if asked.predicted is not None:
        result = {"from_name": CONTROL, "to_name": shown, "type": "choices", "value": {"choices": [asked.predicted]}}
        task["predictions"] = [
            {"model_version": f"alrun, round {request.round - 1}", "score": asked.confidence, "result": [result]}
        ]
    return task


def relative_name(asked: Asked, request: Request) -> str:
    """The path of an image below the folder of the pool, with slashes."""
    return Path(os.path.relpath(asked.file, request.folder)).as_posix()


def local_url(asked: Asked, request: Request) -> str:
    """Where Label Studio finds an image, if its document root is the folder that the folder of the pool is in.

    The document root itself cannot be a storage there. A text has no address.
    """
    if asked.text is not None:
        return ""
    folder = Path(os.path.abspath(request.folder)).name
    return f"/data/local-files/?d={quote(f'{folder}/{relative_name(asked, request)}')}"


def read(path: Path, by: str | None = None) -> Found:
    """The answers in an export, JSON or JSON-MIN, of all annotators; ``by`` stands for those who are not named.

    Raises:
        UserError: The file is not an export of Label Studio.
    """
    try:
        tasks = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON ({first_line(error)}): export the project as JSON.") from error
    if not isinstance(tasks, list):
        raise DataError(f"{path} must be a list of tasks: export the project as JSON or JSON-MIN.")
    return read_tasks(tasks, by)


def read_tasks(tasks: list[Any], by: str | None = None) -> Found:
    """The answers in tasks with their annotations."""
    found, dated = Found(), []
    for number, task in enumerate(tasks, 1):
        where = f"task {task.get('id', number)}" if isinstance(task, dict) else f"task {number}"
        try:
            for moment, said in answers_of(task, where, by):
                if isinstance(said, str):
                    found.refused.append(f"{where}: {said}")
                else:
                    dated.append((moment, len(dated), said))
        except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
            found.refused.append(f"{where}: it is not as Label Studio writes tasks ({type(error).__name__}: {error})")
    found.said = [said for _, _, said in sorted(dated, key=lambda each: each[:2])]
    return found


def answers_of(task: dict[str, Any], where: str, by: str | None) -> Iterator[tuple[str, Said | str]]:
    """Time and answer of each annotation of a task; a sentence instead of an answer that is refused."""
    data = task.get("data", task)
    index = parse_index(str(data["index"])) if data.get("index") not in (None, "") else None
    file = clean_file(str(data.get("file") or data.get("image") or ""))
    if index is None and not file:
        yield "", "it has neither index nor image"
        return
    if "annotations" not in task:  # JSON-MIN
        if task.get(CONTROL) is None:
            return
        who = person(task.get("annotator"), by)
        yield str(task.get("updated_at", "")), of_choices(task[CONTROL], where, index, file, who)
        return
    for annotation in task["annotations"]:
        who = person(annotation.get("completed_by"), by)
        place = f"{where}, {who or 'annotation'}"
        moment = str(annotation.get("updated_at") or annotation.get("created_at") or "")
        if annotation.get("was_cancelled"):
            yield moment, Said(place, index, file, answers.SKIP, None, who)
            continue
        chosen = [part["value"]["choices"] for part in annotation["result"] if part.get("type") == "choices"]
        if not chosen:
            yield moment, f"{who or 'an annotator'} submitted it without a choice"
            continue
        every = [name for names in chosen for name in names]
        yield moment, of_choices(every, place, index, file, who)


def of_choices(chosen: Any, where: str, index: int | None, file: str, by: str) -> Said | str:
    """The answer of one choice; a sentence if it is several."""
    names = chosen["choices"] if isinstance(chosen, dict) else chosen
    names = [names] if isinstance(names, str) else list(names)
    if len(set(names)) != 1:
        return f"{len(set(names))} choices ({', '.join(map(str, names))}); one is needed"
    return Said(where, index, file, answers.LABEL, str(names[0]), by)


def person(completed_by: Any, by: str | None) -> str:
    """The name of an annotator: the e-mail address if it is exported, else the number."""
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("email") or completed_by.get("id")
    return (by or "") if completed_by is None else f"label-studio:{completed_by}"


def clean_file(url: str) -> str:
    """The path of an image in the address that a task has."""
    parts = urlsplit(url)
    if "d" in (query := parse_qs(parts.query)):
        return query["d"][0]
    path = unquote(parts.path) if parts.scheme or url.startswith("/data/") else url
    folder, _, name = path.rpartition("/")
    if folder.startswith("/data/upload/") and name[8:9] == "-":  # an uploaded file has a random prefix
        return name[9:]
    return path
