"""``optimizer=``: the optimizer of one round's training, with its schedule and weight average."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn
from torch.optim.swa_utils import SWALR, AveragedModel, update_bn

ANNEALED = 0.01  # of the highest learning rate


class WeightAverage:
    """Settings of stochastic weight averaging (SWA).

    It starts in the first epoch whose training accuracy exceeds ``start_accuracy``. From there on the weights at the
    end of every epoch are averaged, and the learning rate is annealed to ``lr`` within ``anneal_epochs``. At the end
    the average becomes the model, with batch-norm statistics of its own.

    Source: Izmailov et al. 2018, Algorithm 1; Appendix C of the paper for the start.
    """

    def __init__(
        self,
        lr: Annotated[float, Gt(0)],
        start_accuracy: Annotated[float, Ge(0), Lt(1)] = 0.95,
        anneal_epochs: Annotated[int, Ge(0)] = 10,
    ) -> None:
        self.lr = lr
        self.start_accuracy = start_accuracy
        self.anneal_epochs = anneal_epochs


@dataclass(frozen=True)
class Optimization:
    """Makes the optimizer from the parameters and the schedule from the optimizer; settings of the weight average."""

    optimizer: Callable[[Any], torch.optim.Optimizer]
    schedule: Callable[[torch.optim.Optimizer], Any] | None = None  # stepped once an epoch; None: a constant rate
    average: WeightAverage | None = None
    label_smoothing: float = 0.0  # share of the target spread over all classes (Szegedy et al. 2016)


def parameter_groups(model: nn.Module) -> Iterable[Any]:
    """The parameters of ``model`` for an optimizer, in two groups if it has a ``backbone_rate``.

    The ``share`` of the second group multiplies its learning rate.
    """
    share = getattr(model, "backbone_rate", 1.0)
    if share == 1:
        return model.parameters()
    head = list(model.get_submodule("head").parameters())
    ids = {id(each) for each in head}
    rest = [each for each in model.parameters() if id(each) not in ids]
    return [{"params": head}, {"params": rest, "share": share}]


def scale_rates(optimizer: torch.optim.Optimizer, rates: Iterable[str]) -> None:
    """Multiply the ``rates`` of every group by its ``share``."""
    for group in optimizer.param_groups:
        for name in rates:
            group[name] *= group.get("share", 1.0)


class Descent:
    """The optimizer of one training, with its schedule and average."""

    def __init__(self, settings: Optimization, model: nn.Module) -> None:
        self.settings = settings
        self.model = model
        self.optimizer = settings.optimizer(parameter_groups(model))
        scale_rates(self.optimizer, ("lr",))
        self.schedule = settings.schedule(self.optimizer) if settings.schedule else None
        if "max_lr" in self.optimizer.param_groups[0]:  # one cycle sets the rates of all groups by its own highest
            scale_rates(self.optimizer, ("lr", "initial_lr", "max_lr", "min_lr"))
        self.averaged: AveragedModel | None = None
        # Whether the schedule has come to its end with the last epoch: then the weights rest, and more epochs would
        # change nothing. So it is for the paper's cosine after max_epochs, its T_max, and for one cycle
        # (optimizer=fast); never for a constant rate, nor where weights are averaged, which keeps the rate up. It does
        # not say that a longer schedule would not learn more.
        self.is_annealed = False

    def end_epoch(self, accuracy: float) -> None:
        """Take a step of the schedule; start averaging if the training ``accuracy`` is high enough, or continue it."""
        last = self.rate()
        average = self.settings.average
        if average and self.averaged is None and accuracy > average.start_accuracy:
            self.averaged = self.start_averaging(average)
        if self.averaged is not None:
            self.averaged.update_parameters(self.model)
        if self.schedule is not None:
            self.schedule.step()
        # One cycle has its lowest rate in the last epoch and rises after it, a cosine reaches it after that epoch.
        self.is_annealed = self.schedule is not None and self.averaged is None and min(last, self.rate()) <= ANNEALED

    def rate(self) -> float:
        """The learning rate as a share of the highest of this schedule."""
        groups = self.optimizer.param_groups  # a schedule notes its rates there, and a checkpoint keeps them
        return max(float(g["lr"] / max(g.get("initial_lr", g["lr"]), g.get("max_lr", 0.0))) for g in groups)

    def start_averaging(self, average: WeightAverage) -> AveragedModel:
        """Make an empty average, and replace the schedule by that of averaging."""
        self.schedule = SWALR(self.optimizer, average.lr, average.anneal_epochs)
        return AveragedModel(self.model)

    def state_dict(self) -> dict[str, Any]:
        """The state for ``load_state_dict``, without the model: plain values and tensors."""
        schedule = self.schedule.state_dict() if self.schedule is not None else None
        return {
            "optimizer": self.optimizer.state_dict(),
            # The schedule's constructor makes the functions among its attributes again.
            "schedule": schedule and {name: value for name, value in schedule.items() if not callable(value)},
            "averaged": dict(self.averaged.state_dict()) if self.averaged is not None else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from ``state``; the model has its weights already."""
        if state["averaged"] is not None and self.settings.average is not None:
            self.averaged = self.start_averaging(self.settings.average)
            self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.optimizer._opt_called = True  # type: ignore[attr-defined]  # else torch warns of an epoch without a step
        if self.schedule is not None:
            self.schedule.load_state_dict(state["schedule"])

    def finish(self, batches: Iterable[Tensor]) -> None:
        """Copy the average, if there is one, into the model; ``batches`` of training images renew its batch norm."""
        if self.averaged is not None:
            self.model.load_state_dict(self.averaged.module.state_dict())
            update_bn(batches, self.model)
