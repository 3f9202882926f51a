"""Translates errors of Hydra and OmegaConf: the only module that knows what they raise.

``mistake_sentence`` says in one line what the user's mistake was, wherever below the command line it was found.
"""

import re
import traceback
from importlib.resources import files

from hydra.errors import HydraException, OverrideParseException
from hydra.errors import MissingConfigException as MissingOption
from omegaconf.errors import (
    ConfigKeyError,
    InterpolationResolutionError,
    OmegaConfBaseException,
    ValidationError,
)

from alrun.settings.command_line import LISTS
from alrun.system import moved
from alrun.system.errors import UserError, first_line
from alrun.system.safe_text import one_line
from alrun.system.words import closest

# Options that come with plugins of Hydra, and the extra of alrun that installs each.
EXTRAS = {
    "hydra/launcher/submitit_local": "slurm",
    "hydra/launcher/submitit_slurm": "slurm",
    "hydra/launcher/ray": "ray",
    "hydra/sweeper/optuna": "optuna",
}

# OmegaConf's message if a group was removed (~strategy) or is a list of options.
LOST = re.compile(r"[Kk]ey '(\w+)' (?:is not in struct|not found)")

# OmegaConf's message if a group of settings has one value.
WHOLE = re.compile(r"is not a subclass of (\w+)\. value: (.*)")

# OmegaConf's message if a setting is written as the value of another one, which is not there.
ELSEWHERE = re.compile(r"Interpolation key '([\w.]+)' not found")

# How OmegaConf passes on a user's mistake that a resolver found, without the error itself.
PASSED_ON = re.compile(r"(?:User|Setting|Data|Storage|Strategy)Error raised while resolving interpolation: (.*)")


def mistake_sentence(error: BaseException) -> str | None:
    """One line for a user's mistake that was raised anywhere below the command line; None for other errors."""
    message = _sentence(error)
    return None if message is None else one_line(message)


def chained(error: BaseException) -> list[BaseException]:
    """An error and its causes.

    An error that was raised while another one was handled stands for itself: if alrun fails to handle a user's mistake,
    that is alrun's mistake. But Hydra and OmegaConf pass on errors without naming them as the cause.
    """
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and not any(link is earlier for earlier in chain):
        chain.append(link)
        passed_on = link.__context__ if raised_in_hydra(link) else None
        link = link.__cause__ or (None if link.__suppress_context__ else passed_on)
    return chain


def raised_in_hydra(error: BaseException) -> bool:
    """Whether ``error`` was raised by Hydra or OmegaConf, or by a library that they called, rather than by alrun."""
    names = [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    packages = [package for name in names if (package := name.partition(".")[0]) in ("alrun", "hydra", "omegaconf")]
    return bool(packages) and packages[-1] != "alrun"


def _sentence(error: BaseException) -> str | None:
    chain = chained(error)
    for link in chain:
        if isinstance(link, UserError):
            return str(link)
        if isinstance(link, InterpolationResolutionError) and (found := PASSED_ON.match(first_line(link))):
            return f"{found[1]}."
    for link in chain:
        if isinstance(link, MissingOption) and (link.options or link.missing_cfg_file in EXTRAS):
            return unknown_option(link.missing_cfg_file or "", list(link.options or []))
    for link in chain:
        if isinstance(link, ConfigKeyError | AttributeError) and isinstance(link, OmegaConfBaseException):
            return unknown_key(link)
        if isinstance(link, InterpolationResolutionError) and (lost := LOST.search(str(link))):
            return f"{lost[1]} has no option: give one by its name, {lost[1]}=..., or several by commas and -m."
        if isinstance(link, InterpolationResolutionError) and link.full_key and (other := ELSEWHERE.search(str(link))):
            return absent_elsewhere(link.full_key, other[1])
        if isinstance(link, ValidationError) and (whole := WHOLE.search(first_line(link))):
            group = whole[1].lower()  # the class of its schema
            return f"{group}={whole[2]}: these are several settings: give each by its name, {group}.<name>=..."
        if isinstance(link, InterpolationResolutionError | ValidationError):
            place = f"{link.full_key}: " if link.full_key else ""  # OmegaConf does not always say which
            return f"{place}{first_line(link)}; `--cfg job` shows values of the right type."
        if isinstance(link, ValueError) and "Config group override must be" in str(link):
            return (
                "a group's option is a name, not a number: batch_size=b1000 is one; "
                "a number goes to a setting, such as budget.batch_size=1000."
            )
    for link in chain:
        if isinstance(link, OverrideParseException) and "missing EQUAL" not in str(link):
            return (
                f"{link.override} cannot be read: type setting=value, with quotes around special characters, "
                "as 'setting=\"value\"'."
            )
        if isinstance(link, HydraException | OmegaConfBaseException):
            return misspelled(" ".join(str(link).split()))
    return None


def absent_elsewhere(key: str, other: str) -> str:
    """The sentence for a setting ``key`` whose value is that of the setting ``other``, which is not there."""
    group, _, name = other.rpartition(".")
    return (
        f"{key} takes the value of {other}, and the {group} of this run has no {name}: choose another {group}, or "
        f"leave out {key.partition('.')[0]}=..."
    )


def unknown_option(file: str, options: list[str]) -> str:
    """The sentence for an option that does not exist; ``file`` is the one that Hydra looked for."""
    if file in EXTRAS:
        return (
            f"{'='.join(file.rsplit('/', 1))} comes with a package that is not installed: pip install "
            f"'alrun[{EXTRAS[file]}]' (in a checkout: pip install -e '.[{EXTRAS[file]}]')."
        )
    group, _, option = file.partition("/")
    folder = files("alrun.conf") / group
    if group == "hydra" or not folder.is_dir():
        group, _, option = file.rpartition("/")
    elif deeper := [
        f"{part.name}/{entry.name.removesuffix('.yaml')}"
        for part in folder.iterdir()
        if part.is_dir()
        for entry in part.iterdir()
    ]:  # experiment=baseline/cifar10: Hydra names only the options of one folder
        options = [*deeper, *(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.is_file())]
    return (
        moved.option_sentence(group, option) or f"{group}={option}: there is no such option; {closest(option, options)}"
    )


def misspelled(message: str) -> str:
    """The sentence for a command line that Hydra cannot read: ours for common mistakes, otherwise its own."""
    if lost := re.match(r"Error parsing override '(.*?)' missing EQUAL", message):
        if lost[1] in moved.SUBCOMMANDS:
            return f"{lost[1]}: a command comes first, before its options: alrun {lost[1]} ..."
        return f"{lost[1]}: it has no value; everything on the command line is setting=value or group=option."
    if several := re.match(r"Ambiguous value for argument '(.*?)'", message):
        key, _, value = several[1].partition("=")
        if re.fullmatch(LISTS, key):
            return f"{several[1]} is several values: type brackets around them, '{key}=[{value}]'."
        or_one = f", or type quotes if it is one: '{key}=\"{value}\"'" if "." in key else ""
        return f"{several[1]} is several values: add -m to compute a run for each{or_one}."
    return message


def unknown_key(error: OmegaConfBaseException) -> str:
    """The sentence for a setting that does not exist: its new name, or similar names."""
    full, parent = str(error.full_key), error.parent_node
    prefix = full.rpartition(".")[0]
    known = [f"{prefix}.{key}" if prefix else str(key) for key in parent] if hasattr(parent, "__iter__") else []
    known = [key for key in known if not key.endswith("_target_")]
    target = parent.get("_target_") if f"{prefix}._target_" in [f"{prefix}.{key}" for key in parent or ()] else None
    if renamed := moved.setting_sentence(full, target):
        return renamed
    hint = closest(full, known) if known else f"{prefix} has no settings; leave it out."
    return f"{full}: there is no such setting; {hint}"
