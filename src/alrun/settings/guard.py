"""Guards Hydra: its own settings, and the code that it calls by them, come only from alrun's configuration.

Hydra starts launchers, sweepers, callbacks and log handlers, sets the environment and writes files as its node
``hydra`` says, before alrun's code is reached. So a file that is not alrun's may set only the parameters of a sweep and
the sizes of a launcher there, and the command line cannot set callbacks, log handlers or the environment either. The
loader that Hydra receives checks this when it loads files; it goes with a job to whatever process computes it.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any

from hydra._internal import hydra as internal
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.version import VersionBase
from omegaconf import DictConfig, OmegaConf
from omegaconf.basecontainer import BaseContainer
from yaml import YAMLError

from alrun.settings import schema, targets
from alrun.settings.checks import leaves
from alrun.settings.compositions import Compositions
from alrun.settings.hydra_errors import mistake_sentence, raised_in_hydra
from alrun.system.errors import SettingError

MAIN = "pkg://alrun.conf"
TRUSTED = re.compile(r"pkg://(alrun\.conf|hydra\.conf|hydra_plugins\..*)|structured://.*")
CORE, PLUGINS = "hydra._internal.core_plugins", "hydra_plugins"
CALLED = {  # what Hydra may call, by its key
    "callbacks.sweep": ("alrun.commands.sweep.RememberSweep",),
    "launcher": (
        f"{CORE}.basic_launcher.BasicLauncher",
        f"{PLUGINS}.hydra_joblib_launcher.joblib_launcher.JoblibLauncher",
        f"{PLUGINS}.hydra_submitit_launcher.submitit_launcher.LocalLauncher",
        f"{PLUGINS}.hydra_submitit_launcher.submitit_launcher.SlurmLauncher",
        f"{PLUGINS}.hydra_ray_launcher.ray_launcher.RayLauncher",
    ),
    "sweeper": (
        f"{CORE}.basic_sweeper.BasicSweeper",
        f"{PLUGINS}.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper",
    ),
    "sweeper.sampler": tuple(
        f"optuna.samplers.{name}Sampler" for name in ("CmaEs", "Grid", "MOTPE", "NSGAII", "Random", "TPE")
    ),
}
FOLDERS = {  # as in conf/config.yaml
    "run.dir": "${paths.outputs}/runs/${setting_id:}/${run_id:}",
    "sweep.dir": "${paths.outputs}/runs",
    "sweep.subdir": "${setting_id:}/${run_id:}",
}
LOGGING = ("job_logging", "hydra_logging")
# Settings of clusters, whose values must be harmless in a shell.
PLACES = ("account", "constraint", "exclude", "gres", "name", "partition", "qos")
WORD = re.compile(r"[\w.,:@-]*")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Loader(ConfigLoaderImpl):
    """Hydra's loader of configurations, with checks; ``checks`` are called with each whole configuration."""

    def __init__(
        self, config_search_path: ConfigSearchPath, checks: tuple[Callable[[DictConfig], None], ...] = ()
    ) -> None:
        super().__init__(config_search_path)
        self.checks = checks
        self.compositions = Compositions()

    def load_configuration(self, config_name: str | None, overrides: list[str], *rest: Any, **named: Any) -> DictConfig:
        """Compose a configuration, or give a copy of one that was.

        Raises:
            UserError: Hydra would call code that is not alrun's.
        """
        targets.allowed()
        main = [source.path for source in self.config_search_path.get_path() if source.provider == "main"]
        if config_name != "config" or main != [MAIN]:
            raise SettingError(
                "alrun starts from its own configuration: give options of your own by --config-dir alone."
            )
        # from_shell changes the words of an error alone.
        mode = rest, *sorted(item for item in named.items() if item[0] != "from_shell")
        return self.compositions.get(overrides, mode, lambda: self.compose(config_name, overrides, *rest, **named))

    def compose(self, *arguments: Any, **named: Any) -> DictConfig:
        """Compose and check; an error of Hydra's parser, as for ``+=``, becomes one about the command line."""
        schema.register()  # also in the process of a launcher, which has unpickled this loader
        try:
            cfg = super().load_configuration(*arguments, **named)
        except Exception as error:
            if mistake_sentence(error) is not None or not raised_in_hydra(error):
                raise
            if isinstance(error, YAMLError):
                raise SettingError(f"a configuration file is not YAML: {' '.join(str(error).split())}.") from error
            raise SettingError(
                f"the command line cannot be read ({type(error).__name__}): "
                "everything on it is setting=value or group=option."
            ) from error
        check_hydra(cfg)
        for check in self.checks:
            check(cfg)
        return cfg

    def _load_single_config(self, default: Any, repo: Any) -> Any:
        """One file, with its settings at their keys.

        Raises:
            UserError: A user's option has the name of one of alrun's, which Hydra would take without a word.
        """
        loaded = super()._load_single_config(default, repo)
        if loaded.path == MAIN and (own := own_file(repo, f"{default.config_path}.yaml")):
            raise SettingError(f"{own} has the name of an option of alrun's: give it another name.")
        if not TRUSTED.fullmatch(loaded.path):
            settings = OmegaConf.to_container(loaded.config, resolve=False)
            if isinstance(settings, dict) and "hydra" in settings:
                check_foreign(settings["hydra"], loaded.path)
        return loaded

    def _compose_config_from_defaults_list(self, *arguments: Any, **named: Any) -> DictConfig:
        """All files merged, before the command line changes them."""
        cfg = super()._compose_config_from_defaults_list(*arguments, **named)
        self.logging = logging_of(cfg)
        return cfg

    def _load_configuration_impl(self, *arguments: Any, **named: Any) -> DictConfig:
        """The files, changed by the command line."""
        cfg = super()._load_configuration_impl(*arguments, **named)
        if logging_of(cfg) != self.logging:
            raise SettingError("hydra.job_logging and hydra.hydra_logging cannot be changed, except for their levels.")
        return cfg


def own_file(repo: Any, name: str) -> Path | None:
    """The file ``name`` (``model/linear.yaml``) in a folder of the user's options, None where there is none."""
    folders = (Path(source.path) for source in repo.get_sources() if source.scheme() == "file")
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


@contextmanager
def guarded(*checks: Callable[[DictConfig], None]) -> Iterator[None]:
    """Let Hydra load with Loader, which knows alrun's schema and resolvers.

    Afterwards, other applications of Hydra in this process have their own loader again.
    """
    loader, store = internal.__dict__["ConfigLoaderImpl"], ConfigStore.instance()
    resolvers, known, base = dict(BaseContainer._resolvers), copy(store.repo), VersionBase.instance().getbase()
    internal.__dict__["ConfigLoaderImpl"] = partial(Loader, checks=checks)
    schema.register()
    try:
        yield
    finally:
        internal.__dict__["ConfigLoaderImpl"], store.repo = loader, known
        VersionBase.instance().version_base = base
        BaseContainer._resolvers.clear()
        BaseContainer._resolvers.update(resolvers)


def check_foreign(hydra: Any, path: str) -> None:
    """Refuse settings of Hydra in the file at ``path``, which is not alrun's, unless they are harmless.

    Raises:
        UserError: A setting would decide what Hydra calls, writes or runs in a shell.
    """
    for key, value in leaves(hydra):
        if not is_harmless(key, value):
            raise SettingError(
                f"hydra.{key} is set by a file in {path}: Hydra's own settings come from alrun's configuration and the "
                f"command line, a file may set hydra.mode, hydra.sweeper.params and numbers of a launcher or sweeper."
            )


def is_harmless(key: str, value: Any) -> bool:
    """Whether a user's file may set ``hydra.<key>`` to ``value``."""
    place, _, rest = key.partition(".")
    if place == "mode" or key == "verbose":
        return value in ("RUN", "MULTIRUN", True, False)
    if place == "sweeper" and rest.startswith("params."):
        name = rest.removeprefix("params.").lstrip("+~")
        return not re.match(r"(hydra|allow)\b", name) and "@hydra" not in name
    if place not in ("launcher", "sweeper") or "_target_" in key:
        return False
    if isinstance(value, str):
        return place == "launcher" and rest in PLACES and WORD.fullmatch(value) is not None
    return isinstance(value, int | float | None)


def check_hydra(cfg: DictConfig) -> None:
    """Refuse a composed configuration with which Hydra would call other code or write elsewhere.

    Raises:
        UserError: A setting would do that; the sentence names it.
    """
    hydra = OmegaConf.to_container(cfg.hydra, resolve=False)
    assert isinstance(hydra, dict)
    for key, value in leaves(hydra):
        place, _, name = key.rpartition(".")
        known = (*CALLED.get(place, ()), *targets.allowed())
        if name == "_target_" and value is not None and not targets.is_within(str(value), known):
            raise SettingError(
                f"hydra.{key}={value} would run code that is not alrun's: choose one of Hydra's own launchers and "
                "sweepers."
            )
    if hydra["job"]["env_set"] or hydra["job"]["env_copy"]:
        raise SettingError(
            "hydra.job.env_set and hydra.job.env_copy are not used: set variables where alrun is started."
        )
    if set(hydra.get("callbacks") or {}) - {"sweep"}:
        raise SettingError("hydra.callbacks are alrun's own: others are not called.")
    for group, option in cfg.hydra.runtime.choices.items():
        if CONTROL.search(str(option)) or ".." in str(option).split("/"):
            raise SettingError(f"{group}={option!r} is not the name of an option: it would name a folder elsewhere.")
    for key, value in FOLDERS.items():
        place, name = key.split(".")
        if hydra[place][name] != value:
            raise SettingError(
                f"hydra.{key}={hydra[place][name]}: runs name their folders themselves, for results to be found and "
                "compared; leave it out, and set paths.outputs."
            )
    outputs = OmegaConf.select(cfg, "paths.outputs", throw_on_missing=False)
    if CONTROL.search(str(outputs)):  # it becomes part of a job's script
        raise SettingError(f"paths.outputs={outputs!r} has control characters: name a folder without.")


def logging_of(cfg: DictConfig) -> dict[str, Any]:
    """The settings of Hydra's logging, without the levels."""
    nodes = {name: OmegaConf.to_container(cfg.hydra[name], resolve=False) for name in LOGGING}
    return {key: value for key, value in leaves(nodes) if key.rpartition(".")[2] != "level"}
