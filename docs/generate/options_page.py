"""The page reference/options.md of the site: every option of every group and every setting.

It comes from conf/, the dataclasses and the docstrings. mkdocs makes it while it builds the site (``hooks`` in
mkdocs.yml), so there is no copy that could become outdated. Run as a program, this prints the page.
"""

import dataclasses
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import yaml

from alrun.settings import groups, ranges, schema, targets

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "conf"
PAGE = "reference/options.md"  # below docs/

HEAD = """# Options and settings

Made while this site was built, from `conf/`, the dataclasses and the docstrings.

On the command line, `group=option` chooses an option and `setting=value` changes one of its settings. Add `--cfg job`
to see the resulting configuration without running anything. Name a strategy or an embedding inside another one with its
place: `strategy@strategy.inner=coreset`, `embeddings@strategy.embeddings=features`.

You must give a value for `???`; `null` means none. `${examples:1000}` is that number times `scale.examples`;
`${epochs:...}` and `${width:...}` work the same way. Any other `${...}` is the value of another setting. An option
without a table has no settings.

"""

PAGES = {  # that explain a group
    "strategy": " See [which strategy when](../guides/which_strategy.md).",
    **dict.fromkeys(
        ("shift", "open_set", "imbalance", "annotator", "cost"),
        " See [realistic pools](../guides/pools.md).",
    ),
    "search": " See [searching for settings](../guides/clusters.md#searching-for-settings).",
}


def on_files(files: Any, config: Any) -> None:
    """Add the page to the site; mkdocs calls this."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, PAGE, content=page()))


def page() -> str:
    """The whole page."""
    parts = [HEAD, "## Settings of every run\n\n"]
    parts += [section_of_class(each) for each in schema.CLOSED]
    parts.append(section_of_class(schema.RunConfig))
    for group, about in groups.GROUPS.items():
        parts.append(f"## {group}\n\n{about.about}{PAGES.get(group, '')}\n\n")
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
    hints = get_type_hints(settings, include_extras=True)
    rows = [
        (prefix + each.name, each.default, ranges.hint_in_words(hints[each.name]), each.comment)
        for each in groups.fields(settings)
        if each.name in fields
    ]
    title = "Other settings" if whole else f"`{prefix}`"
    text = "They belong to no group." if whole else (settings.__doc__ or "").splitlines()[0]
    return f"### {title}\n\n{text}\n\n{table(rows)}"


def is_part(field: dataclasses.Field) -> bool:
    """Whether a field of RunConfig is a group or another dataclass: these have their own sections."""
    return field.type is Any or dataclasses.is_dataclass(field.type)


def section_of_option(path: Path) -> str:
    """A heading, a description and a table for an option's file."""
    group, _, option = path.relative_to(CONF).with_suffix("").as_posix().partition("/")
    text = path.read_text()
    words, package = groups.about(text), groups.package(text, group)
    plain = yaml.safe_load(text) or {}
    target = plain.get("_target_")
    hints = {}
    if isinstance(target, str):
        built = targets.import_target(target, group, targets.kinds_at(group))
        words += f"\n\nBuilt by `{target}`: {(inspect.getdoc(built) or '').partition(chr(10) * 2)[0]}"
        hints = ranges.hints_of_signature(built)
    for title, entries in (
        ("Comes with", list(companions(plain.get("defaults", [])))),
        ("Sweeps over", [f"{k}={v}" for k, v in sweep(plain).items()]),
    ):
        if entries:
            words += f"\n\n{title} " + ", ".join(f"`{entry}`" for entry in entries) + "."
    rows = [
        (each.name, each.default, kind_of(each.name.removeprefix(f"{package}."), hints, package), each.comment)
        for each in groups.settings(text, package)
    ]
    return f"### {group}={option}\n\n{words.strip()}\n\n{table(rows)}"


def kind_of(key: str, hints: dict[str, Any], package: str) -> str:
    """Type and range of an option's setting, from its signature or the schema of optimizers; empty if unknown."""
    known = hints | (schema.OPTIMIZER if package in ("optimizer", "first_optimizer") else {})
    if key in known:
        return ranges.hint_in_words(known[key])
    return ""


def companions(defaults: list[Any]) -> Iterator[str]:
    """The options that an option's defaults list brings along, as a user would type them: ``model=resnet18``."""
    for entry in defaults:
        if isinstance(entry, str):
            yield entry
            continue
        for key, option in entry.items():
            group, _, place = key.removeprefix("override ").lstrip("/").partition("@")
            yield f"{group}={option}" if place in ("", f"_global_.{group}", group) else f"{group}@{place}={option}"


def sweep(plain: dict[str, Any]) -> dict[str, str]:
    """The sweep of an experiment: its options by key."""
    return plain.get("hydra", {}).get("sweeper", {}).get("params", {})


def table(rows: list[tuple[str, str, str, str]]) -> str:
    """Settings as a table in Markdown; empty if there are none."""
    if not rows:
        return ""
    lines = ["| setting | default | give | what |", "|---|---|---|---|"]
    for name, default, kind, comment in rows:
        lines.append(f"| `{name}` | `{default}` | {kind} | {comment.replace('|', chr(92) + '|')} |")
    return "\n".join(lines) + "\n\n"


if __name__ == "__main__":
    print(page(), end="")
