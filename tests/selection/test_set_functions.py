"""Each function against its definition in float64, and greedy choice against trying every candidate."""

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.sparse import csc_array
from torch import Tensor

from alrun.selection import greedy as greedy_module
from alrun.selection import neighbor_facility_location as neighbor_module
from alrun.selection import set_functions
from alrun.selection import similarity as similarity_module
from alrun.selection import uncovered as remaining_module
from alrun.selection.disparity import disparity_sum
from alrun.selection.greedy import greedy, lazy_greedy, maximize, stochastic_greedy
from alrun.selection.neighbor_facility_location import gains_at_first, graph_of, neighbor_facility_location
from alrun.selection.points import Dense, Outer
from alrun.selection.set_functions import FacilityLocation, FeatureBased, GraphCut, LogDeterminant, WeightedSum
from alrun.selection.similarity import Similarity, cosine, gaussian
from alrun.selection.uncovered import ENTRY, Uncovered

RIDGE = 1e-2


def cloud(n: int, seed: int = 0) -> Dense:
    return Dense(torch.randn(n, 4, generator=torch.Generator().manual_seed(seed))).normalized()


POOL, QUERY, PRIVATE = cloud(40), cloud(5, 1), cloud(6, 2)
ROWS = cloud(60, 3)  # two candidates that cover each other gain the same: among other rows there are no such ties


MEMORY = 1e9


def similarity(candidates: Dense = POOL, rows: Dense = POOL, memory: float | None = None) -> Similarity:
    return Similarity(candidates, rows, cosine, MEMORY if memory is None else memory)


@pytest.fixture(params=["held", "computed"])
def held(request, monkeypatch):
    """Whether similarities are held, or computed in tiles where two points share them."""
    if request.param == "computed":
        monkeypatch.setitem(globals(), "MEMORY", 6000)  # a matrix of 40 x 40 does not fit, what remains of it does
        monkeypatch.setattr(similarity_module, "TILE", 16)
    return request.param == "held"


def s(rows: Dense, columns: Dense) -> np.ndarray:
    return (1 + rows.x.double().numpy() @ columns.x.double().numpy().T) / 2


def log_det(matrix: np.ndarray) -> float:
    return np.linalg.slogdet(matrix + RIDGE * np.eye(len(matrix)))[1] if len(matrix) else 0.0


def conditional_log_det(a: list[int], given: Dense) -> float:
    joined = Dense(torch.cat([POOL.x[a], given.x]))
    return log_det(s(joined, joined)) - log_det(s(given, given))


W = np.linspace(0.5, 2, 40)
F_ = POOL.x.clamp_min(0)
V = s(POOL, POOL)
CAP, FLOOR = s(POOL, QUERY).max(1), 0.9 * s(POOL, PRIVATE).max(1)
MODULAR = s(POOL, QUERY).max(1)


def floats(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values).float()


def best(rows: np.ndarray, a: list[int]) -> np.ndarray:
    return rows[:, a].max(1) if a else np.zeros(len(rows))


FUNCTIONS: dict[str, tuple[Callable, Callable[[list[int]], float]]] = {
    "facility location": (lambda: FacilityLocation(similarity()), lambda a: best(V, a).sum()),
    "with weights": (lambda: FacilityLocation(similarity(), floats(W)), lambda a: (W * best(V, a)).sum()),
    "mutual, over the pool": (
        lambda: FacilityLocation(similarity(), cap=floats(CAP)),
        lambda a: np.minimum(best(V, a), CAP).sum(),
    ),
    "mutual, over the query": (
        lambda: FacilityLocation(similarity(POOL, QUERY), modular=floats(MODULAR)),
        lambda a: best(s(QUERY, POOL), a).sum() + MODULAR[a].sum(),
    ),
    "conditional": (
        lambda: FacilityLocation(similarity(), floor=floats(FLOOR)),
        lambda a: np.maximum(best(V, a) - FLOOR, 0).sum(),
    ),
    "conditional mutual": (
        lambda: FacilityLocation(similarity(), floor=floats(FLOOR), cap=floats(CAP)),
        lambda a: np.maximum(np.minimum(best(V, a), CAP) - FLOOR, 0).sum(),
    ),
    "graph cut": (
        lambda: GraphCut(similarity(), 0.7, floats(-MODULAR)),
        lambda a: 0.7 * V[:, a].sum() - V[np.ix_(a, a)].sum() - MODULAR[a].sum(),
    ),
    "log determinant": (lambda: LogDeterminant(similarity(), ridge=RIDGE), lambda a: log_det(V[np.ix_(a, a)])),
    "log determinant, given": (
        lambda: LogDeterminant(similarity(), similarity(PRIVATE, POOL), RIDGE),
        lambda a: conditional_log_det(a, PRIVATE),
    ),
    "log determinant, mutual": (
        lambda: WeightedSum(
            LogDeterminant(similarity(), ridge=RIDGE),
            LogDeterminant(similarity(), similarity(QUERY, POOL), RIDGE),
            -1,
        ),
        lambda a: log_det(V[np.ix_(a, a)]) - conditional_log_det(a, QUERY),
    ),
    "feature based": (
        lambda: FeatureBased(F_, floats(MODULAR)),
        lambda a: np.sqrt(F_.double().numpy()[a].sum(0)).sum() + MODULAR[a].sum(),
    ),
}


@pytest.mark.parametrize("sparse", [1, 4, 1024])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_gains_are_differences_of_the_function(monkeypatch, held, name, sparse):
    monkeypatch.setattr(set_functions, "SPARSE" if held else "SPARSE_COMPUTED", sparse)
    make, value = FUNCTIONS[name]
    function, chosen = make(), []
    for position in (3, 17, 0, 29, 8):
        expected = [value([*chosen, i]) - value(chosen) for i in range(40)]
        found = function.all_gains().double().numpy()
        others = [i for i in range(40) if i not in chosen]
        assert np.allclose(found[others], np.array(expected)[others], atol=2e-4)
        assert torch.allclose(function.gains(torch.tensor([5, 30])).double(), torch.tensor(found[[5, 30]]), atol=1e-5)
        function.add(position)
        chosen.append(position)


@pytest.mark.parametrize("sparse", [2, 1024])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_greedy_choice_equals_trying_every_candidate(monkeypatch, held, name, sparse):
    monkeypatch.setattr(set_functions, "SPARSE" if held else "SPARSE_COMPUTED", sparse)
    make, value = FUNCTIONS[name]
    picks = maximize(make(), 12).tolist()
    assert len(set(picks)) == 12
    for count in range(12):
        values = [value([*picks[:count], i]) for i in range(40) if i not in picks[:count]]
        assert value(picks[: count + 1]) > max(values) - 1e-4


@pytest.mark.parametrize("block", [1, 3, 100])
@pytest.mark.parametrize(("memory", "held", "sparse"), [(0, False, False), (9000, False, True), (1e9, True, True)])
def test_picks_do_not_depend_on_blocks_or_memory(monkeypatch, block, memory, held, sparse):
    expected = greedy(FacilityLocation(similarity(rows=ROWS)), 12)
    monkeypatch.setattr(greedy_module, "CANDIDATES", block)
    monkeypatch.setattr(set_functions, "SPARSE", 4)
    monkeypatch.setattr(set_functions, "SPARSE_COMPUTED", 4)
    function = FacilityLocation(similarity(rows=ROWS, memory=memory))
    picks = lazy_greedy(function, 40)
    assert picks[:12].equal(expected)
    assert len(picks.unique()) == 40  # the last ones gain nothing
    assert (function.similarity.matrix is not None, function.remaining is not None) == (held, sparse)


@pytest.mark.parametrize("chunk", [1, 50, 10_000])
def test_what_remains_is_what_lies_above_the_covered_and_fits_the_memory(monkeypatch, chunk):
    monkeypatch.setattr(remaining_module, "CHUNK", chunk)
    matrix, covered = torch.rand(30, 20), torch.rand(20)
    count = int((matrix > covered).sum())
    assert Uncovered.among(matrix.split(7), covered, ENTRY * (count - 1)) is None
    remaining = Uncovered.among(matrix.split(7), covered, ENTRY * count)
    more = covered + 0.2 * torch.rand(20)
    for level in (covered, more):
        remaining.forget(level)
        assert remaining.counts.equal((matrix > level).sum(1))
        for part in (slice(3, 9), torch.tensor([4, 29, 0])):
            expected = (matrix[part].double() - level.double()).clamp_min(0).sum(1)
            assert torch.allclose(remaining.gains(part, level, None).double(), expected, atol=1e-5)
    reached = more.clone()
    remaining.cover(8, reached)
    assert reached.equal(torch.maximum(more, matrix[8]))


@pytest.mark.parametrize("capped", [False, True])
@pytest.mark.parametrize("tile", [1, 7, 16, 1000])
def test_symmetric_similarities_that_remain_are_those_of_the_matrix(monkeypatch, tile, capped):
    monkeypatch.setattr(remaining_module, "TILE", tile)
    points = cloud(40)
    made = Similarity(points, points, cosine, 0)
    matrix, covered = made.of(slice(None)), 0.2 + 0.6 * torch.rand(40)
    cap = covered + torch.rand(40) - 0.3 if capped else None
    limited = matrix if cap is None else torch.minimum(matrix, cap)
    count = int((limited > covered).sum())
    assert Uncovered.symmetric(made, covered, cap, ENTRY * (count - 1)) is None
    found = Uncovered.symmetric(made, covered, cap, ENTRY * count)
    assert found is not None
    candidates, rows = (limited > covered).nonzero(as_tuple=True)
    assert found.counts.equal(torch.bincount(candidates, minlength=40))
    assert found.rows.equal(rows.int())
    assert torch.allclose(found.values, limited[candidates, rows], atol=1e-6)


def test_what_lies_below_the_floor_is_never_looked_at_again():
    function = FacilityLocation(similarity(memory=6000), floor=floats(FLOOR))
    assert function.remaining is not None
    assert int(function.remaining.counts.sum()) == int((V > FLOOR).sum())


def test_memory_bounds_the_matrix_and_what_remains_of_it():
    matrix = 4 * len(POOL) * len(ROWS)
    for memory in (matrix, 9 / 8 * matrix - 1, 9 / 8 * matrix, 2 * matrix):
        made = similarity(rows=ROWS, memory=memory)
        held = 0 if made.matrix is None else matrix
        assert held + made.spare == memory
        assert made.spare >= memory / 9


def test_sums_of_cosines_take_no_pass_over_pairs(monkeypatch):
    made, held = similarity(memory=0), similarity()
    expected, own = held.sums(), held.own()
    monkeypatch.setattr(Similarity, "of", None)
    assert torch.allclose(made.sums(), expected, atol=1e-4)
    assert torch.allclose(made.own(), own)


def test_equal_points_are_chosen_once_each():
    equal = Dense(torch.ones(9, 3)).normalized()
    for make in (FacilityLocation, GraphCut, LogDeterminant):
        assert len(maximize(make(Similarity(equal, equal, cosine, 1e9)), 9).unique()) == 9
    assert len(disparity_sum(equal, 9).unique()) == 9


def test_stochastic_greedy_comes_close_and_draws_again():
    large = cloud(300)
    value = lambda a: s(large, large)[:, a].max(1).sum()  # noqa: E731
    exact = value(lazy_greedy(FacilityLocation(similarity(large, large)), 20).tolist())
    found = []
    for seed in range(5):
        rng = torch.Generator().manual_seed(seed)
        picks = stochastic_greedy(FacilityLocation(similarity(large, large)), 20, rng, 0.1)
        assert len(picks.unique()) == 20
        found.append(value(picks.tolist()))
    assert len(set(found)) > 1
    assert all(0.97 * exact < each <= exact + 1e-6 for each in found)
    every = stochastic_greedy(FacilityLocation(similarity()), 40, torch.Generator().manual_seed(0), 0.5)
    assert sorted(every.tolist()) == list(range(40))


def test_a_graph_of_all_neighbors_is_facility_location():
    picks = neighbor_facility_location(similarity(rows=ROWS, memory=0), 40, 12)
    assert picks.tolist() == lazy_greedy(FacilityLocation(similarity(rows=ROWS)), 12).tolist()


@pytest.mark.parametrize("with_floor", [False, True])
def test_a_graph_has_each_value_above_the_floor_in_its_column(with_floor, monkeypatch):
    monkeypatch.setattr(neighbor_module, "ROWS", 7)
    draws = torch.Generator().manual_seed(0)
    values = torch.rand(50, 6, generator=draws)
    positions = torch.stack([torch.randperm(20, generator=draws)[:6] for _ in range(50)]).int()
    floor = torch.rand(50, generator=draws) if with_floor else None
    if floor is not None:
        floor[10:20] = 2  # rows without any
        floor[20:25] = -1  # rows with all
    expected = np.zeros((50, 20), dtype=np.float32)
    for row in range(50):
        for value, column in zip(values[row].tolist(), positions[row].tolist(), strict=True):
            if floor is None or value > floor[row]:
                expected[row, column] = value
    graph = graph_of(values, positions, 20, floor)
    assert (graph.toarray() == expected).all()
    assert graph.nnz == (expected > 0).sum()
    assert graph.indices.dtype == np.int32
    assert graph.has_sorted_indices
    if floor is not None:  # what is left takes its place: there is no copy
        assert sorted(values.flatten()[: graph.nnz].tolist()) == sorted(expected[expected > 0].tolist())


@pytest.mark.parametrize("weighted", [False, True])
def test_first_gains_take_little_memory_and_are_never_too_low(weighted, monkeypatch):
    monkeypatch.setattr(neighbor_module, "CANDIDATES", 100)
    numbers = np.random.default_rng(0)
    rows, columns, each = 3000, 1030, 200
    at = np.sort(np.argsort(numbers.random((columns, rows)), axis=1)[:, :each], axis=1).astype(np.int32)
    values = numbers.random(columns * each, dtype=np.float32)
    graph = csc_array((values, at.ravel(), np.arange(0, columns * each + 1, each)), (rows, columns))
    covered = numbers.random(rows, dtype=np.float32)
    weights = numbers.random(rows, dtype=np.float32) if weighted else None
    tracemalloc.start()
    bounds = gains_at_first(graph, covered, weights)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < graph.data.nbytes / 2
    above = np.maximum(graph.toarray().astype(np.float64) - covered[:, None], 0)
    gains = above.sum(0) if weights is None else weights.astype(np.float64) @ above
    assert (bounds >= gains).all()
    assert np.allclose(bounds, gains, rtol=2e-4)


def test_few_neighbors_keep_most_of_the_objective():
    large = cloud(300)
    value = lambda a: s(large, large)[:, a].max(1).sum()  # noqa: E731
    exact = value(lazy_greedy(FacilityLocation(similarity(large, large)), 30).tolist())
    picks = neighbor_facility_location(similarity(large, large), 30, 30)
    assert len(picks.unique()) == 30
    assert value(picks.tolist()) > 0.995 * exact
    assert sorted(neighbor_facility_location(similarity(), 2, 40).tolist()) == list(range(40))


def test_disparity_sum_takes_the_farthest_from_all_chosen():
    x = torch.randn(30, 3, generator=torch.Generator().manual_seed(0))
    distance = torch.cdist(x.double(), x.double())
    chosen = [int(x.norm(dim=1).argmax())]
    while len(chosen) < 10:
        total = distance[:, chosen].sum(1)
        total[chosen] = -1
        chosen.append(int(total.argmax()))
    assert disparity_sum(Dense(x), 10).tolist() == chosen


def test_kernels_equal_their_formulas():
    a, b = torch.randn(5, 3), torch.randn(7, 3)
    expected = np.exp(-torch.cdist(a.double(), b.double()).square().numpy() / 0.7**2)
    assert np.allclose(gaussian(0.7)(Dense(a), Dense(b)), expected, atol=1e-6)
    left, right = Outer(torch.randn(5, 2), a), Outer(torch.randn(7, 2), b)
    formed = [(o.a[:, :, None] * o.b[:, None, :]).flatten(1) for o in (left, right)]
    expected = (1 + torch.nn.functional.cosine_similarity(formed[0][:, None], formed[1], dim=2)) / 2
    assert torch.allclose(cosine(left.normalized(), right.normalized()), expected, atol=1e-6)


@pytest.mark.parametrize("size", [0, 41])
def test_sizes_that_cannot_be_are_refused(size):
    for choose in (
        lambda: maximize(FacilityLocation(similarity()), size),
        lambda: maximize(GraphCut(similarity()), size),
        lambda: neighbor_facility_location(similarity(), 3, size),
        lambda: disparity_sum(POOL, size),
        lambda: stochastic_greedy(FacilityLocation(similarity()), size, torch.Generator(), 0.1),
    ):
        with pytest.raises(ValueError, match=f"cannot choose {size} of 40"):
            choose()
