"""Facility location over a graph of nearest neighbors: every row is compared with a few candidates only."""

import heapq

import numpy as np
import torch
from scipy.sparse import csc_array, csr_array
from torch import Tensor

from alrun.selection.cells import Cells
from alrun.selection.fill import fill_uniformly
from alrun.selection.mutual_neighbors import mutual_neighbors
from alrun.selection.points import Dense
from alrun.selection.similarity import Similarity

CANDIDATES = 2**14  # whose first gains are computed together
ROWS = 2**14  # whose neighbors are copied together


def neighbor_facility_location(similarity: Similarity, neighbors: int, size: int) -> Tensor:
    """Positions (size,) int64 that greedily maximize Σ_i max_{j in A} s_ij over the ``neighbors`` most similar j of i.

    Memory is n x neighbors instead of n x c. Ties go to the lower position; once no candidate adds anything, the rest
    is taken in order.

    Source: Lindgren, Wu and Dimakis, Leveraging Sparsity for Efficient Submodular Data Summarization, NeurIPS 2016.
    """
    count = len(similarity.candidates)
    if not 0 < size <= count:
        raise ValueError(f"cannot choose {size} of {count} candidates")
    return fill_uniformly(cover_rows(neighbor_graph(similarity, min(neighbors, count)), size), count, size, None)


def nearby_facility_location(points: Dense, nearby: int, size: int) -> Tensor:
    """``neighbor_facility_location`` of cosine similarities, of neighbors that are found approximately.

    Args:
        points: Of length 1.
        nearby: How many neighbors each of them has, itself among them.
        size: How many to choose.
    """
    if not 0 < size <= len(points):
        raise ValueError(f"cannot choose {size} of {len(points)} points")
    distances, positions = Cells(points.x).neighbors(min(nearby, len(points)))
    graph = graph_of(distances.mul_(-0.25).add_(1).cpu(), positions.cpu(), len(points))  # (1 + cos) / 2 = 1 - d² / 4
    return fill_uniformly(cover_rows(graph, size), len(points), size, None)


def cover_rows(
    graph: csc_array, size: int, floor: np.ndarray | None = None, weights: np.ndarray | None = None
) -> Tensor:
    """Up to ``size`` candidates that greedily maximize Σ_i w_i max(floor_i, max_{j in A} s_ij): (k,) int64.

    Ties go to the lower position. It ends early where no candidate adds anything.

    Args:
        graph: Similarities (n, c) of rows to candidates, those that count.
        size: How many to choose, at most.
        floor: What each row has before any choice (n,); None: 0.
        weights: Of the rows (n,), not below 0; None: all 1.
    """
    assert graph.shape is not None
    covered = np.zeros(graph.shape[0], dtype=np.float32) if floor is None else floor.astype(np.float32)
    bounds = graph.sum(axis=0) if floor is None and weights is None else gains_at_first(graph, covered, weights)
    heap = [(-float(total), position) for position, total in enumerate(bounds)]
    heapq.heapify(heap)
    chosen: list[int] = []
    while len(chosen) < size and heap:
        _, position = heap[0]
        rows, values = graph_column(graph, position)
        raised = np.maximum(values - covered[rows], 0)
        gain = -float(raised.sum(dtype=np.float64) if weights is None else raised.astype(np.float64) @ weights[rows])
        # An earlier gain is an upper bound: a candidate that is still first after its update is the best.
        _, first = heapq.heapreplace(heap, (gain, position))
        if heap[0][1] == first == position:
            if gain == 0:
                break
            heapq.heappop(heap)
            chosen.append(position)
            covered[rows] = np.maximum(covered[rows], values)
    return torch.tensor(chosen, dtype=torch.int64)


def gains_at_first(graph: csc_array, covered: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """At least the gain of each candidate where rows have ``covered`` (n,): (c,), in float32."""
    bounds = np.zeros(graph.indptr.size - 1, dtype=np.float32)
    for start in range(0, len(bounds), CANDIDATES):
        pointers = graph.indptr[start : start + CANDIDATES + 1]
        part = slice(pointers[0], pointers[-1])
        rows = graph.indices[part]
        above = graph.data[part] - covered[rows]
        np.maximum(above, 0, out=above)
        if weights is not None:
            above *= weights[rows]
        shape = len(covered), len(pointers) - 1
        bounds[start : start + CANDIDATES] = csc_array((above, rows, pointers - pointers[0]), shape).sum(axis=0)
    return bounds * np.float32(1 + 1e-4)  # sums in single precision must not fall below the gains that they bound


def neighbor_graph(similarity: Similarity, neighbors: int) -> csc_array:
    """Similarities (n, c) of every row to its most similar candidates, in float32."""
    rows, candidates = similarity.rows, similarity.candidates
    if rows is candidates:
        values, positions = (part.cpu() for part in mutual_neighbors(rows, similarity.kernel, neighbors))
    else:
        values, positions = Similarity(rows, candidates, similarity.kernel, memory=0).most_similar(neighbors)
    return graph_of(values, positions, len(candidates))


def graph_of(values: Tensor, positions: Tensor, candidates: int, floor: Tensor | None = None) -> csc_array:
    """Similarities (n, candidates) by candidate, from the ``values`` (n, k) of those at ``positions`` (n, k).

    Those that are not above the ``floor`` (n,) of their row can never count, and are left out; the others take their
    places in ``values``, and in int32 ``positions``. Both must be on the CPU.
    """
    rows, k = values.shape
    index = np.int32 if rows * k < 2**31 else np.int64  # scipy takes the wider type of both arrays for each
    pointers = np.arange(0, rows * k + 1, k, dtype=index)
    every, at = values.flatten().numpy(), positions.flatten().numpy().astype(index, copy=False)
    if floor is not None:
        counts = (values > floor[:, None]).numpy()
        pointers[1:] = counts.sum(1).cumsum()
        for start in range(0, rows, ROWS):  # in place: of a large pool, a copy is a gigabyte
            stop = min(start + ROWS, rows)
            kept, before = counts[start:stop].ravel(), slice(start * k, stop * k)
            after = slice(pointers[start], pointers[stop])
            every[after], at[after] = every[before][kept], at[before][kept]
        every, at = every[: pointers[-1]], at[: pointers[-1]]
    return csr_array((every, at, pointers), (rows, candidates)).tocsc()


def graph_column(graph: csc_array, position: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows (m,) and similarities (m,) of the candidate at ``position``."""
    start, stop = graph.indptr[position], graph.indptr[position + 1]
    return graph.indices[start:stop], graph.data[start:stop]
