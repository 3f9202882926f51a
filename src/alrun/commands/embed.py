"""``alrun embed``: the features that a pretrained network makes of a data set, computed once for all runs.

    alrun embed dataset=cifar10 encoder=torchvision encoder.name=resnet50
    alrun embed dataset=image_folder dataset.path=photos encoder=timm part=3/16

Takes what ``alrun`` takes; dataset=... encoder=... of a run then finds the features by content. A run computes them
itself where they are not there, so this command is for what takes long: it shows images a second and the time left,
goes on where it was interrupted, and computes one of several parts where part=<number>/<of> is given, in as many
processes or on as many machines with the folder paths.features in common. The last part to end joins them.
"""

import logging
import os
import re
import sys
from collections.abc import Sequence

from omegaconf import DictConfig

from alrun.commands import console
from alrun.settings import planned_runs
from alrun.system.errors import UserError


def main() -> None:
    """The command."""
    parser = console.parser("embed", __doc__)
    parser.add_argument("overrides", nargs="*", metavar="setting=value", help="as for alrun; and part=3/16")
    console.add_config_dir(parser)
    arguments = parser.parse_intermixed_args()
    if (here := os.getcwd()) not in sys.path:
        sys.path.insert(0, here)  # where an encoder of the user's own may be
    with console.telling():
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
        words, (number, of) = without_part(arguments.overrides)
        runs = planned_runs.of_command(console.with_config_dir(words, arguments.config_dir))
        if len(runs) != 1:
            raise UserError("features are made of one data set by one encoder at a time: give one value for each.")
        print(embed(runs[0].cfg, number, of))


def without_part(words: Sequence[str]) -> tuple[list[str], tuple[int, int]]:
    """The words but ``part=<number>/<of>``, and what it says; the whole, 1 of 1, where it is not there.

    Raises:
        UserError: It is no part.
    """
    given = [word for word in words if word.startswith("part=")]
    number, of = 1, 1
    if given:
        found = re.fullmatch(r"part=(\d+)/(\d+)", given[-1])
        number, of = (int(each) for each in found.groups()) if found else (0, 0)
        if not 1 <= number <= of:
            raise UserError(f"{given[-1]} is no part: give a number and how many there are, such as part=3/16.")
    return [word for word in words if not word.startswith("part=")], (number, of)


def embed(cfg: DictConfig, number: int = 1, of: int = 1) -> str:
    """Compute a part of the features of a run's data set; a sentence of what is there now.

    Raises:
        UserError: The settings name no encoder, or something cannot be used.
    """
    from alrun.data.dataset import ImageData
    from alrun.features import embed as passes
    from alrun.features import parts
    from alrun.settings import factory
    from alrun.system import device

    if cfg.get("encoder") is None:
        raise UserError("encoder has no value: name a pretrained network by encoder=timm, torchvision or another.")
    where = device.choose(cfg.runtime.device)
    encoder = factory.build(cfg.encoder, "encoder")
    data: ImageData = factory.build(cfg.dataset, "dataset", root=cfg.paths.data)
    store = passes.store_of(data, encoder, cfg.paths.features)
    passes.fill(store, data, encoder, where, cfg.runtime.chunk, number, of, cfg.runtime.progress)
    manifest = store.read()
    if manifest is None:
        left = ", ".join(map(str, parts.missing(store, of)))
        return f"{store.folder}: part {number} of {of} is there; missing: {left}"
    train, test = store.counts
    size = f"{train} + {test} vectors of {manifest['dimension']} numbers, {encoder.precision}"
    return f"{store.folder}: {size}; trained on {encoder.trained_on or 'data that nobody named (encoder.trained_on)'}"
