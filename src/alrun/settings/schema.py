"""The closed settings: their types, ranges and defaults. Imports no torch: ``--help`` is fast."""

from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from alrun.settings import identity

# Annotated[str, Literal[...]]: OmegaConf has no Literal and takes it for a text; alrun.settings.ranges checks it.


@dataclass
class Budget:
    """Answers of the annotator: how many to start with, how many to pay for in a round, when to stop."""

    seed_size: Annotated[int, Ge(2)] = 1000
    batch_size: Annotated[int, Ge(1)] = 1000  # the AL batch size
    total: Annotated[int, Ge(2)] = 10000
    # end as soon as the test accuracy is reached; null: spend all of it
    until_accuracy: Annotated[float, Gt(0), Le(1)] | None = None


@dataclass
class Training:
    """One round's training. Defaults are the paper's where it uses one value throughout."""

    max_epochs: Annotated[int, Ge(1)] = 300
    batch_size: Annotated[int, Ge(2)] = 20
    stop_accuracy: Annotated[float, Gt(0), Le(1)] | None = 0.99  # running training accuracy; null: any
    # stop when the last `patience` epochs show no gain (of at least `min_gain`); null: go on
    patience: Annotated[int, Ge(2)] | None = 10
    min_gain: float = 0.001  # of training accuracy
    # tf32: of convolutions on a GPU; float32 on a CPU
    precision: Annotated[str, Literal["float32", "tf32", "bf16"]] = "tf32"
    reset: bool = True  # new weights before each round
    # training accuracy; at every 50th epoch, start over with new weights if it is lower
    restart_below: Annotated[float, Ge(0), Lt(1)] = 0.0
    # how rare classes of the labeled set are trained on: see alrun.training.balance
    balance: Annotated[str, Literal["none", "weights", "softmax", "sampling"]] = "none"


@dataclass
class Runtime:
    """How a run is executed; not part of its identity."""

    device: str = "auto"  # auto, cpu, cuda or cuda:<index>; auto: the GPU with the fewest runs, or the CPU
    # at most, with device=auto: others wait; null: any number share a GPU
    runs_per_gpu: Annotated[int, Ge(1)] | None = None
    # CPU threads; each number has bits of its own; alrun speed measures which is fastest here
    threads: Annotated[int, Ge(1)] = 1
    # null: contiguous on a CPU, channels_last on a GPU
    memory_format: Annotated[str, Literal["contiguous", "channels_last"]] | None = None
    cuda_graph: bool = True  # training passes on a GPU are captured and replayed
    # images per forward pass in evaluation and selection; null: see alrun.system.device
    chunk: Annotated[int, Ge(1)] | None = None
    # GB of main memory that a run may take; outputs of a larger pool are read part by part; null: any
    memory_gb: Annotated[float, Gt(0)] | None = None
    # between checkpoints within a round; null: only when a signal stops the run
    checkpoint_minutes: Annotated[float, Ge(0)] | None = 3.0
    deterministic: bool = False  # refuse operations that add up in another order each time (on a GPU; see docs)
    # g of CO2-equivalent for a kWh; the world's in 2024 (Ember's review of 2025)
    carbon_intensity: Annotated[float, Ge(0)] = 473.0
    # where parts of a selection are computed: in this process, on Ray, or by `alrun select part=3/16` anywhere
    engine: Annotated[str, Literal["local", "ray", "parts"]] = "local"
    parts: Annotated[int, Ge(1)] = 16  # of a selection by scores; strategy=partitioned has parts of its own
    progress: bool = True
    memorize: bool = False  # say at the end whether training accuracy came to 0.99 (debug=overfit)
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

    examples: Annotated[float, Gt(0), Le(1)] = 1.0  # of the pool, and with it of all numbers of labels
    test: Annotated[float, Gt(0), Le(1)] = 1.0  # of the test set
    epochs: Annotated[float, Gt(0)] = 1.0
    width: Annotated[float, Gt(0)] = 1.0  # of networks


CLOSED = (Budget, Training, Runtime, Paths, Scale)

# Settings of an option of ``optimizer=``, besides those of its parts.
OPTIMIZER = {
    "lr": Annotated[float, Gt(0)],
    "build.lr": Annotated[float, Gt(0)],
    "schedule.max_lr": Annotated[float, Gt(0)],
    "label_smoothing": Annotated[float, Ge(0), Lt(1)],
}


@dataclass
class RunConfig:
    """Everything a run needs to know. The ``Any`` fields are open: their schema is the constructor in ``_target_``."""

    dataset: Any = None
    encoder: Any = None
    model: Any = None
    strategy: Any = None
    optimizer: Any = None
    augmentation: Any = None
    shift: Any = None
    open_set: Any = None
    imbalance: Any = None
    redundancy: Any = None
    per_class_cap: Any = None
    seed_set: Any = None
    annotator: Any = None
    cost: Any = None
    stopping: Any = None
    dss: Any = None
    tracking: Any = None
    budget: Budget = field(default_factory=Budget)
    training: Training = field(default_factory=Training)
    runtime: Runtime = field(default_factory=Runtime)
    paths: Paths = field(default_factory=Paths)
    scale: Scale = field(default_factory=Scale)
    # labels held out of the pool to evaluate on, instead of the test set (alrun.commands.search)
    validation: Annotated[int, Ge(1)] | None = None
    limit: Annotated[int, Ge(2)] | None = None  # examples of each split, evenly spaced, for trials; null: all
    seed: Annotated[int, Ge(0)] = 0  # differs between repeats
    first_model: str | None = None  # file with the weights of round 0's model (a state_dict); null: it is trained
    first_optimizer: Any = None  # of round 0 alone, so that all optimizers start from one model; null: the run's own
    # of seed set and first model; null: the run's own seed; the paper: 42 for all
    initial_seed: Annotated[int, Ge(0)] | None = None
    name: str | None = None  # of the experiment
    variant: str | None = None  # legend text
    baseline: str | None = None  # the paper's row that applies
    # modules of your own that `_target_` may name (see alrun.settings.targets)
    allow: list[str] = field(default_factory=list)


def register() -> None:
    """Register the schema with Hydra, and the resolvers that name run folders or apply a scale."""
    ConfigStore.instance().store(name="schema", node=RunConfig)
    for share in ("examples", "epochs", "width"):
        OmegaConf.register_new_resolver(share, partial(resolve_scaled, share), replace=True)
    OmegaConf.register_new_resolver("fitted", resolve_fitted, replace=True)
    OmegaConf.register_new_resolver("setting_id", identity.setting_id, replace=True)
    OmegaConf.register_new_resolver("run_id", identity.run_id, replace=True)


def resolve_fitted(name: str, *, _root_: DictConfig) -> int:
    """``${fitted:seed_size}``: the value that suits the data set, see alrun.settings.fitted."""
    from alrun.settings import fitted  # numpy comes with it; most commands need none

    return fitted.fitted_number(name, _root_)


def resolve_scaled(share: str, number: int, *, _root_: DictConfig) -> int:
    """``${examples:1000}``: that share of ``number``."""
    return scaled(number, _root_.scale[share])


def scaled(number: int, share: float) -> int:
    """``share`` of a positive ``number``, at least 1."""
    return max(1, round(number * share))
