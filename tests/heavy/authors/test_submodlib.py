"""Submodular functions against submodlib, on the same kernels: values, and every greedy pick the best of its moment."""

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

from alrun.selection.greedy import SetFunction
from alrun.selection.set_functions import FacilityLocation, GraphCut, LogDeterminant
from alrun.selection.similarity import Similarity, cosine
from alrun.strategies import Query, Strategy
from alrun.strategies.more.submodular import Submodular, represent
from alrun.strategies.more.targeted import (
    ConditionalGain,
    ConditionalMutualInformation,
    MutualInformation,
    Targeted,
    mask_of_classes,
)
from alrun.testing.made_queries import make_query
from tests.heavy.authors.published import foreign


@pytest.fixture(scope="session")
def submodlib() -> ModuleType:
    return foreign("submodlib")


pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

RIDGE = 1e-2
QUERY, PRIVATE = [0], [1, 2]
SIZE = 8


def kernels(strategy: Targeted | Submodular, query: Query) -> dict[str, np.ndarray]:
    """Similarities of the pool (v), the query set (q) and the private set (p) to one another, in float64."""
    pool = represent(query.unlabeled, strategy.representation).normalized()
    sets = {"v": pool}
    if isinstance(strategy, Targeted):
        for name, classes in (("q", QUERY), ("p", PRIVATE)):
            sets[name] = strategy.known(query, mask_of_classes(query.labels, classes, "classes"))
    return {one + other: cosine(sets[one], sets[other]).double().numpy().copy() for one in sets for other in sets}


def reference(lib: ModuleType, name: str, k: dict[str, np.ndarray]):
    """submodlib's function of that name."""
    n, q, p = (len(k[each]) if each in k else 0 for each in ("vv", "qq", "pp"))
    made: dict[str, Callable] = {
        "facility_location": lambda: lib.FacilityLocationFunction(
            n, mode="dense", sijs=k["vv"], separate_rep=False, pybind_mode="array"
        ),
        "graph_cut": lambda: lib.GraphCutFunction(n, mode="dense", lambdaVal=1, ggsijs=k["vv"], separate_rep=False),
        "log_determinant": lambda: lib.LogDeterminantFunction(n, mode="dense", lambdaVal=RIDGE, sijs=k["vv"]),
        "flqmi": lambda: lib.FacilityLocationVariantMutualInformationFunction(n, q, query_sijs=k["vq"]),
        "flvmi": lambda: lib.FacilityLocationMutualInformationFunction(n, q, data_sijs=k["vv"], query_sijs=k["vq"]),
        "gcmi": lambda: lib.GraphCutMutualInformationFunction(n, q, query_sijs=k["vq"]),
        "com": lambda: lib.ConcaveOverModularFunction(
            n, q, query_sijs=k["vq"], mode=lib.functions.concaveOverModular.ConcaveOverModular.squareRoot
        ),
        "logdetmi": lambda: lib.LogDeterminantMutualInformationFunction(
            n, q, lambdaVal=RIDGE, data_sijs=k["vv"], query_sijs=k["vq"], query_query_sijs=k["qq"]
        ),
        "flcg": lambda: lib.FacilityLocationConditionalGainFunction(n, p, data_sijs=k["vv"], private_sijs=k["vp"]),
        "gccg": lambda: lib.GraphCutConditionalGainFunction(n, p, lambdaVal=1, data_sijs=k["vv"], private_sijs=k["vp"]),
        "logdetcg": lambda: lib.LogDeterminantConditionalGainFunction(
            n, p, lambdaVal=RIDGE, data_sijs=k["vv"], private_sijs=k["vp"], private_private_sijs=k["pp"]
        ),
        "flcmi": lambda: lib.FacilityLocationConditionalMutualInformationFunction(
            n, q, p, data_sijs=k["vv"], query_sijs=k["vq"], private_sijs=k["vp"]
        ),
        "logdetcmi": lambda: lib.LogDeterminantConditionalMutualInformationFunction(
            n,
            q,
            p,
            lambdaVal=RIDGE,
            data_sijs=k["vv"],
            query_sijs=k["vq"],
            query_query_sijs=k["qq"],
            private_sijs=k["vp"],
            private_private_sijs=k["pp"],
            query_private_sijs=k["qp"],
        ),
    }
    return made[name]()


PLAIN = {"facility_location": FacilityLocation, "graph_cut": GraphCut, "log_determinant": LogDeterminant}


def own(strategy: Strategy, name: str, query: Query) -> SetFunction | Tensor:
    """What alrun maximises."""
    if isinstance(strategy, Targeted):
        return strategy.function(represent(query.unlabeled, strategy.representation).normalized(), query)
    points = represent(query.unlabeled, "embedding").normalized()
    return PLAIN[name](Similarity(points, points, cosine, 1e9))


CASES: dict[str, Strategy] = {
    **{name: Submodular(name) for name in PLAIN},
    **{name: MutualInformation(name, QUERY) for name in ("flqmi", "flvmi", "gcmi", "com", "logdetmi")},
    **{name: ConditionalGain(name, PRIVATE) for name in ("flcg", "gccg", "logdetcg")},
    **{name: ConditionalMutualInformation(name, QUERY, PRIVATE) for name in ("flcmi", "logdetcmi")},
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("seed", [0, 1])
def test_values_and_greedy_picks_are_submodlibs(submodlib, name, seed):
    strategy = CASES[name]
    query = make_query(strategy, size=SIZE, n=90, labeled=25, seed=seed, images=lambda n: varied(n, seed))
    function = reference(submodlib, name, kernels(strategy, query))
    picks = strategy.select(query).tolist()
    mine = own(strategy, name, query)
    value, chosen = 0.0, set()
    for pick in picks:
        if isinstance(mine, Tensor):
            value += float(mine[pick])
        else:
            value += float(mine.gains(slice(pick, pick + 1))[0])
            mine.add(pick)
        values = {j: function.evaluate(chosen | {j}) for j in range(len(query.unlabeled)) if j not in chosen}
        best = max(values.values())
        assert values[pick] == pytest.approx(best, rel=1e-4, abs=1e-4), f"after {len(chosen)} picks"
        chosen.add(pick)
        assert value == pytest.approx(values[pick], rel=1e-3, abs=1e-3)


def varied(n: int, seed: int) -> Tensor:
    """Images of patches whose brightness differs, so that similarities do."""
    draws = torch.Generator().manual_seed(seed)
    scale = torch.rand(n, 1, 1, 1, generator=draws)
    return (torch.randint(256, (n, 1, 8, 8), generator=draws) * scale).to(torch.uint8)
