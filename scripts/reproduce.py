"""The paper's experiments, one after the other: what the Makefile's targets call.

    python scripts/reproduce.py redundancy/duplicate redundancy/augment scale=small strategy=badge
    python scripts/reproduce.py all --stand-ins scale=smoke seed=0

Names without a ``=`` are experiments (``all``: every one of the paper); what else there is goes on to alrun. Runs that
fail do not stop the others; the same command again goes on with what is missing.
"""

import argparse
import sys

from alrun import cli, grid

# What takes the place of data that cannot be downloaded, by the data set that an experiment asks for. All are real
# images: CIFAR-10 as JPEG files, 100 classes of Tiny ImageNet for CIFAR-100, the digits of MNIST for those of SVHN.
STAND_INS = {
    "cifar10": ["dataset.source=packed"],
    "cifar100": ["dataset=tinyimagenet100"],
    "svhn": ["dataset=mnist_for_svhn"],
}
# Where nothing can be downloaded, neither can the weights of the network that the seed set is chosen with.
WITHOUT_WEIGHTS = {"seed_set/cifar10": ["seed_set=random,facility_location_pixels"]}


def main() -> None:
    """Run them in this process, so that data are read once."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage="%(prog)s NAME ... [options]"
    )
    parser.add_argument("--stand-ins", action="store_true", help="other data and features where a download is needed")
    arguments, words = parser.parse_known_args()
    named = [word for word in words if "=" not in word and not word.startswith("-")]
    rest = [word for word in words if word not in named]
    incomplete = []
    for experiment in grid.of_the_paper() if named == ["all"] else named:
        print(f"\n{experiment}", flush=True)
        sys.argv = ["alrun", f"experiment={experiment}", *(instead(experiment) if arguments.stand_ins else []), *rest]
        try:
            cli.main()
        except SystemExit as stop:
            if stop.code:
                incomplete.append(experiment)
    if incomplete:
        sys.exit(f"Not complete: {' '.join(incomplete)}. What is missing is listed above; the same command goes on.")


def instead(experiment: str) -> list[str]:
    """What replaces data and features of an experiment that have to be downloaded."""
    data = grid.options([f"experiment={experiment}"])["dataset"]
    return [*STAND_INS.get(data, []), *WITHOUT_WEIGHTS.get(experiment, [])]


if __name__ == "__main__":
    main()
