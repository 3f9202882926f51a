"""Several runs at once on one device, in three ways: images a second of all together."""

import threading
from collections.abc import Callable
from contextlib import nullcontext
from time import perf_counter

import torch
import torch.multiprocessing as multiprocessing
from torch import Tensor
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional as F

from alrun.commands import speed
from alrun.loop import execution
from alrun.loop.components import build_model
from alrun.system import device
from benchmarks.training_cases.case import Case, make

PATIENCE = 300  # seconds to wait for the other runs of a group


def prepare_epoch(case: Case, batch_size: int, overrides: list[str], count: int) -> Callable[[], None]:
    """Prepare a run; returns a function that trains an epoch over ``count`` images."""
    made = make(case, batch_size, overrides)
    layout = speed.choice_of_run(made.cfg, made.where).memory_format
    execution.apply(execution.Choice(1, layout), made.parts, made.parts.model, made.where)
    _, engine = made.trainer.begin(made.parts.model.train(), made.pool)
    index = torch.arange(count, device=made.where) % len(made.pool.images)
    parameters = made.trainer.augmentation.draw(count, torch.Generator())

    def epoch() -> None:
        engine.epoch(index, parameters)
        engine.read()

    return epoch


def processes(runs: int, case: Case, batch_size: int, overrides: list[str], count: int) -> float:
    """Images a second of one process for each run, one thread each, as a parallel launcher starts them."""
    context = multiprocessing.get_context("spawn")
    barrier, queue = context.Barrier(runs), context.Queue()
    arguments = (barrier, queue, case, batch_size, overrides, count)
    workers = [context.Process(target=process, args=arguments) for _ in range(runs)]
    for worker in workers:
        worker.start()
    spans = [queue.get(timeout=PATIENCE) for _ in workers]
    for worker in workers:
        worker.join()
    return runs * count / max(spans)


def process(barrier, queue, case: Case, batch_size: int, overrides: list[str], count: int) -> None:
    """Time an epoch in a process, after one that does not count; all processes start together."""
    epoch = prepare_epoch(case, batch_size, overrides, count)
    epoch()
    barrier.wait(PATIENCE)
    started = perf_counter()
    epoch()
    queue.put(perf_counter() - started)


def threads(runs: int, case: Case, batch_size: int, overrides: list[str], count: int) -> float:
    """Images a second of one thread for each run in one process; on a GPU, each on a stream of its own."""
    epochs = [prepare_epoch(case, batch_size, overrides, count) for _ in range(runs)]
    for epoch in epochs:  # a process captures one graph at a time
        epoch()
    barrier, spans = threading.Barrier(runs, timeout=PATIENCE), []

    def work(epoch: Callable[[], None]) -> None:
        torch.set_num_threads(1)
        stream = torch.cuda.Stream() if torch.cuda.is_available() else None
        with torch.cuda.stream(stream) if stream else nullcontext():
            barrier.wait()
            started = perf_counter()
            epoch()
            spans.append(perf_counter() - started)

    workers = [threading.Thread(target=work, args=(epoch,)) for epoch in epochs]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return runs * count / max(spans)


def stacked(runs: int, case: Case, batch_size: int, overrides: list[str], count: int) -> float:
    """Images a second of all runs in lockstep, parameters stacked (torch.func.vmap), without augmentation."""
    made = make(case, batch_size, overrides)
    execution.apply(execution.Choice(runs, "contiguous"), made.parts, made.parts.model, made.where)
    models = [build_model(made.cfg, made.parts.data).to(made.where).train() for _ in range(runs)]
    parameters, buffers = stack_module_state(models)  # type: ignore[arg-type]
    buffers = {name: value for name, value in buffers.items() if not name.endswith("num_batches_tracked")}
    base = models[0]
    for module in base.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.num_batches_tracked = None  # an integer that vmap cannot count up
    momentum = {name: torch.zeros_like(value) for name, value in parameters.items()}

    def loss(weights: dict, state: dict, images: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(base, (weights, state), (images,)), labels)

    gradients = vmap(grad(loss), randomness="different")
    images = made.parts.normalize(made.pool.images[:batch_size]).expand(runs, -1, -1, -1, -1)
    labels = made.pool.labels[:batch_size].expand(runs, -1)

    def step() -> None:
        for name, gradient in gradients(parameters, buffers, images, labels).items():
            momentum[name].mul_(0.9).add_(gradient)
            parameters[name].data.sub_(momentum[name], alpha=0.01)

    step()
    device.synchronize(made.where)
    started = perf_counter()
    for _ in range(count // batch_size):
        step()
    device.synchronize(made.where)
    return runs * (count // batch_size) * batch_size / (perf_counter() - started)


WAYS = {"processes": processes, "threads": threads, "stacked": stacked}
