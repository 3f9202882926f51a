"""Configurations and run folders as somebody hostile would make them, and what comes of each.

Cases run in forked children under an audit hook, which sees and stops whatever Python does to files, processes, the
network and imports. A case holds if the hook has seen nothing but what alrun does itself, and nothing else changed.
"""

import contextlib
import io
import itertools
import json
import os
import pickle
import pkgutil
import shutil
import sys
import traceback
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import matplotlib.font_manager  # noqa: F401 - it starts programs when it is first imported
import torch
import yaml
from omegaconf import DictConfig, OmegaConf

from alrun.commands import cli, report, results, status
from alrun.loop.components import build_parts, build_pool
from alrun.settings import factory, targets
from alrun.settings.checks import validate
from alrun.settings.hydra_errors import mistake_sentence

MARK = "MARK"  # no case may make this file, in whatever folder it runs
SHELL = f"touch {MARK}"
PYTHON = f"__import__('os').system('{SHELL}')"
# Names and settings that would show: each writes, deletes, starts, loads or imports something.
GADGETS: dict[str, dict[str, Any]] = {
    "os.system": {"command": SHELL},
    "os.getcwd": {},
    "os.mkdir": {"path": MARK},
    "posix.mkdir": {"path": MARK},
    "subprocess.run": {"args": SHELL, "shell": True},
    "subprocess.Popen": {"args": ["touch", MARK]},
    "builtins.eval": {"source": PYTHON},
    "builtins.exec": {"source": PYTHON},
    "builtins.open": {"file": MARK, "mode": "w"},
    "builtins.__import__": {"name": "marker"},
    "importlib.import_module": {"name": "marker"},
    "runpy.run_path": {"path_name": "marker.py"},
    "pathlib.Path.touch": {"self": MARK},
    "pathlib.Path.write_text": {"self": {"_target_": "pathlib.Path", "pathsegments": MARK}, "data": "x"},
    "shutil.rmtree": {"path": "victim"},
    "shutil.copyfile": {"src": "marker.py", "dst": MARK},
    "logging.FileHandler": {"filename": MARK},
    "pickle.load": {"file": {"_target_": "builtins.open", "file": "evil.pkl", "mode": "rb"}},
    "joblib.load": {"filename": "evil.pkl"},
    "numpy.load": {"file": "evil.pkl", "allow_pickle": True},
    "pandas.read_pickle": {"filepath_or_buffer": "evil.pkl"},
    "pandas.eval": {"expr": PYTHON},
    "torch.load": {"f": "evil.pkl", "weights_only": False},
    "torch.save": {"obj": 1, "f": MARK},
    "torch.hub.load": {"repo_or_dir": ".", "model": "evil", "source": "local"},
    "torch.utils.cpp_extension.load": {"name": "x", "sources": [MARK]},
    "torch.nn.Sequential": {"_args_": [{"_target_": "os.system", "command": SHELL}]},
    "torch.optim.sgd.torch.save": {"obj": 1, "f": MARK},
    "sympy.sympify": {"a": PYTHON},
    "sklearn.utils._testing.assert_run_python_script_without_output": {"source_code": PYTHON},
    "sklearn.datasets.clear_data_home": {"data_home": "victim"},
    "sklearn.datasets.fetch_california_housing": {"data_home": "victim"},
    "sklearn.datasets._base._fetch_remote": {"remote": {"filename": MARK, "url": "file:marker.py"}, "dirname": "."},
    "alrun.system.torchvision_import.torchvision.models._api.WeightsEnum.get_state_dict": {
        "self": {"url": "file:evil"}
    },
    "torchvision.datasets.utils.download_url": {"url": "file:marker.py", "root": ".", "filename": MARK},
    "alrun.system.files.write_text": {"path": {"_target_": "pathlib.Path", "x": MARK}, "text": "x"},
    "alrun.commands.sweep.Path.write_text": {"self": {"_target_": "alrun.commands.sweep.Path", "x": MARK}, "data": "x"},
    "alrun.loop.provenance.subprocess.run": {"args": ["touch", MARK]},
    "alrun.strategies.base.torch.save": {"obj": 1, "f": MARK},
    "hydra.utils.instantiate": {"config": {"_target_": "os.system", "command": SHELL}},
    "hydra._internal.instantiate._instantiate2.instantiate": {"config": {"_target_": "os.system", "command": SHELL}},
    "functools.partial": {"_args_": [{"_target_": "os.system", "command": SHELL}]},
    "operator.methodcaller": {"name": "system"},
    "timm.create_model": {"model_name": "hf-hub:evil/model", "pretrained": True},
    "marker.Marker": {},
    "marker": {},
    "": {},
    "alrun": {},
    "..marker": {},
    "alrun.strategies": {},
    "alrun.strategies..marker": {},
}
# Those that are tried in every place of Hydra's node, each of which takes a command of its own.
HYDRAS = (
    "os.system",
    "pathlib.Path.touch",
    "alrun.commands.sweep.Path.write_text",
    "joblib.load",
    "marker.Marker",
    "sympy.sympify",
)
HYDRAS += ("logging.FileHandler", "builtins.exec", "alrun.strategies.base.torch.save", "shutil.rmtree")
# Every place where a node can stand in a run's settings; those that are not there yet are added.
PLACES = (
    *("strategy", "strategy.inner", "strategy.embeddings", "strategy.deep[0].deeper", "dataset", "dataset.mean"),
    *("dataset.std[0]", "model", "model.width", "optimizer", "optimizer.build", "optimizer.build.lr", "optimizer.lr"),
    *("optimizer.schedule", "optimizer.schedule.T_max", "optimizer.swa", "optimizer.elsewhere", "augmentation"),
    *("augmentation.transform", "augmentation.transform.transforms[0]", "redundancy", "redundancy.factor", "seed_set"),
    *("seed_set.embeddings", "seed_set.embeddings.path", "per_class_cap", "per_class_cap.limit", "dss", "dss.every"),
    *("shift", "shift.dataset", "shift.dataset.mean", "open_set", "open_set.dataset", "imbalance", "imbalance.rare"),
    *("tracking", "tracking.project", "name", "variant", "allow", "budget.total", "training.max_epochs", "paths.data"),
)
FORMS = ("plain", "list", "create", "decode", "reference", "escaped", "partial")
LISTED = sys.stdlib_module_names | {
    *("alrun", "torch", "torchvision", "numpy", "scipy", "sklearn", "pandas", "PIL", "matplotlib", "mpl_toolkits"),
    *("hydra", "hydra_plugins", "omegaconf", "antlr4", "yaml", "tqdm", "joblib", "threadpoolctl", "filelock", "jinja2"),
    *(
        "markupsafe",
        "statsmodels",
        "patsy",
        "packaging",
        "dateutil",
        "six",
        "pytz",
        "kiwisolver",
        "cycler",
        "cloudpickle",
    ),
    *("pyparsing", "contourpy", "scikit_posthocs", "seaborn", "typing_extensions", "sympy", "mpmath", "networkx"),
    *("pyarrow", "tensorboard", "google", "numexpr", "bottleneck", "importlib_resources", "fsspec", "narwhals"),
    "cloudpickle",
    # Libraries look whether these are there.
    *("polars", "fontTools", "brotli", "brotlicffi", "zopfli", "lxml", "unicodedata2", "defusedxml", "olefile", "cffi"),
    *("xattr", "uharfbuzz", "lz4", "zstandard", "IPython", "duckdb", "dask", "cudf", "modin", "ibis", "pyspark"),
}
UNLISTED = {"antigravity", "this", "webbrowser", "turtle", "idlelib"}
WRITES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod")
WRITES += ("shutil.rmtree", "shutil.copyfile", "shutil.move", "os.chown", "os.utime")
STARTS = ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "pty.spawn")
STARTS += ("socket.connect", "socket.bind", "urllib.Request", "pickle.find_class", "ctypes.dlopen", "webbrowser.open")


@dataclass
class Watch:
    """What an audit hook has seen in this process."""

    allowed: tuple[str, ...] = ()  # folders in which files may be written
    case: str = ""
    seen: list[tuple[str, str]] = field(default_factory=list)
    active: bool = False

    def __call__(self, event: str, arguments: tuple) -> None:
        """The hook: notes an effect, and keeps it from happening."""
        if not self.active or not self.is_effect(event, arguments):
            return
        self.active = False
        self.seen.append((self.case, f"{event}{arguments!r}"[:300]))
        self.active = True
        raise RuntimeError("an effect")

    def is_effect(self, event: str, arguments: tuple) -> bool:
        """Whether a case must not do this."""
        if event == "open":
            path, mode, flags = arguments
            writes = any(sign in (mode or "") for sign in "wax+") or (not mode and flags & (os.O_WRONLY | os.O_RDWR))
            return bool(writes) and not self.is_inside(path)
        if event in WRITES:
            return not all(self.is_inside(path) for path in arguments if isinstance(path, str | bytes | os.PathLike))
        if event == "import":
            name = str(arguments[0]).partition(".")[0]
            return name in UNLISTED or name not in LISTED
        if event == "subprocess.Popen":
            return list(arguments[1])[:1] != ["git"]  # which commit this is
        if event == "ctypes.dlopen":
            name = str(arguments[0] or "")
            return "/" in name and "site-packages" not in name and not name.startswith(("/usr/", "/lib"))
        return event in STARTS

    def is_inside(self, path: Any) -> bool:
        """Whether alrun may write to ``path``."""
        if isinstance(path, int):
            return True  # a descriptor, which was opened before
        full = os.path.abspath(os.fsdecode(path))
        return full in (os.devnull, *self.allowed) or any(full.startswith(f"{each}{os.sep}") for each in self.allowed)


@dataclass
class Outcome:
    """What came of some cases."""

    cases: int
    refused: int
    effects: list[tuple[str, str]]
    untold: list[tuple[str, str]]  # cases that ended in an error without a sentence: no effect, but no answer either


@dataclass(frozen=True)
class Case:
    """One attack."""

    name: str
    work: Callable[[], Any]
    prepare: Callable[[], Any] = lambda: None  # is not watched: what the attacker has done before


def attacked(cases: Sequence[Case], place: Path) -> Outcome:
    """Run ``cases`` one after the other in a forked child, in the folder ``place``."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        with contextlib.suppress(BaseException):
            told = json.dumps(in_child(cases, place))
            with os.fdopen(writer, "w") as answer:
                answer.write(told)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    if not text:
        return Outcome(len(cases), 0, [(cases[0].name, "the process died")], [])
    refused, effects, untold = json.loads(text)
    return Outcome(len(cases), refused, effects, untold)


def in_child(cases: Sequence[Case], place: Path) -> tuple[int, list[tuple[str, str]], list[tuple[str, str]]]:
    """How many cases were refused, what effects there were, and what ended without a sentence."""
    bait(place)
    os.chdir(place)
    sys.path.insert(0, str(place))
    sys.dont_write_bytecode = True
    for variable in (targets.VARIABLE, "HYDRA_INSTANTIATE_ALLOWLIST_OVERRIDE", "EVIL"):
        os.environ.pop(variable, None)
    targets.allow_typed([])
    os.environ["MPLCONFIGDIR"] = str(place / "data")  # where matplotlib keeps what it knows of fonts
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    sys.stdout = sys.stderr = io.StringIO()
    watch = Watch(tuple(str(place / name) for name in ("outputs", "out", "data")))
    sys.addaudithook(watch)
    refused, untold = 0, []
    for case in cases:
        case.prepare()
        name = case.name
        watch.case, before, listed = name, dict(os.environ), targets.allowed()
        watch.active = True
        try:
            case.work()
        except SystemExit as end:
            refused += end.code not in (0, None)
        except BaseException as error:
            refused += 1
            if mistake_sentence(error) is None:
                untold.append((name, "".join(traceback.format_exception(error))[-800:]))
        watch.active = False
        changed = {key for key in before.keys() | os.environ if before.get(key) != os.environ.get(key)}
        if changed - {"GOMP_SPINCOUNT", "HYDRA_FULL_ERROR", targets.VARIABLE} or targets.allowed() != listed:
            watch.seen.append((name, f"environment: {changed}"))
        if (place / MARK).exists() or not (place / "victim" / "kept").exists():
            watch.seen.append((name, "a file was made or deleted"))
            bait(place)
    return refused, watch.seen, untold


def bait(place: Path) -> None:
    """What cases try to use or to harm, in ``place``."""
    (place / "victim").mkdir(parents=True, exist_ok=True)
    (place / "victim" / "kept").touch()
    (place / MARK).unlink(missing_ok=True)
    (place / "marker.py").write_text(f"open({MARK!r}, 'w')\n\nclass Marker: pass\n")
    (place / "evil.pkl").write_bytes(pickle.dumps(Evil()))


class Evil:
    """Unpickled, it runs a command."""

    def __reduce__(self):
        return os.system, (SHELL,)


# Parts


def names() -> list[tuple[str, str]]:
    """Every name that can be reached under an allowed module, with a place where that module is allowed."""
    found, seen = {}, set()
    for key, kind in targets.KINDS.items():
        for module in modules_of(kind):
            for attribute, value in sorted(vars(module).items()):
                found.setdefault(f"{module.__name__}.{attribute}", key)
                if id(value) in seen or not isinstance(value, types.ModuleType | type):
                    continue
                seen.add(id(value))
                for deeper in (each for each in dir(value) if not each.startswith("__")):
                    found.setdefault(f"{module.__name__}.{attribute}.{deeper}", key)
    return [(name, key) for name, key in found.items()]


def modules_of(kind: targets.Kind) -> Iterator[types.ModuleType]:
    """The modules of a kind and all in them."""
    for name in sorted({*kind.modules, *(maker.rpartition(".")[0] for maker in kind.makers)}):
        module = import_module(name)
        yield module
        for inner in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{name}."):
            with contextlib.suppress(ImportError), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what is deprecated
                yield import_module(inner.name)


def build_cases(found: Sequence[tuple[str, str]]) -> Iterator[Case]:
    """Each name built where its module is allowed, and every tenth inside a part that takes others."""
    for number, (name, key) in enumerate(found):
        yield Case(f"{key}: {name}", partial(build, {"_target_": name}, key))
        outer = {"_target_": "alrun.strategies.more.power.Power", "inner": {"_target_": name}}
        if number % 10 == 0:
            yield Case(f"strategy.inner: {name}", partial(build, outer, "strategy"))


def build(node: dict[str, Any], key: str) -> None:
    """Build a part; what is built must be of its kind."""
    made = factory.build(OmegaConf.create(node), key)
    (kind,) = targets.kinds_at(key)
    assert isinstance(made, pkgutil.resolve_name(kind.base)), f"{node} made a {type(made).__name__}"


# Settings


def setting_cases(
    cfg: DictConfig, gadgets: Sequence[str], places: Sequence[str], forms: Sequence[str]
) -> Iterator[Case]:
    """Each gadget at each place of a run's settings ``cfg``: in the first of ``forms``, and in one of the others."""
    others = itertools.cycle(forms[1:])
    for gadget in gadgets:
        for place in places:
            for form in (forms[0], next(others)):
                yield Case(f"{place} {form}: {gadget}", partial(compute, cfg, place, written(gadget, form), form))


def written(gadget: str, form: str) -> Any:
    """A node that calls ``gadget``, written in one of FORMS."""
    node = {"_target_": gadget, **GADGETS[gadget]}
    flow = json.dumps(node)
    return {
        "plain": node,
        "list": [node],
        "create": f"${{oc.create:{flow}}}",
        "decode": "${oc.decode:'" + flow.replace("'", "\\'") + "'}",
        "reference": node,  # which another setting refers to
        "escaped": f"\\${{oc.create:{flow}}}",
        "partial": {**node, "_partial_": True},
    }[form]


def compute(cfg: DictConfig, place: str, value: Any, form: str) -> None:
    """Check and build a run with ``value`` at ``place``, and build the part there although the check refused it."""
    settings: Any = OmegaConf.to_container(cfg, resolve=False)
    if form == "reference":
        settings["hidden"], value = value, "${hidden}"
    put(settings, place, value)
    cfg = DictConfig(settings)
    group = place if place in targets.KINDS else place.partition(".")[0]
    checked = None
    try:
        if form == "reference":
            targets.check_targets(cfg)
        validate(cfg)
        build_pool(cfg, build_parts(cfg, torch.device("cpu")).data, torch.device("cpu"))
    except Exception as error:
        checked = error
    if group in targets.KINDS:
        OmegaConf.resolve(cfg)  # what hid behind a backslash is an interpolation now
        factory.build(OmegaConf.select(cfg, group), group)
    if checked is not None:
        raise checked


def put(settings: dict[str, Any], place: str, value: Any) -> None:
    """Set ``value`` at ``place``, whatever stood in between."""
    *way, last = place.split(".")
    for part in way:
        name, is_list = part.removesuffix("[0]"), part.endswith("[0]")
        if not isinstance(settings.get(name), dict):
            settings[name] = {}
        inner = settings[name]
        settings[name], settings = [inner] if is_list else inner, inner
    settings[last.removesuffix("[0]")] = [value] if last.endswith("[0]") else value


# Files of a configuration


def command_cases(place: Path, chosen: Sequence[str] = ()) -> Iterator[Case]:
    """``python -m alrun --config-dir D experiment=evil``, for everything that such a file can say of Hydra.

    All of it, or the ``chosen`` names alone.
    """
    for number, (name, text) in enumerate(hydra_files()):
        if not chosen or name in chosen:
            folder = place / "conf" / str(number)
            sweep = ["-m"] if number % 2 else []
            yield Case(f"hydra: {name}", partial(command, folder, sweep), partial(leave, folder, text))


def leave(folder: Path, text: str) -> None:
    """Make the folder of options."""
    (folder / "experiment").mkdir(parents=True, exist_ok=True)
    (folder / "experiment" / "evil.yaml").write_text(text)


def hydra_files() -> Iterator[tuple[str, str]]:
    """Names and texts of hostile experiments."""
    for name in HYDRAS:
        node = {"_target_": name, **GADGETS[name]}
        for at in ("callbacks.evil", "callbacks.sweep", "launcher", "sweeper", "sweeper.sampler", "job.evil", "run"):
            yield f"{at} {name}", experiment(nested(f"hydra.{at}", node))
        yield (
            f"callbacks by interpolation {name}",
            experiment(nested("hydra.callbacks.evil", f"${{oc.create:{json.dumps(node)}}}")),
        )
        handler = {"()": name, **GADGETS[name]}
        for logging in ("job_logging", "hydra_logging"):
            yield f"{logging} {name}", experiment(nested(f"hydra.{logging}.handlers.console", handler))
            yield f"{logging} class {name}", experiment(nested(f"hydra.{logging}.handlers.evil", {"class": name}))
            yield f"{logging} formatter {name}", experiment(nested(f"hydra.{logging}.formatters.evil", handler))
    values = {
        "job.env_set": {"ALRUN_ALLOW": "sympy", "EVIL": "1", "HYDRA_INSTANTIATE_ALLOWLIST_OVERRIDE": "os.system"},
        "job.env_copy": ["HOME"],
        "job.chdir": True,
        "run.dir": f"{MARK}.d",
        "sweep.dir": f"{MARK}.d",
        "sweep.subdir": f"../../../{MARK}.d",
        "output_subdir": f"../../../../{MARK}.d",
        "searchpath": ["pkg://marker"],
        "job_logging.handlers.file.filename": MARK,
        "job_logging.handlers.console.stream": "ext://marker.x",
        "hydra_logging.handlers.console.stream": "ext://marker.x",
        "job_logging.handlers.file": {"class": "logging.FileHandler", "filename": MARK},
        "launcher.setup": [SHELL],
        "launcher.python": SHELL,
        "launcher.comment": f"x\n{SHELL}",
        "launcher.name": f"x\n{SHELL}",
        "launcher.additional_parameters": {"wrap": SHELL},
        "launcher.ray.init.runtime_env.env_vars": {"ALRUN_ALLOW": "os"},
        "launcher.temp_folder": MARK,
        "sweeper.params": {"hydra.job.env_set.EVIL": "1", "seed": "0,1"},
        "mode": {"_target_": "os.system", "command": SHELL},
        "verbose": [{"_target_": "os.system", "command": SHELL}],
        "help.template": "$EVIL",
        "runtime.choices": {"strategy": f"../../../{MARK}"},
        "overrides.hydra": ["hydra.job.env_set.EVIL=1"],
        "job.config_name": "evil",
    }
    for key, value in values.items():
        yield key, experiment(nested(f"hydra.{key}", value))
        yield f"{key} by interpolation", experiment(nested(f"hydra.{key}", f"${{oc.create:{json.dumps(value)}}}"))
        yield f"{key} with a launcher", experiment(nested(f"hydra.{key}", value), ["override /hydra/launcher: joblib"])
        package = f"# @package hydra\n{yaml.safe_dump(nested(key, value))}"
        yield f"{key} by package", package
    yield "the whole node", "# @package _global_\nhydra: ${oc.create:{callbacks:{evil:{_target_:os.getcwd}}}}\n"
    yield "outputs with a newline", experiment({"paths": {"outputs": f"outputs/x\n{SHELL}"}})
    for option in ("strategy@hydra.callbacks.evil: badge", "tracking@hydra.job_logging.handlers.evil: none"):
        yield f"defaults {option}", experiment({}, [option, f"override /{option}"])
    yield "allow", experiment({"allow": ["os"], "strategy": {"_target_": "os.system", "command": SHELL}})


def nested(key: str, value: Any) -> dict[str, Any]:
    """``value`` in dictionaries, by the parts of ``key``."""
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def experiment(settings: dict[str, Any], defaults: Sequence[str] = ()) -> str:
    """The text of an experiment."""
    listed = "".join(f"  - {each}\n" for each in defaults)
    body = yaml.safe_dump(settings) if settings else ""
    return "# @package _global_\n" + (f"defaults:\n{listed}" if listed else "") + body


def command(folder: Path, sweep: list[str]) -> None:
    """Run alrun with that experiment, up to the parts of a run."""
    import alrun.loop.start

    alrun.loop.start.run = parts_alone
    sys.argv = ["alrun", *sweep, "--config-dir", str(folder), "experiment=evil", "debug=fast"]
    cli.main()


def parts_alone(cfg: DictConfig, run_dir: Path, choices: dict[str, str]) -> None:
    """What a run builds before it trains."""
    build_pool(cfg, build_parts(cfg, torch.device("cpu")).data, torch.device("cpu"))


# Run folders


def folder_cases(run_dir: Path, place: Path, reporting: int = 6) -> Iterator[Case]:
    """Commands that read ``place/runs``, with one file of a copy of ``run_dir`` replaced; a few of them reports."""
    for number, (file, content) in enumerate(hostile_files(), 1):
        for reader in (status, results, *([] if number % reporting else [report])):
            prepare = partial(replace, run_dir, place, file, content)
            yield Case(f"{reader.__name__} {file} {content[:60]!r}", partial(read, reader, place), prepare)


def hostile_files() -> Iterator[tuple[str, bytes]]:
    """Files of a run folder, and what may be in them."""
    for name in [each for each in GADGETS if "." in each.strip(".")]:
        node = {"_target_": name, **GADGETS[name]}
        for whole in ({"dataset": node}, {"dataset": {"_target_": "alrun.data.sources.digits", "mean": node}}):
            yield ".hydra/config.yaml", yaml.safe_dump({**whole, "redundancy": {"_target_": "x.NoRedundancy"}}).encode()
    tagged = f"!!python/object/apply:os.system ['{SHELL}']\n".encode()
    evil = pickle.dumps(Evil())
    buffer = io.BytesIO()
    torch.save(Evil(), buffer)
    for file in (".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml"):
        for text in (
            tagged,
            b"- " + tagged,
            b"hydra: {runtime: {config_sources: '${oc.create:{_target_: os.system}}'}}",
        ):
            yield file, text
    for file in ("run.json", "accuracy.csv", "timing.csv", "per_class.csv", "queries.csv", "bought.png", "failed.txt"):
        for content in (
            evil,
            buffer.getvalue(),
            tagged,
            b"",
            b"\x1b[31m\n=1+1",
            b"<svg onload=x>",
            b"[[[[",
            b"\xff\xfe",
        ):
            yield file, content
    for file in ("state.pt", "state.previous.pt", "training.pt", ".lock.lease", "done", "labeling_efficiency.csv"):
        for content in (evil, buffer.getvalue(), b""):
            yield file, content


def replace(run_dir: Path, place: Path, file: str, content: bytes) -> None:
    """Make a copy of ``run_dir`` in which ``file`` is hostile."""
    copy = place / "runs" / run_dir.parent.name / run_dir.name
    shutil.rmtree(place / "runs", ignore_errors=True)
    shutil.copytree(run_dir, copy)
    (copy / file).parent.mkdir(exist_ok=True)
    (copy / file).write_bytes(content)


def read(reader: types.ModuleType, place: Path) -> None:
    """Have a command read it."""
    sys.argv = [reader.__name__, str(place / "runs"), *(["-o", str(place / "out")] if reader is report else [])]
    reader.main()
