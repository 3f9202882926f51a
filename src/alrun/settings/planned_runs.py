"""Lists the runs that a command line asks for, with their folders. Computes nothing and does not import torch."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from alrun.settings import groups
from alrun.settings.checks import validate
from alrun.settings.command_line import as_typed
from alrun.settings.guard import guarded
from alrun.system.errors import SettingError, UserError
from alrun.system.words import closest

# Experiments, and folders of them, that are not the paper's.
OWN = ("quickstart", "recipe", "strategies", "features", "pools", "scratch")


@dataclass(frozen=True)
class Planned:
    """A run that a command line asks for."""

    folder: Path
    overrides: tuple[str, ...]
    cfg: DictConfig  # repeats of a setting share it, with ``cfg.seed`` of one of them
    seed: int  # this run's
    refusal: str = ""  # why a run would refuse these settings here, if that was asked


def runs_of_command(overrides: Sequence[str], validated: bool = False) -> list[Planned]:
    """The runs that ``alrun <overrides>`` would compute, in the order of the sweep; if ``validated`` with refusals.

    Raises:
        HydraException, OmegaConfBaseException: An override is impossible.
    """
    overrides = as_typed(overrides)
    with configuration():
        cfg = compose_command(overrides)
        if cfg.hydra.mode == RunMode.MULTIRUN:
            runs = runs_of_sweep(cfg)
        else:
            runs = [Planned(Path(cfg.hydra.run.dir), tuple(cfg.hydra.overrides.task), cfg, cfg.seed)]
        refusals = {}
        for cfg in {id(run.cfg): run.cfg for run in runs}.values():
            if validated:
                refusals[id(cfg)] = refusal_of(cfg)
            resolve(cfg)
        return [replace(run, refusal=refusals.get(id(run.cfg), "")) for run in runs]


def compose_command(overrides: Sequence[str]) -> DictConfig:
    """Compose the settings of a run or, with its commas, of a sweep.

    Raises:
        HydraException, OmegaConfBaseException: An override is impossible, or has commas and there is no sweep.
    """
    try:
        return compose("config", list(overrides), return_hydra_config=True)
    except ConfigCompositionException as error:
        refused = error
    cfg = compose_settings(overrides)  # not above: an error of this is not about commas
    if cfg.hydra.mode != RunMode.MULTIRUN:
        raise refused
    return cfg


def refusal_of(cfg: DictConfig) -> str:
    """Why a run with these settings, which are not resolved yet, would be refused here; empty if it would not."""
    try:
        validate(OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"]))
    except UserError as error:
        return str(error)
    return ""


def resolve(cfg: DictConfig) -> None:
    """Resolve all interpolations in ``cfg`` now: alrun's resolvers are registered only for a while."""
    with open_dict(cfg):
        hydra = cfg.pop("hydra")
        OmegaConf.resolve(cfg)
        cfg.hydra = hydra


def runs_of_commands(overrides: Sequence[str]) -> list[Planned]:
    """The runs of several experiments, separated by commas (or ``all`` of the paper), each run once."""
    rest = [override for override in overrides if not override.startswith("experiment=")]
    commands = [[f"experiment={name}", *rest] for name in experiments(overrides)] or [rest]
    runs: dict[Path, Planned] = {}
    for command in commands:
        for run in runs_of_command(command):
            runs.setdefault(run.folder, run)
    return list(runs.values())


def experiments(overrides: Sequence[str]) -> list[str]:
    """The experiments in ``overrides``: one, several separated by commas, or ``all`` of the paper."""
    given = [override.partition("=")[2] for override in overrides if override.startswith("experiment=")]
    names = [name for name in ",".join(given).split(",") if name]
    return paper_experiments() if names == ["all"] else names


def paper_experiments() -> list[str]:
    """The options of ``experiment=`` that are the paper's."""
    names = (name for name, _ in groups.options("experiment", groups.folder()))
    return sorted(name for name in names if name.partition("/")[0] not in OWN)


def chosen_options(overrides: Sequence[str]) -> dict[str, str]:
    """The chosen option of every group."""
    with configuration():
        return options_of(compose_settings(overrides))


def options_of(cfg: DictConfig) -> dict[str, str]:
    """The chosen option of every group, of settings that were composed with Hydra's own."""
    return {str(group): str(option) for group, option in cfg.hydra.runtime.choices.items()}


@contextmanager
def configuration() -> Iterator[None]:
    """Set up Hydra with alrun's configuration, outside its main; afterwards the caller's own Hydra is restored."""
    callers = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with guarded(), initialize_config_module("alrun.conf", version_base="1.3"):
            yield
    finally:
        GlobalHydra.instance().hydra = callers


def compose_settings(overrides: Sequence[str]) -> DictConfig:
    """Compose the configuration with Hydra's own node; as in Hydra's main, commas may separate values of a sweep."""
    return GlobalHydra.instance().hydra.compose_config(  # pyright: ignore[reportOptionalMemberAccess]
        "config",
        list(overrides),
        run_mode=RunMode.MULTIRUN,
        from_shell=False,
        with_log_configuration=False,
        validate_sweep_overrides=False,
    )


def runs_of_sweep(cfg: DictConfig) -> list[Planned]:
    """The runs of the sweep in ``cfg``, which holds Hydra's own node."""
    # Hydra's main module finds its plugins; the basic sweeper is part of every installation.
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import Glob

    params = cfg.hydra.sweeper.get("params") or {}
    arguments = [f"{key}={value}" for key, value in params.items()] + list(cfg.hydra.overrides.task)
    overrides = OverridesParser.create(GlobalHydra.instance().config_loader()).parse_overrides(arguments)
    last = {override.get_key_element(): override for override in overrides}
    for override in last.values():
        if isinstance(pattern := override.value(), Glob) and not any(override.sweep_iterator()):
            known = override.config_loader.get_group_options(override.key_or_group)  # pyright: ignore
            raise SettingError(
                f"{override.input_line} matches no option; "
                f"{closest(pattern.include[0], known) if known else 'there is no such group.'}"
            )
    batches = BasicSweeper.split_arguments(list(last.values()), max_batch_size=None)
    own = [override for override in cfg.hydra.overrides.hydra if override.startswith("hydra.searchpath=")]
    compositions: dict[tuple[str, ...], DictConfig] = {}
    runs: dict[Path, Planned] = {}
    for each in map(tuple, itertools.chain.from_iterable(batches)):
        # Repeats differ only in their seed, and share one composition: a copy for each would take memory.
        seeds = [override for override in each if override.startswith("seed=")]
        setting = tuple(override for override in each if override not in seeds)
        if setting not in compositions:
            compositions[setting] = compose("config", [*own, *each], return_hydra_config=True)
        composed = compositions[setting]
        if seeds:
            composed.seed = seeds[-1].partition("=")[2]
        folder = Path(composed.hydra.sweep.dir) / composed.hydra.sweep.subdir
        runs.setdefault(folder, Planned(folder, each, composed, int(composed.seed)))
    return list(runs.values())
