"""The page reference/options.md of the site: every option of every group and every setting.

It comes from conf/, the dataclasses and the docstrings. mkdocs makes it while it builds the site (``hooks`` in
mkdocs.yml), so no copy is kept that could grow stale. Run as a program, this prints the page.
"""

import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import yaml

from alrun.settings import ranges, schema, targets

ROOT = Path(__file__).resolve().parent.parent
CONF = ROOT / "conf"
PAGE = "reference/options.md"  # below docs/

HEAD = """# Options and settings

Made while this site was built, from `conf/`, the dataclasses and the docstrings.

On the command line, `group=option` chooses an option and `setting=value` changes one of its settings. Add `--cfg job`
to see the resulting configuration without running anything. Name a strategy or an embedding inside another one with its
place: `strategy@strategy.inner=coreset`, `embeddings@strategy.embeddings=file`.

You must give a value for `???`; `null` means none. `${examples:1000}` is that number times `scale.examples`;
`${epochs:...}` and `${width:...}` work the same way. Any other `${...}` is the value of another setting. An option
without a table has no settings.

"""

GROUPS = {  # in the order of the page: what is looked for most comes first
    "dataset": "Images and labels, with the network and the augmentation that go with them.",
    "model": "The network that is trained.",
    "strategy": "Which examples are queried: [which strategy when](../guides/which_strategy.md).",
    "embeddings": "Where embeddings come from, for strategies and seed sets that take them.",
    "optimizer": "How weights are updated.",
    "first_optimizer": "What trains the first model, where it is not what trains the others.",
    "augmentation": "How training images are altered.",
    "dss": "Data subset selection: on which labeled examples an epoch trains.",
    "model_update": "What a round's training starts from.",
    "batch_size": "Labels bought in a round; any number: `budget.batch_size=`.",
    "seed_set": "The first labeled examples.",
    "redundancy": "A pool that repeats itself.",
    "per_class_cap": "How many examples of a class may be bought.",
    "scale": "How much of the paper's size is kept.",
    "at_once": "Runs of a sweep at a time.",
    "search": "Searching for settings by [validation accuracy](../guides/clusters.md#searching-for-settings).",
    "tracking": "Where else the results of a run go, for tools that show them.",
    "debug": "Short runs that answer one question about a set-up.",
    "experiment": "Sweeps: those of the paper, by section, and some of our own.",
    "baseline": "The rows of the paper's Table 3. Chosen by themselves, by data set and network.",
    "recipe": "What an optimizer changes of the row. Chosen by themselves, by optimizer.",
}


def on_files(files: Any, config: Any) -> None:
    """Add the page to those of the site; mkdocs calls this."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, PAGE, content=page()))


def page() -> str:
    """The whole page."""
    parts = [HEAD, "## Settings of every run\n\n"]
    parts += [section_of_class(each) for each in schema.CLOSED]
    parts.append(section_of_class(schema.RunConfig))
    for group, text in GROUPS.items():
        parts.append(f"## {group}\n\n{text}\n\n")
        parts += [section_of_option(path) for path in option_files(group)]
    return "".join(parts).rstrip() + "\n"


def option_files(group: str = "") -> Iterator[Path]:
    """The files of a group's options, or of all groups."""
    for path in sorted((CONF / group).rglob("*.yaml")):
        if path.parent != CONF and CONF / "hydra" not in path.parents:
            yield path


def section_of_class(settings: type) -> str:
    """A heading and a table for one of the dataclasses of alrun.settings.schema; comments come from its source."""
    whole = settings is schema.RunConfig
    prefix = "" if whole else f"{settings.__name__.lower()}."
    fields = {field.name for field in dataclasses.fields(settings) if not (whole and is_part(field))}
    rows, above = [], []  # lines of a comment above the setting
    for line in inspect.getsource(settings).splitlines():
        if line.startswith("    # "):
            above.append(line.lstrip("# "))
            continue
        found = re.fullmatch(r"    (\w+): (.+?) = (.+?)(?:  # (.*))?", line)
        comment, above = " ".join(above), []
        if found and found[1] in fields:
            default = "[]" if found[3].startswith("field(") else found[3].strip('"').replace("None", "null")
            default = {"True": "true", "False": "false"}.get(default, default)
            kind = ranges.in_words(get_type_hints(settings, include_extras=True)[found[1]])
            rows.append((prefix + found[1], default, kind, found[4] or comment))
    title = "Other settings" if whole else f"`{prefix}`"
    text = "They stand by themselves." if whole else (settings.__doc__ or "").splitlines()[0]
    return f"### {title}\n\n{text}\n\n{table(rows)}"


def is_part(field: dataclasses.Field) -> bool:
    """Whether a field of RunConfig is a group or another dataclass, both of which have sections of their own."""
    return field.type is Any or dataclasses.is_dataclass(field.type)


def section_of_option(path: Path) -> str:
    """A heading, a description and a table for an option's file."""
    group, _, option = path.relative_to(CONF).with_suffix("").as_posix().partition("/")
    text = path.read_text()
    comments = re.match(r"(?:#.*\n)*", text)[0].splitlines()  # pyright: ignore[reportOptionalSubscript]
    package = next((line.split()[-1] for line in comments if line.startswith("# @package")), group)
    words = " ".join(line.lstrip("# ") for line in comments if not line.startswith("# @package"))
    plain = yaml.safe_load(text) or {}
    target = plain.get("_target_")
    hints = {}
    if isinstance(target, str):
        built = targets.found(target, group, targets.kinds_at(group))
        words += f"\n\nBuilt by `{target}`: {(inspect.getdoc(built) or '').partition(chr(10) * 2)[0]}"
        hints = ranges.of_signature(built)
    for title, entries in (
        ("Comes with", list(companions(plain.get("defaults", [])))),
        ("Sweeps over", [f"{k}={v}" for k, v in sweep(plain).items()]),
    ):
        if entries:
            words += f"\n\n{title} " + ", ".join(f"`{entry}`" for entry in entries) + "."
    prefix = "" if package == "_global_" else f"{package}."
    rows = [
        (prefix + key, default, kind_of(key, hints, package), comment)
        for key, default, comment in settings(yaml.compose(text), text)
    ]
    return f"### {group}={option}\n\n{words.strip()}\n\n{table(rows)}"


def kind_of(key: str, hints: dict[str, Any], package: str) -> str:
    """Type and range of an option's setting, where they are known: by its signature, or of an optimizer's own."""
    known = hints | (schema.OPTIMIZER if package in ("optimizer", "first_optimizer") else {})
    if key in known:
        return ranges.in_words(known[key])
    return ""


def companions(defaults: list[Any]) -> Iterator[str]:
    """What an option's defaults list brings along, as it would be typed: ``model=resnet18``."""
    for entry in defaults:
        if isinstance(entry, str):
            yield entry
            continue
        for key, option in entry.items():
            group, _, place = key.removeprefix("override ").lstrip("/").partition("@")
            yield f"{group}={option}" if place in ("", f"_global_.{group}", group) else f"{group}@{place}={option}"


def sweep(plain: dict[str, Any]) -> dict[str, str]:
    """What an experiment sweeps over."""
    return plain.get("hydra", {}).get("sweeper", {}).get("params", {})


def settings(node: yaml.Node | None, text: str, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Dotted name, value and comment of every leaf of a YAML file, Hydra's own keys left out."""
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        if key.value.startswith("_") or (not path and key.value in ("defaults", "hydra")):
            continue
        name = f"{path}.{key.value}" if path else key.value
        if isinstance(value, yaml.MappingNode):
            yield from settings(value, text, name)
            continue
        start, end = value.start_mark.index, value.end_mark.index
        comment = text[end:].partition("\n")[0].partition("#")[2].strip()
        yield name, text[start:end].strip("\"'"), comment


def table(rows: list[tuple[str, str, str, str]]) -> str:
    """Settings as Markdown; nothing where there are none."""
    if not rows:
        return ""
    lines = ["| setting | default | give | what |", "|---|---|---|---|"]
    for name, default, kind, comment in rows:
        lines.append(f"| `{name}` | `{default}` | {kind} | {comment.replace('|', chr(92) + '|')} |")
    return "\n".join(lines) + "\n\n"


if __name__ == "__main__":
    print(page(), end="")
