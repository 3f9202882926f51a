"""Memory of a run at the paper's settings: ``make memory`` (ARGS="dataset=svhn model=vgg19" for another).

The run is CIFAR-10 with ResNet-18 and BADGE: a seed set of 1,000 labels and one query of 3,000, with one epoch of
training instead of 300. Memory holds the pool, a training step, a chunk of the pass over the pool and the selection,
and does not depend on the number of epochs. Words on the command line are settings for alrun.
"""

import resource
import sys
import tempfile
from pathlib import Path

import torch
from hydra import compose, initialize_config_module

import alrun.loop.start
from alrun.settings import schema
from alrun.settings.planned_runs import options_of

PAPER = ["dataset=cifar10", "strategy=badge", "batch_size=b3000", "budget.total=4000", "training.max_epochs=1"]


def main() -> None:
    """Print the memory of the process with its libraries only, and with the run."""
    schema.register()
    before = resident()
    with tempfile.TemporaryDirectory() as folder, initialize_config_module("alrun.conf", version_base="1.3"):
        cfg = compose("config", [*PAPER, *sys.argv[1:], f"paths.outputs={folder}"], return_hydra_config=True)
        choices = options_of(cfg)
        alrun.loop.start.run(cfg, Path(cfg.hydra.run.dir), choices)
    print(f"{choices['dataset']}, {choices['model']}, {choices['strategy']}, {cfg.budget.batch_size} labels a round:")
    print(f"  main memory: at most {resident():.2f} GB, including {before:.2f} GB for Python and its libraries")
    if torch.cuda.is_available():
        print(f"  GPU memory: at most {torch.cuda.max_memory_allocated() / 1e9:.2f} GB in tensors")


def resident() -> float:
    """Peak main memory of this process so far, in GB."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 / 1024 if sys.platform == "darwin" else 1)
    return kilobytes * 1024 / 1e9


if __name__ == "__main__":
    main()
