"""Facility location over a graph of nearest neighbors: every row is compared with a few candidates only."""

import heapq

import numpy as np
import torch
from scipy.sparse import csc_array, csr_array
from torch import Tensor

from alrun.selection.mutual_neighbors import mutual_neighbors
from alrun.selection.similarity import Similarity


def neighbor_facility_location(similarity: Similarity, neighbors: int, size: int) -> Tensor:
    """Positions (size,) int64 that greedily maximize Σ_i max_{j in A} s_ij over the ``neighbors`` most similar j of i.

    Memory is n x neighbors instead of n x c. Ties go to the lower position; once no candidate adds anything, the rest
    is taken in order.

    Source: Lindgren, Wu and Dimakis, Leveraging Sparsity for Efficient Submodular Data Summarization, NeurIPS 2016.
    """
    count, n = len(similarity.candidates), len(similarity.rows)
    if not 0 < size <= count:
        raise ValueError(f"cannot choose {size} of {count} candidates")
    graph = neighbor_graph(similarity, min(neighbors, count))
    covered = np.zeros(n, dtype=np.float32)
    heap = [(-float(total), position) for position, total in enumerate(graph.sum(axis=0))]
    heapq.heapify(heap)
    chosen: list[int] = []
    while len(chosen) < size:
        _, position = heap[0]
        rows, values = graph_column(graph, position)
        gain = -float(np.maximum(values - covered[rows], 0).sum(dtype=np.float64))
        # An earlier gain is an upper bound: a candidate that is still first after its update is the best.
        _, first = heapq.heapreplace(heap, (gain, position))
        if heap[0][1] == first == position:
            heapq.heappop(heap)
            chosen.append(position)
            covered[rows] = np.maximum(covered[rows], values)
    return torch.tensor(chosen)


def neighbor_graph(similarity: Similarity, neighbors: int) -> csc_array:
    """Similarities (n, c) of every row to its most similar candidates, in float32."""
    rows, candidates = similarity.rows, similarity.candidates
    if rows is candidates:
        values, positions = (part.cpu() for part in mutual_neighbors(rows, similarity.kernel, neighbors))
    else:
        values, positions = Similarity(rows, candidates, similarity.kernel, memory=0).most_similar(neighbors)
    pointers = np.arange(0, values.numel() + 1, neighbors)
    shape = (len(rows), len(candidates))
    return csr_array((values.flatten().numpy(), positions.flatten().numpy(), pointers), shape).tocsc()


def graph_column(graph: csc_array, position: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows (m,) and similarities (m,) of the candidate at ``position``."""
    start, stop = graph.indptr[position], graph.indptr[position + 1]
    return graph.indices[start:stop], graph.data[start:stop]
