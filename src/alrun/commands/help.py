"""``alrun help``: one line on each command; or a command, a group of options, an option, or all settings.

    alrun help
    alrun help status
    alrun help strategy
    alrun help strategy=entropy
    alrun help settings

``alrun --help`` is the first page to read. --config-dir names a folder of your own options, as for a run.
"""

import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from itertools import zip_longest
from pathlib import Path
from typing import Any, get_type_hints

from alrun.settings import groups
from alrun.system.moved import SUBCOMMANDS
from alrun.system.program import as_typed, typed_program

# Hydra is not imported here, so this page appears as fast as Python starts.

START = """\
alrun runs deep active-learning experiments on images, texts, tables and feature vectors. A run trains a model on a few
labels, lets a strategy choose what to label next, and repeats this until the budget is spent. Results are in outputs/.

Examples:
{examples}
Type a command again to resume a run that was interrupted; a finished run stays as it is.

Groups of options, chosen by group=option (alrun help strategy lists the options of strategy):
{groups}

Commands (alrun help status explains status):
{commands}

More:
{more}
"""
EXAMPLES = (
    ("", "query handwritten digits by BADGE, in seconds"),
    ("strategy=entropy seed=1", "another strategy, another repeat"),
    ("-m strategy=random,badge seed=0,1,2", "a sweep: each strategy, three times"),
    ("report outputs", "a page with figures and tables of all runs"),
    ("strategy=badge dataset=cifar10", "the paper's setting; it needs a GPU in practice"),
)
OVERVIEW = """\
alrun [group=option] [setting=value] computes a run, with -m a sweep; alrun --help explains both.

Commands:
{commands}"""
MORE = (
    ("help settings", "every setting, with its default; setting=value changes it"),
    ("strategy=entropy --cfg job", "all settings of a run; computes nothing"),
    ("--hydra-help", "further options, such as -m, --cfg and --config-dir"),
)


def main() -> None:
    """Print the start page, the list of commands, or the lines on a topic."""
    words = sys.argv[1:]
    if not sys.argv[0].endswith(" help"):
        print(start_page(), end="")
        return
    if words and words[0] in SUBCOMMANDS and words[0] != "help":
        sys.argv = [f"{sys.argv[0].removesuffix(' help')} {words[0]}", "--help"]
        import_module(f"alrun.commands.{words[0]}").main()
        return
    if not words:
        print(OVERVIEW.format(commands=command_lines()))
        return
    from alrun.commands import console  # and with it Hydra

    parser = console.make_parser("help", __doc__)
    parser.add_argument(
        "topic", nargs="?", help="a command, a group, group=option, settings, or a part of them such as training"
    )
    console.add_config_dir(parser)
    arguments = parser.parse_args()
    if arguments.topic in (None, "help"):
        parser.print_help()
        return
    with console.reporting_mistakes():
        own = [console.own_folder(arguments.config_dir)] if arguments.config_dir else []
        print(as_typed("\n".join(answer_topic(arguments.topic, [groups.folder(), *own]))))


def start_page() -> str:
    """What ``alrun --help`` prints."""
    return START.format(
        examples=format_columns((f"  {typed_program()} {words}", about) for words, about in EXAMPLES),
        groups=format_columns((f"  {name}", group.about) for name, group in groups.GROUPS.items()),
        commands=command_lines(),
        more=format_columns((f"  {typed_program()} {words}", about) for words, about in MORE),
    )


def command_lines() -> str:
    """One line on each command: the first line of its module."""
    rows = []
    for name in SUBCOMMANDS:
        with Path(__file__).with_name(f"{name}.py").open(encoding="utf-8") as file:
            rows.append((f"  {name}", capitalized(file.readline().partition(": ")[2].strip())))
    return format_columns(rows)


def capitalized(line: str) -> str:
    """The first line of a docstring as a sentence for a terminal."""
    return line[:1].upper() + line[1:].removesuffix('"""').replace("``", "")


def answer_topic(topic: str, folders: Sequence[Path]) -> Iterator[str]:
    """The lines about a topic.

    Raises:
        UserError: There is no such topic.
    """
    from alrun.settings import schema
    from alrun.system.errors import SettingError
    from alrun.system.words import closest

    parts = {part.__name__.lower(): part for part in schema.CLOSED}
    if topic == "settings":
        yield from list_settings()
    elif "=" in topic:
        yield from describe_option(topic, folders)
    elif topic in groups.GROUPS:
        yield from describe_group(topic, folders)
    elif topic in parts:
        yield from list_part(topic, parts[topic])
    else:
        known = [*SUBCOMMANDS, *groups.GROUPS, *parts, "settings"]
        raise SettingError(f"{topic}: there is no such topic; {closest(topic, known)}")


def list_settings() -> Iterator[str]:
    """The settings that every run has, whatever its options."""
    from alrun.settings import schema

    yield "Settings of every run, with their defaults; type setting=value to change one."
    for part in schema.CLOSED:
        yield ""
        yield from list_part(part.__name__.lower(), part)
    yield "\nothers:"
    yield setting_lines(schema.RunConfig, "")
    yield "\nAn option brings settings of its own:\n  alrun help strategy=glister"
    yield "And this shows the value of each setting in a run:\n  alrun strategy=glister dataset=mnist --cfg job"


def list_part(name: str, part: type) -> Iterator[str]:
    """What the settings of a dataclass are for, and each of them."""
    yield f"{name}: {(part.__doc__ or '').partition(chr(10))[0]}"
    yield setting_lines(part, f"{name}.")


def setting_lines(part: type, prefix: str) -> str:
    """The settings of a dataclass with comment, type and range; groups of options are left out."""
    from alrun.settings import ranges, schema

    hints = get_type_hints(part, include_extras=True)
    rows = [
        (f"  {prefix}{each.name}={each.default}", f"{each.comment} ({ranges.hint_in_words(hints[each.name])})".lstrip())
        for each in groups.fields(part)
        if hints[each.name] is not Any and hints[each.name] not in schema.CLOSED
    ]
    return format_columns(rows, whole=True)


def describe_group(name: str, folders: Sequence[Path]) -> Iterator[str]:
    """What a group is for, and a line on each of its options."""
    from alrun.system.errors import first_line

    about = groups.GROUPS[name]
    yield f"{name}: {about.about}\n\nFor example:\n  alrun {about.example}\n\nOptions:"
    rows = []
    for folder in folders:
        for each, path in groups.options(name, folder):
            try:
                rows.append((f"  {each}", groups.about(path.read_text(encoding="utf-8"))))
            except (OSError, ValueError) as error:
                rows.append((f"  {each}", f"cannot be read: {first_line(error)}"))
    yield format_columns(rows)
    yield f"\nOne of them in full, with its settings:\n  alrun help {name}={rows[0][0].strip()}"


def describe_option(word: str, folders: Sequence[Path]) -> Iterator[str]:
    """The description of an option, and its settings.

    Raises:
        UserError: There is no such option.
    """
    from alrun.system.errors import SettingError
    from alrun.system.words import closest

    name, _, chosen = word.partition("=")
    known = {each: path for folder in folders for each, path in groups.options(name, folder)}
    if chosen not in known:
        hint = closest(chosen, [*known]) if known else f"there is no group {name}."
        raise SettingError(f"{word}: there is no such option; {hint}")
    text = known[chosen].read_text(encoding="utf-8")
    yield textwrap.fill(f"{word}: {groups.about(text)}", terminal_width())
    rows = [
        (f"  {each.name}={each.default}", each.comment) for each in groups.settings(text, groups.package(text, name))
    ]
    yield f"\nSettings:\n{format_columns(rows, whole=True)}" if rows else "\nIt has no settings."


def format_columns(rows: Iterable[tuple[str, str]], whole: bool = False) -> str:
    """Two columns as text; the second is cut at the edge of the terminal, or continues below if ``whole``."""
    table = list(rows)
    wide = max(len(left) for left, _ in table) + 2
    lines = []
    for left, right in table:
        room = max(terminal_width() - wide, 30)
        parts = textwrap.wrap(right, room, max_lines=None if whole else 1, placeholder=" ...") or [""]
        lines += [f"{start:<{wide}}{part}".rstrip() for start, part in zip_longest([left], parts, fillvalue="")]
    return "\n".join(lines)


def terminal_width() -> int:
    """Columns of the terminal; 120 if the output is not a terminal."""
    return shutil.get_terminal_size((120, 24)).columns
