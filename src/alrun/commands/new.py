"""``alrun new``: a strategy, model, data set, optimizer or augmentation of your own to start from.

    alrun new strategy ratio
    alrun new dataset photos --package my_al

It writes a class that works, its YAML file and its test into this folder. It never overwrites a file.
"""

import shlex
import sys
from importlib import resources
from importlib.machinery import PathFinder
from keyword import iskeyword
from pathlib import Path
from string import Template

from alrun.commands import console
from alrun.system import program
from alrun.system.errors import SettingError, writing

TRIED_BY = {  # what a trial of each kind needs on the command line beside the option itself
    "strategy": "",
    "model": "",
    "dataset": "model=small_cnn augmentation=none",
    "optimizer": "",
    "augmentation": "",
}

LONGEST = 100  # letters of a name: it becomes part of longer ones


def main() -> None:
    """Write the files, and print what to type next."""
    parser = console.make_parser("new", __doc__)
    parser.add_argument("kind", choices=list(TRIED_BY))
    parser.add_argument("name", help="of the option: small letters, digits and underscores")
    parser.add_argument("--package", default="my_al", help="folder of your modules (default: my_al)")
    parser.add_argument("--folder", type=Path, default=Path(), help="where to write (default: here)")
    arguments = parser.parse_args()
    with console.reporting_mistakes():
        print(write_files(arguments.kind, arguments.name, arguments.package, arguments.folder))


def write_files(kind: str, name: str, package: str, folder: Path) -> str:
    """Write the files of a new ``kind``; returns what was written and what to type next, as text.

    Raises:
        UserError: A name is not possible, or a file exists already.
    """
    for what, value in (("name", name), ("--package", package)):
        if not value.isidentifier() or value != value.lower() or iskeyword(value):
            example = "my_al" if what == "--package" else "ratio"
            raise SettingError(f"{what} {value}: use small letters, digits and underscores, such as {example}.")
        if len(value) > LONGEST:
            raise SettingError(f"{what} {value[:20]}... has {len(value)} letters: use {LONGEST} or fewer.")
    if (resources.files("alrun.conf") / kind / f"{name}.yaml").is_file():
        raise SettingError(f"{kind}={name} is an option of alrun already: choose another name.")
    if is_taken(package, folder):
        raise SettingError(f"--package {package} is the name of another package: choose another, such as my_al.")
    words = {"name": name, "package": package, "class_name": class_name(name), "title": name.replace("_", " ").title()}
    places = {
        f"{kind}.py.txt": folder / package / f"{name}.py",
        f"{kind}.yaml.txt": folder / "conf" / kind / f"{name}.yaml",
        f"{kind}_test.py.txt": folder / "tests" / f"test_{name}.py",
    }
    if there := [str(path) for path in places.values() if path.exists()]:
        raise SettingError(f"{there[0]} exists already, so nothing was written: choose another name, or move it away.")
    with writing():
        for template, path in places.items():
            text = (resources.files("alrun.commands") / "templates" / template).read_text(encoding="utf-8")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(Template(text).substitute(words), encoding="utf-8")
        if not (folder / package / "__init__.py").exists():
            (folder / package / "__init__.py").write_text('"""Own parts of alrun\'s experiments."""\n')
    return describe_files(kind, name, package, folder, list(places.values()))


def is_taken(package: str, folder: Path) -> bool:
    """Whether ``package`` is a module of Python or an installed one; folders of that name here are the user's."""
    if package in sys.stdlib_module_names or package == "alrun":
        return True
    own = (Path.cwd(), folder.resolve())
    installed = [place for place in sys.path if Path(place).resolve() not in own]
    return PathFinder.find_spec(package, installed) is not None


def class_name(name: str) -> str:
    """``near_ratio`` as ``NearRatio``."""
    return "".join(part.capitalize() for part in name.split("_"))


def describe_files(kind: str, name: str, package: str, folder: Path, paths: list[Path]) -> str:
    """What was written, and what to type next."""
    code, _, test = paths
    enter = [f"  cd {shlex.quote(str(folder))}"] if folder != Path() else []
    trial = program.command_line(
        ["--config-dir", "conf", f"{kind}={name}", *TRIED_BY[kind].split(), f"allow=[{package}]"]
    )
    lines = ["Written:", *(f"  {path}" for path in paths), "Next:", *enter]
    lines.append(f"  python -m pytest {test.relative_to(folder)}")
    if kind == "strategy":
        lines.append(f"  {program.command_line(['check', f'{package}.{name}.{class_name(name)}'])}")
    return "\n".join([*lines, f"  {trial}", f"The idea goes into {code}, its settings into the YAML file too."])
