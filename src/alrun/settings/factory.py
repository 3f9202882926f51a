"""The closed settings, and how the open ones are built. Imports no torch: ``--help`` is fast."""

import inspect
import types
import typing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from alrun.settings import identity, targets
from alrun.system.errors import UserError, closest, first_line


@dataclass
class Budget:
    """Labels: how many to start with, how many to buy in a round, when to stop."""

    seed_size: int = 1000
    batch_size: int = 1000  # the AL batch size
    total: int = 10000


@dataclass
class Training:
    """One round's training. Defaults are the paper's where it uses one value throughout."""

    max_epochs: int = 300
    batch_size: int = 20
    stop_accuracy: float | None = 0.99  # running training accuracy, 0 to 1; null: any
    patience: int | None = 10  # stop when the last `patience` epochs show no gain; null: no reason ...
    min_gain: float = 0.001  # ... of at least this much
    precision: str = "tf32"  # float32, tf32 (convolutions on a GPU; float32 on a CPU) or bf16
    reset: bool = True  # new weights before each round
    restart_below: float = 0.0  # training accuracy; at every 50th epoch, begin anew from new weights if it is lower


@dataclass
class Runtime:
    """How a run is executed; not part of its identity."""

    device: str = "auto"  # auto, cpu, cuda or cuda:<index>; auto: the GPU with the fewest runs, or the CPU
    runs_per_gpu: int | None = None  # at most, with device=auto: others wait; null: any number share a GPU
    threads: int = 1  # CPU threads; each number has bits of its own; python -m alrun speed tells the fastest here
    memory_format: str | None = None  # contiguous, channels_last; null: contiguous on a CPU, channels_last on a GPU
    cuda_graph: bool = True  # training passes on a GPU are captured and replayed
    chunk: int | None = None  # images per forward pass in evaluation and selection; null: see alrun.system.device
    checkpoint_minutes: float | None = 3.0  # between checkpoints within a round; null: when told to stop alone
    deterministic: bool = False  # refuse operations that add up in another order each time (on a GPU; see docs)
    carbon_intensity: float = 473.0  # g of CO2-equivalent for a kWh; the world's in 2024 (Ember's review of 2025)
    progress: bool = True
    memorise: bool = False  # say at the end whether training accuracy came to 0.99 (debug=overfit)
    profile: bool = False  # say at the end where the time went (debug=profile)


@dataclass
class Paths:
    """Folders."""

    data: str = "${oc.env:ALRUN_DATA,data}"
    outputs: str = "outputs"
    features: str = "${oc.env:ALRUN_FEATURES,features}"  # what pretrained networks made of data sets, for all runs


@dataclass
class Scale:
    """How much of the paper's size an experiment keeps, as shares; conf/ writes its numbers as ``${examples:1000}``."""

    examples: float = 1.0  # of the pool, and with it of all numbers of labels
    test: float = 1.0  # of the test set
    epochs: float = 1.0
    width: float = 1.0  # of networks


@dataclass
class RunConfig:
    """Everything a run needs to know. The ``Any`` fields are open: their schema is the constructor in ``_target_``."""

    dataset: Any = None
    encoder: Any = None
    model: Any = None
    strategy: Any = None
    optimizer: Any = None
    augmentation: Any = None
    redundancy: Any = None
    per_class_cap: Any = None
    seed_set: Any = None
    dss: Any = None
    tracking: Any = None
    budget: Budget = field(default_factory=Budget)
    training: Training = field(default_factory=Training)
    runtime: Runtime = field(default_factory=Runtime)
    paths: Paths = field(default_factory=Paths)
    scale: Scale = field(default_factory=Scale)
    validation: int | None = (
        None  # labels held out of the pool to evaluate on, in place of the test set (alrun.commands.search)
    )
    limit: int | None = None  # examples of each split, evenly spaced, for trials; null: all
    seed: int = 0  # differs between repeats
    first_model: str | None = None  # file with the weights of round 0's model (a state_dict); null: it is trained
    first_optimizer: Any = None  # of round 0 alone, so that optimizers begin with one model; null: the run's own
    initial_seed: int | None = None  # of seed set and first model; null: the run's own seed; the paper: 42 for all
    name: str | None = None  # of the experiment
    variant: str | None = None  # legend text
    baseline: str | None = None  # the paper's row that applies
    allow: list[str] = field(
        default_factory=list
    )  # modules of your own that `_target_` may name (see alrun.settings.targets)


def register() -> None:
    """Tell Hydra the schema, the resolvers that name run folders, and those that apply a scale."""
    ConfigStore.instance().store(name="schema", node=RunConfig)
    for share in ("examples", "epochs", "width"):
        OmegaConf.register_new_resolver(share, partial(of_the_scale, share), replace=True)
    OmegaConf.register_new_resolver("fitted", fitted, replace=True)
    OmegaConf.register_new_resolver("setting_id", identity.setting_id, replace=True)
    OmegaConf.register_new_resolver("run_id", identity.run_id, replace=True)


def fitted(name: str, *, _root_: DictConfig) -> int:
    """``${fitted:seed_size}``: what suits the data set, see alrun.settings.fitted."""
    from alrun.settings import fitted  # numpy comes with it; most commands need none

    return fitted.number(name, _root_)


def of_the_scale(share: str, number: int, *, _root_: DictConfig) -> int:
    """``${examples:1000}``: that share of ``number``."""
    return scaled(number, _root_.scale[share])


def scaled(number: int, share: float) -> int:
    """``share`` of a positive ``number``, at least 1."""
    return max(1, round(number * share))


def build(node: DictConfig, key: str, **arguments: Any) -> Any:
    """Call ``node``'s ``_target_`` with its settings and ``arguments``, after those of the parts in it.

    Settings are plain values by then: what was checked (alrun.settings.targets) is what is called.

    Raises:
        UserError: The target is not allowed there, cannot be imported, or does not take a setting or its type.
    """
    if not isinstance(node, DictConfig):
        raise UserError(f"{key}={node} is no part of a run: give what `--cfg job` shows there, or choose an option.")
    settings = OmegaConf.to_container(node, resolve=True)
    assert isinstance(settings, dict)
    if settings.get("_target_") is None:
        raise UserError(f"{key} has no _target_: its YAML file must name a class or function.")
    return made(settings, key, targets.kinds_at(key), arguments)


def made(node: targets.Values, key: str, kinds: tuple[targets.Kind, ...], arguments: dict[str, Any]) -> Any:
    """What a ``node`` with a ``_target_`` names, which is one of ``kinds``."""
    name = node["_target_"]
    target = targets.found(name, key, kinds)
    settings = {setting: value for setting, value in node.items() if setting not in targets.SPECIAL}
    if unknown := [setting for setting in settings if str(setting).startswith("_")]:
        raise UserError(f"{key}.{unknown[0]} is not known: beside settings there are _target_ and _partial_.")
    if not name.startswith(("torch.", "torchvision.")):  # whose parameters are named too loosely to check
        check_settings(target, node, settings, key, set(arguments))
    given = {
        setting: filled(value, f"{key}.{setting}", targets.inside(node, str(setting), kinds))
        for setting, value in settings.items()
    }
    try:
        if node.get("_partial_"):
            return partial(target, **{**given, **arguments})
        result = target(**{**given, **arguments})
    except Exception as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{key}: {name} refused its settings: {first_line(error)}.") from error
    targets.check_made(result, name, key, kinds)
    return result


def filled(value: Any, key: str, kinds: tuple[targets.Kind, ...]) -> Any:
    """``value`` with the parts that it names built."""
    if isinstance(value, list):
        return [filled(inner, f"{key}[{position}]", kinds) for position, inner in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if value.get("_target_") is not None:
        return made(value, key, kinds, {})
    return {setting: filled(inner, f"{key}.{setting}", kinds) for setting, inner in value.items()}


def check_settings(target: Any, node: targets.Values, settings: targets.Values, key: str, given: set[str]) -> None:
    """Compare ``settings`` with the signature of ``target`` without ``given``: names, and types where it is simple."""
    parameters = {name: p for name, p in inspect.signature(target).parameters.items() if name not in given}
    hints = typing.get_type_hints(target.__init__ if inspect.isclass(target) else target)
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for setting, value in settings.items():
        if setting not in parameters:
            hint = closest(str(setting), list(parameters)) if parameters else "it has no settings."
            raise UserError(f"{key}.{setting}: {node['_target_']} has no such setting; {hint}")
        hint = hints.get(setting)
        if hint is not None and not fits(value, hint):
            raise UserError(f"{key}.{setting}={value} is not possible: give {described(hint)}.")


def described(hint: Any) -> str:
    """A type hint in words: ``original or packed``, ``int or null``."""
    if typing.get_origin(hint) is typing.Literal:
        return " or ".join(map(str, typing.get_args(hint)))
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " or ".join(described(option) for option in typing.get_args(hint))
    if typing.get_origin(hint) is list:
        return f"a list of {described(*typing.get_args(hint))}"
    return "null" if hint is types.NoneType else getattr(hint, "__name__", str(hint))


def fits(value: Any, hint: Any) -> bool:
    """Whether a plain value satisfies a type hint made of scalars, literals, lists and unions (others: True)."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, option) for option in typing.get_args(hint))
    if origin is list:
        return isinstance(value, list) and all(fits(item, *typing.get_args(hint)) for item in value)
    if origin is typing.Literal:
        return value in typing.get_args(hint)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint) if hint in (str, bool, types.NoneType) else True
