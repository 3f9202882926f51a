"""Memory of a run at the paper's settings: ``make memory`` (ARGS="dataset=svhn model=vgg19" for another).

One purchase is made of CIFAR-10 with ResNet-18 and BADGE, by 1,000 and 3,000 labels, with an epoch of training in the
place of 300: memory is that of the pool, of a step, of a chunk of the pool's pass and of the selection, none of which
depends on the number of epochs. What is given on the command line goes on to alrun.
"""

import resource
import sys
import tempfile
from pathlib import Path

import torch
from hydra import compose, initialize_config_module

import alrun.loop.run
from alrun.settings import schema

PAPER = ["dataset=cifar10", "strategy=badge", "batch_size=b3000", "budget.total=4000", "training.max_epochs=1"]


def main() -> None:
    """Print what the process needs with its libraries alone, and with the run."""
    schema.register()
    before = resident()
    with tempfile.TemporaryDirectory() as folder, initialize_config_module("alrun.conf", version_base="1.3"):
        cfg = compose("config", [*PAPER, *sys.argv[1:], f"paths.outputs={folder}"], return_hydra_config=True)
        choices = {str(group): str(option) for group, option in cfg.hydra.runtime.choices.items()}
        alrun.loop.run.run(cfg, Path(cfg.hydra.run.dir), choices)
    print(f"{choices['dataset']}, {choices['model']}, {choices['strategy']}, {cfg.budget.batch_size} labels a round:")
    print(f"  main memory: at most {resident():.2f} GB, of which {before:.2f} GB are Python and its libraries")
    if torch.cuda.is_available():
        print(f"  GPU memory: at most {torch.cuda.max_memory_allocated() / 1e9:.2f} GB in tensors")


def resident() -> float:
    """The most that this process has held in main memory so far, in GB."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 / 1024 if sys.platform == "darwin" else 1)
    return kilobytes * 1024 / 1e9


if __name__ == "__main__":
    main()
