"""Mistakes that a user can mend, and how they are told: one sentence with the setting, the value and the fix."""

import errno
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

from hydra.errors import HydraException, OverrideParseException
from hydra.errors import MissingConfigException as MissingOption
from omegaconf.errors import (
    ConfigKeyError,
    InterpolationResolutionError,
    OmegaConfBaseException,
    ValidationError,
)

from alrun.system import moved
from alrun.system.safe_text import one_line

# What the system says of a folder that is full, protected or no folder: the user's to mend, where files are written.
UNUSABLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR}


# What comes with plugins of Hydra, and the extra of ours that installs each.
EXTRAS = {
    "hydra/launcher/submitit_local": "slurm",
    "hydra/launcher/submitit_slurm": "slurm",
    "hydra/launcher/ray": "ray",
    "hydra/sweeper/optuna": "optuna",
}

# What OmegaConf says where a group was removed (~strategy) or is a list of options.
LOST = re.compile(r"[Kk]ey '(\w+)' (?:is not in struct|not found)")

# How OmegaConf passes on a user's mistake that a resolver met, without the error itself.
TOLD = re.compile(r"UserError raised while resolving interpolation: (.*)")


class UserError(ValueError):
    """A setting, file or data set that alrun cannot work with. The message is the sentence that the user reads."""


SLIPS = (0, 0, 0, 1, 1, 1, 2)  # letters that may be wrong in a word of so many, or of more
MEANINGS = {  # what others call it
    "learning_rate": ("lr",),
    "rate": ("lr",),
    "directory": ("path",),
    "folder": ("path",),
    "gpu": ("device",),
    "kcenter": ("coreset",),
    "k_center": ("coreset",),
    "lenet": ("mnist_net",),
    "passive": ("random",),
    "ratio": ("fraction",),
    "share": ("fraction",),
    "uniform": ("random",),
    "workers": ("threads",),
}


@contextmanager
def located(where: str) -> Iterator[None]:
    """Say in a user's mistake where in a run it was met."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def at_least(key: str, value: float, low: float) -> None:
    """Refuse a value of the setting ``key`` below ``low``: for code of users; alrun's own ranges are in signatures."""
    if value < low:
        raise UserError(f"{key}={value} is too small: give {low} or more.")


def closest(name: str, known: list[str]) -> str:
    """``did you mean x?`` where a known name is alike in letters or in meaning, the known names otherwise."""
    prefix, _, last = name.rpartition(".")
    ends = {each.removeprefix(f"{prefix}."): each for each in known}
    near = {end: distance(bare(last), bare(end)) for end in ends}
    matches = sorted((end for end in ends if near[end] <= SLIPS[min(len(last), len(SLIPS) - 1)]), key=near.__getitem__)
    if not matches:
        means = {bare(word) for word in MEANINGS.get(last.lower(), ())}
        matches = [end for end in ends if bare(end) in means]
    if not matches:  # one that alone has the same words and others: epochs is max_epochs, quick is quickstart
        matches = [end for end in ends if is_part(last.lower(), end.lower()) or is_part(end.lower(), last.lower())]
        matches = matches if len(matches) == 1 else []
    return f"did you mean {ends[matches[0]]}?" if matches else f"choose from: {', '.join(sorted(known))}."


def bare(word: str) -> str:
    """Letters and digits alone."""
    return re.sub(r"[\W_]", "", word.lower())


def is_part(short: str, whole: str) -> bool:
    """Whether ``whole`` begins with ``short``, or has all of its words."""
    return len(short) > 2 and (whole.startswith(short) or set(short.split("_")) <= set(whole.split("_")))


def distance(one: str, other: str) -> int:
    """Letters to insert, leave out, replace or exchange with their neighbor (optimal string alignment)."""
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, its in enumerate(other, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != its))
            if i > 1 and j > 1 and (letter, one[i - 2]) == (other[j - 2], its):
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


@contextmanager
def writing() -> Iterator[None]:
    """Turn what the system says of a folder that cannot be used into a user's mistake: where files are written."""
    try:
        yield
    except OSError as error:
        if (message := unusable(error)) is not None:
            raise UserError(message) from error
        raise


def unusable(error: OSError) -> str | None:
    """The sentence for a folder that is full, protected or none, None for any other failure of the system."""
    if error.errno not in UNUSABLE and not is_refused_folder(error):
        return None
    return (
        f"{error.filename or 'a file'} cannot be used ({error.strerror}): free space there, or name another folder "
        "with paths.outputs=... (results) or paths.data=... (data)."
    )


def sentence(error: BaseException) -> str | None:
    """One line for a user's mistake that was raised anywhere below the command line, None for anything else."""
    message = _sentence(error)
    return None if message is None else one_line(message)


def chained(error: BaseException) -> list[BaseException]:
    """An error and what it was raised from.

    An error that was raised while another was handled is one of its own: a mistake in alrun's handling of a user's is
    alrun's. But Hydra and OmegaConf pass on what they met without naming it as the cause.
    """
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and not any(link is earlier for earlier in chain):
        chain.append(link)
        passed_on = link.__context__ if raised_in_hydra(link) else None
        link = link.__cause__ or (None if link.__suppress_context__ else passed_on)
    return chain


def raised_in_hydra(error: BaseException) -> bool:
    """Whether code of Hydra or OmegaConf raised ``error``, or what it had called, alrun aside."""
    names = [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    packages = [package for name in names if (package := name.partition(".")[0]) in ("alrun", "hydra", "omegaconf")]
    return bool(packages) and packages[-1] != "alrun"


def _sentence(error: BaseException) -> str | None:
    chain = chained(error)
    for link in chain:
        if isinstance(link, UserError):
            return str(link)
        if isinstance(link, InterpolationResolutionError) and (told := TOLD.match(first_line(link))):
            return f"{told[1]}."
    for link in chain:
        if isinstance(link, MissingOption) and (link.options or link.missing_cfg_file in EXTRAS):
            return unknown_option(link.missing_cfg_file or "", list(link.options or []))
    for link in chain:
        if isinstance(link, ConfigKeyError | AttributeError) and isinstance(link, OmegaConfBaseException):
            return unknown_key(link)
        if isinstance(link, InterpolationResolutionError) and (lost := LOST.search(str(link))):
            return f"{lost[1]} has no option: give one by its name, {lost[1]}=..., or several by commas and -m."
        if isinstance(link, InterpolationResolutionError | ValidationError):
            return f"{link.full_key}: {first_line(link)}; `--cfg job` shows values of the right type."
        if isinstance(link, ValueError) and "Config group override must be" in str(link):
            return (
                "a group's option is a name, not a number: batch_size=b1000 is one; "
                "a number goes to a setting, such as budget.batch_size=1000."
            )
    for link in chain:
        if type(link).__name__ == "OutOfMemoryError":  # torch's; torch is not imported here
            return "the GPU's memory is full: lower runtime.chunk or training.batch_size, or use runtime.device=cpu."
    for link in chain:
        if isinstance(link, OverrideParseException) and "missing EQUAL" not in str(link):
            return (
                f"{link.override} cannot be read: type setting=value, and letters that are no part of names in quotes, "
                "as 'setting=\"value\"'."
            )
        if isinstance(link, HydraException | OmegaConfBaseException):
            return misspelled(" ".join(str(link).split()))
    return None


def is_refused_folder(error: OSError) -> bool:
    """Whether a folder could not be made though all above it are there, as in /proc."""
    frames = traceback.extract_tb(error.__traceback__)
    return error.errno == errno.ENOENT and bool(frames) and frames[-1].name in ("mkdir", "makedirs")


def first_line(error: BaseException) -> str:
    """What an error says before it goes into detail, without a full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(" .:") if lines else type(error).__name__


def unknown_option(file: str, options: list[str]) -> str:
    """The sentence for an option of a group that does not exist, of which Hydra looked for ``file``."""
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
    ]:  # experiment=baseline/cifar10: Hydra names the options of one folder alone
        options = [*deeper, *(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.is_file())]
    return f"{group}={option}: there is no such option; {closest(option, options)}"


def misspelled(message: str) -> str:
    """What Hydra says of a command line that it cannot read, in our words where the mistake is a common one."""
    if lost := re.match(r"Error parsing override '(.*?)' missing EQUAL", message):
        return f"{lost[1]}: it has no value; everything on the command line is setting=value or group=option."
    if several := re.match(r"Ambiguous value for argument '(.*?)'", message):
        key, _, value = several[1].partition("=")
        or_one = f", or type quotes if it is one: '{key}=\"{value}\"'" if "." in key else ""
        return f"{several[1]} is several values: add -m to compute a run for each{or_one}."
    return message


def unknown_key(error: OmegaConfBaseException) -> str:
    """The sentence for a setting that does not exist."""
    full, parent = str(error.full_key), error.parent_node
    prefix = full.rpartition(".")[0]
    known = [f"{prefix}.{key}" if prefix else str(key) for key in parent] if hasattr(parent, "__iter__") else []
    known = [key for key in known if not key.endswith("_target_")]
    target = parent.get("_target_") if f"{prefix}._target_" in [f"{prefix}.{key}" for key in parent or ()] else None
    if renamed := moved.setting_sentence(full, target):
        return renamed
    hint = closest(full, known) if known else "it has no settings."
    return f"{full}: there is no such setting; {hint}"
