"""``alrun embed``: the features that a pretrained network makes of a data set, computed once for all runs.

    alrun embed dataset=cifar10 encoder=torchvision encoder.name=resnet50
    alrun embed dataset=image_folder dataset.path=photos encoder=timm part=3/16

It takes what a run takes, limit=1000 for a trial; a run with the same dataset=... encoder=... then finds the features
by content. A run also computes missing features itself, so this command is for large data sets: it shows images per
second and the time left, resumes where it was interrupted, and with part=<number>/<of> computes one of several parts.
Parts can run in several processes, or on several machines that share the folder paths.features. The last part to end
joins them. runtime.engine=ray spreads the batches of a part over a Ray cluster (extra scale).
"""

import json
import logging
import os
import re
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from omegaconf import DictConfig, OmegaConf

from alrun.commands import console
from alrun.settings import checks, planned_runs
from alrun.settings.vector_pools import holds_vectors
from alrun.system import program
from alrun.system.errors import UserError

SHOWN = 20  # numbers of missing parts that are named
ENCODES = ("dataset", "encoder", "paths", "runtime")  # the settings that another process needs


def main() -> None:
    """Compute the features, and print where they are."""
    arguments = arguments_of("embed", __doc__)
    with console.reporting_mistakes("Interrupted; the same command goes on from here."):
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
        words, (number, of) = without_part(arguments.overrides)
        runs = planned_runs.runs_of_command(console.with_config_dir(words, arguments.config_dir))
        if len(runs) != 1:
            raise UserError("features are computed for one data set and encoder at a time: give one value for each.")
        print(embed(runs[0].cfg, number, of))


def arguments_of(command: str, documentation: str | None) -> Namespace:
    """The settings that were typed for a command that computes a part; code of the user's own may be in this folder."""
    parser = console.make_parser(command, documentation)
    parser.add_argument("overrides", nargs="*", metavar="setting=value", help="as for alrun; and part=3/16")
    console.add_config_dir(parser)
    arguments = parser.parse_intermixed_args()
    if (here := os.getcwd()) not in sys.path:
        sys.path.insert(0, here)
    return arguments


def without_part(words: Sequence[str]) -> tuple[list[str], tuple[int, int]]:
    """The words without ``part=<number>/<of>``, and number and count of parts; 1 of 1 if it is not given.

    Raises:
        UserError: It does not name a part.
    """
    given = [word for word in words if word.startswith("part=")]
    number, of = 1, 1
    if given:
        found = re.fullmatch(r"part=(\d+)/(\d+)", given[-1])
        number, of = (int(each) for each in found.groups()) if found else (0, 0)
        if not 1 <= number <= of:
            raise UserError(f"{given[-1]} must name a part: give its number and how many there are, such as part=3/16.")
    return [word for word in words if not word.startswith("part=")], (number, of)


def embed(cfg: DictConfig, number: int = 1, of: int = 1) -> str:
    """Compute a part of the features of a run's data set; returns a sentence on what is stored now.

    Raises:
        UserError: The settings name no encoder, or something cannot be used.
    """
    from alrun.data.dataset import ImageData
    from alrun.features import embed as passes
    from alrun.features import parts
    from alrun.loop import on_ray, opened, vector_pools
    from alrun.settings import factory
    from alrun.system import device

    if holds_vectors(cfg):
        option = cfg.dataset._target_.rpartition(".")[2]
        raise UserError(
            f"dataset={option} holds vectors already, so there is nothing to embed: start a run on them, by "
            f"{program.command_line([f'dataset={option}', f'dataset.path={cfg.dataset.path}'])}."
        )
    if cfg.get("encoder") is None:
        raise UserError("encoder has no value: name a pretrained network by encoder=timm, torchvision or another.")
    checks.check_given(cfg, ENCODES)
    where = device.choose_device(cfg.runtime.device)
    encoder = vector_pools.build_encoder(cfg)
    data: ImageData = factory.build(cfg.dataset, "dataset", root=cfg.paths.data)
    whole, trial = data, opened.sizes(cfg, data)
    data = vector_pools.to_encode(cfg, data, encoder, trial)
    store = passes.store_of(data, encoder, cfg.paths.features)
    elsewhere = None
    if cfg.runtime.engine == "ray":
        settings = json.dumps({key: OmegaConf.to_container(cfg[key], resolve=True) for key in ENCODES})
        gpus = on_ray.gpu_share(where, cfg.runtime.runs_per_gpu)
        elsewhere = partial(
            on_ray.encoded, make=partial(encoding, settings, None if data is whole else trial), gpus=gpus
        )
    passes.fill(store, data, encoder, where, cfg.runtime.chunk, number, of, cfg.runtime.progress, elsewhere)
    manifest = store.read()
    if manifest is None:
        left = parts.missing(store, of)
        more = f" and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
        return f"{store.folder}: part {number} of {of} is done; missing: {', '.join(map(str, left[:SHOWN]))}{more}"
    train, test = store.counts
    size = f"{train} + {test} vectors of {manifest['dimension']} numbers, {encoder.precision}"
    return (
        f"{store.folder}: {size}; trained on {encoder.trained_on or 'unknown data (name them by encoder.trained_on)'}"
    )


def encoding(settings: str, trial: list[int] | None) -> Callable[[slice], Any]:
    """What makes the vectors of a batch of examples, in a process that opens the data and the network for itself.

    Args:
        settings: Those of ``ENCODES``, as JSON.
        trial: Training and test examples that are enough; None: all.
    """
    from alrun.features.embed import passed
    from alrun.loop import vector_pools
    from alrun.settings import factory
    from alrun.system import device

    cfg = DictConfig(json.loads(settings))
    where = device.choose_device(cfg.runtime.device)
    encoder = vector_pools.build_encoder(cfg)
    data = factory.build(cfg.dataset, "dataset", root=cfg.paths.data)
    if trial is not None:
        data = data.thinned(*trial)
    return lambda batch: next(passed(data, encoder, where, [batch]))
