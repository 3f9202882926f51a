"""The figures and tables of the paper as data: panels, their series, and the runs that they need."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

THREE = ("random", "entropy", "badge")
EIGHT = (*THREE[:2], "margin", "least_confidence", "badge", "glister", "coreset", "fass")
PARTITIONED = tuple("partitioned" if name == "badge" else name for name in EIGHT)  # CIFAR-100: BADGE in parts
LOW = (*EIGHT, "bald", "vaal", "deepfool")  # MNIST with few labels
SHOWN = {"partitioned": "badge"}  # strategies that have another name in the paper

Kind = Literal["accuracy", "relative", "efficiency", "matrix"]


class Part(NamedTuple):
    """Runs of one setting: an experiment, and the choices that select them from its sweep."""

    experiment: str
    choices: tuple[str, ...] = ()
    strategies: tuple[str, ...] = THREE
    name: str = ""  # its series are called <strategy>_<name>

    def of(self, *strategies: str) -> "Part":
        """The runs of some strategies alone."""
        return self._replace(strategies=strategies)

    def series(self, strategy: str) -> str:
        """The name of a strategy's series."""
        return "_".join(filter(None, (SHOWN.get(strategy, strategy), self.name)))


class Panel(NamedTuple):
    """Axes of a figure. Its title is that of curves.csv."""

    title: str
    kind: Kind
    parts: tuple[Part, ...]
    rounds: slice = slice(None)  # of a matrix
    common: bool = False  # of a matrix: rounds at numbers of labels that all series have

    @property
    def shown(self) -> list[str]:
        """The names of the series, in order."""
        against_random = self.kind in ("relative", "efficiency")
        return [
            part.series(strategy)
            for part in self.parts
            for strategy in part.strategies
            if not (against_random and strategy == "random")
        ]


@dataclass(frozen=True)
class Exhibit:
    """A figure or table of the paper."""

    title: str
    section: str
    panels: tuple[tuple[Panel, ...], ...] = ()  # of a figure, row by row
    parts: tuple[Part, ...] = ()  # of a table
    says: str = ""  # what the paper says about it in words only
    needed: tuple[Part, ...] = field(init=False)

    def __post_init__(self) -> None:
        parts = [*self.parts, *(part for row in self.panels for panel in row for part in panel.parts)]
        object.__setattr__(self, "needed", tuple(dict.fromkeys(parts)))

    @property
    def place(self) -> str:
        """Its place in the paper: ``Section 4.1``, ``Appendix B.2``."""
        return f"{'Section' if self.section[0].isdigit() else 'Appendix'} {self.section}"


def both(title: str, *parts: Part) -> tuple[Panel, Panel]:
    """Accuracy, and labeling efficiency below it."""
    return Panel(title, "accuracy", parts), Panel(title, "efficiency", parts)


def upper_and_lower(*pairs: tuple[Panel, Panel]) -> tuple[tuple[Panel, ...], ...]:
    """Accuracies in the upper row, efficiencies in the lower one."""
    return tuple(zip(*pairs, strict=True))  # type: ignore[return-value]


def options(experiment: str, group: str, **names: str) -> tuple[Part, ...]:
    """A part for each option of ``group``, by its name."""
    return tuple(Part(experiment, (f"{group}={option}",), name=name) for name, option in names.items())


def redundant(experiment: str, word: str) -> tuple[tuple[Panel, ...], ...]:
    """The panels of Figures 4 and 11."""
    pairs = [
        both(f"CIFAR-10 {factor}x {word}", Part(experiment, (f"redundancy.factor={factor}",)))
        for factor in (2, 5, 10, 20)
    ]
    return upper_and_lower(*pairs)


def augmented(model: str, network: str, adam: str = "") -> tuple[Panel, ...]:
    """A row of Figure 2."""
    no, yes = options(f"augmentation/{model}", "augmentation", noaug="none", aug="crop_flip")
    return (
        Panel(f"CIFAR-10 {network}{adam}", "accuracy", (no, yes)),
        Panel(f"CIFAR-10 {network} NoAug", "efficiency", (no,)),
        Panel(f"CIFAR-10 {network} Aug", "efficiency", (yes,)),
    )


def resets(experiment: str) -> tuple[Part, ...]:
    """Parts with new weights in each round, and with those of the round before."""
    return options(f"reset_update/{experiment}", "model_update", reset="reset", update="update")


def caps(dataset: str) -> tuple[Part, ...]:
    """A part for each cap on the examples of a class that may be queried."""
    names = {"1000": "c1000", "2000": "c2000", "3000": "c3000"}
    return options(f"per_class/{dataset}", "per_class_cap", **names)


BATCHES = options("batch_size/cifar10", "batch_size", b1000="b1000", b3000="b3000", b6000="b6000")
SEED_SETS = options(
    "seed_set/cifar10",
    "seed_set",
    random="random",
    facility_location="facility_location",
    dispersion_min="dispersion_min",
)
SGD, ADAM = options("optimizer/cifar10", "optimizer", sgd="sgd", adam="adam")
AUGMENTED = Part("augmentation/resnet18", ("augmentation=crop_flip",))
SUBSETS, WHOLE = options("dss/cifar10", "dss", grad_match="grad_match", none="none")
MNIST_LOW = Part("baseline/mnist_low", strategies=LOW)
BASELINES = {
    "CIFAR-10 ResNet-18": Part("baseline/cifar10", strategies=EIGHT),
    "CIFAR-100 ResNet-18": Part("baseline/cifar100", strategies=PARTITIONED),
    "Fashion-MNIST ResNet-18": Part("baseline/fashion_mnist", strategies=EIGHT),
    "SVHN ResNet-18": Part("baseline/svhn", strategies=EIGHT),
    "MNIST MNIST net": Part("baseline/mnist", strategies=EIGHT),
    "CIFAR-10 VGG-19": Part("baseline/cifar10_vgg19", strategies=EIGHT),
    "CIFAR-10 DLA": Part("baseline/cifar10_dla", strategies=EIGHT),
    "SVHN VGG-19": Part("baseline/svhn_vgg19", strategies=EIGHT),
}


def baselines(*titles: str) -> tuple[tuple[Panel, ...], ...]:
    """Panels of eight strategies on each baseline."""
    return upper_and_lower(*(both(title, BASELINES[title]) for title in titles))


def generalized(title: str, model: str, optimizer: str) -> tuple[Panel, Panel]:
    """A column of Figure 10."""
    return both(f"CIFAR-10 {title}", Part("generalization/cifar10", (f"model={model}", f"optimizer={optimizer}")))


def matrices(words: str, parts: tuple[Part, ...]) -> list[Panel]:
    """A penalty matrix for each strategy, of its settings at the rounds that all have."""
    return [
        Panel(f"{strategy}, by {words}", "matrix", tuple(part.of(strategy) for part in parts), common=True)
        for strategy in THREE
    ]


FIGURES = {
    "figure-1": Exhibit("Baselines", "4.1", baselines(*list(BASELINES)[:4])),
    "figure-2": Exhibit(
        "With and without augmentation",
        "4.2",
        (augmented("resnet18", "ResNet-18"), augmented("vgg11", "VGG-11", " (Adam)")),
    ),
    "figure-3": Exhibit("Adam against SGD", "4.3", ((Panel("CIFAR-10 ResNet-18", "accuracy", (ADAM, SGD)),),)),
    "figure-4": Exhibit("Redundancy by copies", "4.4", redundant("redundancy/duplicate", "duplicates")),
    "figure-5": Exhibit(
        "Examples per class",
        "4.5",
        (
            (
                Panel("CIFAR-10", "relative", caps("cifar10")),
                Panel("Fashion-MNIST", "relative", caps("fashion_mnist")),
                Panel("CIFAR-10", "efficiency", caps("cifar10")),
                Panel("Fashion-MNIST", "efficiency", caps("fashion_mnist")),
            ),
        ),
    ),
    "figure-6": Exhibit(
        "Reset against update", "4.7", ((Panel("CIFAR-10 ResNet-18", "accuracy", resets("cifar10")),),)
    ),
    "figure-7": Exhibit("MNIST", "B.1", (both("MNIST MNIST net", BASELINES["MNIST MNIST net"]),)),
    "figure-8": Exhibit("MNIST with few labels", "B.2", (both("MNIST, 50 to 150 labels", MNIST_LOW),)),
    "figure-9": Exhibit("More baselines", "B.3", baselines(*list(BASELINES)[5:])),
    "figure-10": Exhibit(
        "Weight averaging (SWA) and shake-shake (SS)",
        "C",
        upper_and_lower(
            generalized("SWA", "resnet18", "sgd_swa"),
            generalized("SS", "shake_shake_resnet18", "sgd"),
            generalized("SWA and SS", "shake_shake_resnet18", "sgd_swa"),
        ),
    ),
    "figure-11": Exhibit("Redundancy by altered copies", "D", redundant("redundancy/augment", "altered")),
    "figure-12": Exhibit(
        "Reset against update, with SGD and with Adam",
        "E",
        (
            (
                Panel("CIFAR-10 SGD, augmented", "accuracy", resets("cifar10")),
                Panel("CIFAR-10 Adam, not augmented", "accuracy", resets("cifar10_adam")),
            ),
            (
                Panel("SVHN SGD, augmented", "accuracy", resets("svhn")),
                Panel("SVHN Adam, not augmented", "accuracy", resets("svhn_adam")),
            ),
        ),
    ),
    "figure-13": Exhibit(
        "Penalty matrices of claims 1 and 2",
        "G",
        ((Panel("claim 1", "matrix", (AUGMENTED,)), Panel("claim 2", "matrix", (SGD, ADAM))),),
        says="The paper: entropy over BADGE 0.11, BADGE over entropy 0; entropy with SGD over entropy with Adam 0.89.",
    ),
    "figure-14": Exhibit(
        "Penalty matrices of claims 3 and 4",
        "G",
        tuple(zip(matrices("AL batch size", BATCHES), matrices("seed set", SEED_SETS), strict=True)),
        says="The paper: by AL batch size, over the five rounds that all have, no cell is above 0.2; by seed set no "
        "cell but entropy with a random one over entropy with facility location is above 0.",
    ),
    "figure-15": Exhibit(
        "Penalty matrices of claim 5",
        "G",
        (
            (
                Panel("the first four rounds", "matrix", resets("cifar10"), rounds=slice(0, 4)),
                Panel("the rounds after them", "matrix", resets("cifar10"), rounds=slice(4, None)),
            ),
        ),
        says="The paper: after the first four rounds every cell of a strategy's reset and update is 0.",
    ),
}

ACTIVE = ("entropy", "badge")
UPDATES = tuple(part.of(*ACTIVE) for part in resets("cifar10"))
TABLES = {
    "table-1": Exhibit("AL batch size", "4.6", parts=BATCHES),
    "table-2": Exhibit("Seed set", "4.6", parts=tuple(part.of(*ACTIVE) for part in SEED_SETS[:2])),
    **{
        f"table-{number}": Exhibit(f"Settings: {title}", "A.3")
        for number, title in enumerate(
            (
                "baselines",
                "augmentation",
                "optimizer and generalization",
                "redundancy",
                "examples per class",
                "AL batch size and seed set",
                "reset and update",
                "data subset selection",
            ),
            3,
        )
    },
    "table-11": Exhibit("Seconds of a selection", "B.2", parts=(MNIST_LOW,)),
    "table-12": Exhibit("Seconds of training and selection, round by round", "F", parts=UPDATES),
    "table-13": Exhibit("GRAD-MATCH in its rounds of full training", "F", parts=(SUBSETS, WHOLE)),
}
ALL = {**FIGURES, **TABLES}
