"""``python -m alrun.paper``: a figure or table of the paper by its number: its runs, and one file with ours beside it.

    python -m alrun.paper figure-4 scale=small
    python -m alrun.paper table-12 --draw                    # of the runs that are there
    python -m alrun.paper redundancy/duplicate strategy=badge seed=0
    python -m alrun.paper index

Names are figure-1 to figure-15, table-1 to table-13, claims (of Appendix G), figures (all of these), times (that the
text states), index (what there is of each), the experiments of conf/experiment, and all (of them).
"""

import sys
from collections.abc import Sequence

from alrun import command, grid
from alrun.errors import UserError, closest

GROUPS = ("times", "claims", "figures", "index", "all")


def main() -> None:
    """The command."""
    parser = command.parser("paper", __doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help="and overrides: scale=small seed=0,1")
    parser.add_argument("--draw", action="store_true", help="compute nothing: draw what is there")
    parser.add_argument("--stand-ins", action="store_true", help="other data and features where a download is needed")
    command.add_config_dir(parser)
    arguments = parser.parse_intermixed_args()
    try:
        with command.telling():
            names = [word for word in arguments.names if "=" not in word]
            overrides = command.with_config_dir([w for w in arguments.names if "=" in w], arguments.config_dir)
            incomplete = made(names, overrides, arguments.draw, arguments.stand_ins)
    except KeyboardInterrupt:
        sys.exit(130)
    if incomplete:
        lines = "\n".join(f"  {line}" for line in dict.fromkeys(incomplete))
        sys.exit(f"Not complete; what is missing is listed above, and the same command goes on:\n{lines}")


def made(names: Sequence[str], overrides: Sequence[str], draw: bool, stand_ins: bool) -> list[str]:
    """Compute and write what is named; returns the command lines of which runs are missing.

    Raises:
        UserError: A name is none.
    """
    from alrun.analysis.paper import collect, exhibits, make

    asked = collect.Asked(tuple(overrides), stand_ins)
    known = [*exhibits.ALL, *GROUPS, *grid.of_the_paper()]
    for name in names:
        if name not in known:
            raise UserError(f"{name} is nothing of the paper; {closest(name, known)}")
    expanded = {"all": grid.of_the_paper(), "figures": [*exhibits.ALL, "claims", "index"]}
    incomplete = []
    for name in [each for given in names for each in expanded.get(given, [given])]:
        if name == "index":
            print(make.index(asked), flush=True)
        elif name in grid.of_the_paper():
            incomplete += make.experiment(name, asked)
        else:
            incomplete += [] if draw else collect.compute(make.needed(name), asked)
            print(make.write(name, asked), flush=True)
    return incomplete


if __name__ == "__main__":
    main()
