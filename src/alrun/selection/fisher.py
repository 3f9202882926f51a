"""BAIT: select examples whose Fisher information represents that of the pool."""

import torch
from torch import Tensor

from alrun.selection.products import products
from alrun.selection.trace import Trace, reduction

SHORTLIST = 256  # columns of the candidates among which a block is chosen
FIRST, BLOCK = 8, 32  # picks of the first block, and most picks between two passes over all candidates
PART = 2048  # candidates whose products are computed together
BAND = 256  # rows of a symmetric matrix that are computed together
TRUST = 1e-4  # error of a promise, over the largest one, up to which it is good enough
DOUBT = 10  # how many times the largest error on the shortlist that of another candidate may be


class Information:
    """Candidates, each with Fisher information V_i V_i^T, of which some are added to M to lower tr(M^-1 F).

    V_i = S_i ⊗ h_i has k d rows and r columns and is never formed. A pass over all candidates costs as much as reading
    them, so several picks share one: a block is chosen greedily in float64 among the candidates that promise most, and
    one matrix product then says what every other candidate promised before each pick. The block is kept up to the first
    pick that another candidate may surpass. Promises are float32. Their error is measured on the shortlist, before each
    pick; where it has become too large, they are computed anew, and in float64 if that does not help.

    Args:
        embedding: h, (n, d).
        spread: S, (n, k, r).
        known: Factors of the labeled examples, embedding (m, d) and spread (m, k, r).
        ridge: λ: M starts as λ plus the information of the labeled examples. F is that of candidates and labeled ones.
        share: Weight of a labeled example in M; a candidate has weight 1.
    """

    def __init__(
        self, embedding: Tensor, spread: Tensor, known: tuple[Tensor, Tensor], ridge: float, share: float = 1.0
    ) -> None:
        self.h, self.s = embedding, spread
        self.labeled = total_information(*known, torch.float64)
        inverse = torch.linalg.inv(share * self.labeled + ridge * identity(self.labeled))
        self.inverse = (inverse + inverse.T) / 2
        self.taken = torch.zeros(len(embedding), dtype=torch.bool, device=embedding.device)
        self.block = block_size(spread.shape[2])
        self.shortlist = max(4 * self.block, SHORTLIST // spread.shape[2])
        self.set_precision(torch.float64 if len(embedding) <= self.shortlist else torch.float32)
        self.promise()

    def set_precision(self, dtype: torch.dtype) -> None:
        """Compute F, and later products with all candidates, in ``dtype``."""
        self.dtype = dtype
        self.fisher = self.labeled + total_information(self.h, self.s, dtype)

    def promise(self) -> None:
        """Compute q = V_i^T M^-1 V_i and g = V_i^T M^-1 F M^-1 V_i of every candidate, (n, r, r), anew."""
        self.q, self.g = self.quadratic(self.inverse, self.inverse @ self.fisher @ self.inverse)
        self.fresh = True

    def quadratic(self, *matrices: Tensor) -> Tensor:
        """V_i^T W V_i of every candidate and each symmetric matrix W: (len(matrices), n, r, r) float64."""
        (n, k, r), d, count = self.s.shape, self.h.shape[1], len(matrices)
        result = torch.zeros(count, n, r, r, dtype=torch.float64, device=self.h.device)
        for i in range(k):
            for j in range(i + 1):
                blocks = torch.stack([matrix.view(k, d, k, d)[i, :, j] for matrix in matrices])
                # h^T W h takes only the lower triangle of W + W^T.
                lower = ((blocks + blocks.mT).tril(-1) + blocks.diagonal(dim1=1, dim2=2).diag_embed()).to(self.dtype)
                for rows in parts(n):
                    h, s = self.h[rows].to(self.dtype), self.s[rows].double()
                    form = torch.zeros(len(h), count, dtype=torch.float64, device=h.device)
                    for band in bands(d):
                        columns = lower[:, band, : band.stop].flatten(0, 1)
                        along = products(h[:, : band.stop], columns).view(len(h), count, -1)
                        form += (along * h[:, None, band]).sum(2)
                    weight = outer(s[:, i], s[:, j])
                    weight = weight if i == j else weight + weight.mT
                    result[:, rows] += form.T[:, :, None, None] * weight
        return result

    def vectors(self, positions: Tensor) -> Tensor:
        """The columns of some candidates' V_i, candidate by candidate: (k d, len(positions) r) float64."""
        h, s = self.h[positions].double(), self.s[positions].double()
        return (s.mT[..., None] * h[:, None, None]).flatten(2).flatten(0, 1).T

    def among(self, positions: Tensor) -> tuple[Trace, Tensor, Tensor, Tensor]:
        """The trace for changes by some candidates alone; their columns V, M^-1 V and F M^-1 V, (k d, c)."""
        v, r = self.vectors(positions), self.s.shape[2]
        u = self.inverse @ v
        fu = self.fisher @ u
        if v.shape[1] > len(v):
            return Trace(self.inverse, self.inverse @ self.fisher @ self.inverse, r, v.T), v, u, fu
        return Trace(v.T @ u, u.T @ fu, r), v, u, fu

    def add(self, most: int) -> Tensor:
        """Choose up to ``most`` candidates greedily, at least one, and add them to M: their positions, in order."""
        promised = reduction(self.q, self.g, 1).masked_fill_(self.taken, -torch.inf)
        count = min(int((~self.taken).sum()), max(self.shortlist, most))
        short = promised.topk(count).indices.sort().values
        trace, *columns = self.among(short)
        exact = trace.reduction(1)
        if (promised[short] - exact).abs().max() > TRUST * exact.max() and self.improve():
            return self.add(most)
        picks, exact = greedy(trace, most)
        r = self.s.shape[2]
        own = (picks[:, None] * r + torch.arange(r, device=picks.device)).flatten()
        y, z = self.changes(*(each[:, own] for each in columns))
        a, b = self.project(torch.cat([y, z], 1)).view(-1, r, 2, most, r).permute(2, 0, 3, 1, 4)
        error = (self.promises(short, a, b) - exact).abs().amax(0)
        gain = exact[picks, torch.arange(most, device=picks.device)]
        others = ~self.taken
        others[short] = False
        doubtful = (self.best(others, a, b) > gain - DOUBT * error) | (error > TRUST * gain)
        doubtful[0] = False  # no other candidate promises more than the shortlist, as well as that can be known
        kept = int((doubtful.cumsum(0) == 0).sum())
        self.subtract(a[:, :kept], b[:, :kept], y[:, : kept * r])
        self.taken[short[picks[:kept]]] = True
        return short[picks[:kept]]

    def improve(self) -> bool:
        """Make promises more exact, if that is possible: whether it is."""
        if self.fresh and self.dtype == torch.float64:
            return False
        if self.fresh:
            self.set_precision(torch.float64)
        self.promise()
        return True

    def changes(self, v: Tensor, u: Tensor, fu: Tensor) -> tuple[Tensor, Tensor]:
        """What adding columns v one after another subtracts, of u = M^-1 v and F u: y and z, (k d, c).

        Column j subtracts y_j y_j^T from M^-1, and y_j z_j^T + z_j y_j^T from M^-1 F M^-1.
        """
        root = torch.linalg.cholesky(identity(v.T) + v.T @ u)
        y, fy = (torch.linalg.solve_triangular(root, each.T, upper=False).T for each in (u, fu))
        inner = y.T @ fy
        return y, self.inverse @ fy - y @ (inner.triu(1) + inner.diagonal().diag() / 2)

    def project(self, u: Tensor) -> Tensor:
        """V_i^T u of every candidate, for ``u`` (k d, c): (n, r, c)."""
        (n, k, r), c = self.s.shape, u.shape[1]
        vectors = u.to(self.dtype).view(k, -1, c).permute(0, 2, 1).reshape(k * c, -1)
        result = torch.empty(n, r, c, dtype=self.dtype, device=u.device)
        for rows in parts(n):
            along = products(self.h[rows].to(self.dtype), vectors).view(-1, k, c)
            result[rows] = times(self.s[rows].to(self.dtype).mT, along.mT)
        return result

    def promises(self, rows: Tensor | slice, a: Tensor, b: Tensor) -> Tensor:
        """What candidates promise before each pick that changes all by a = V_i^T y and b = V_i^T z: (rows, picks).

        a and b are of all candidates: (n, picks, r, r).
        """
        fall_q, fall_g = falls(a[rows], b[rows])
        q = self.q[rows][:, None] - (fall_q.cumsum(1) - fall_q)
        g = self.g[rows][:, None] - (fall_g.cumsum(1) - fall_g)
        return reduction(q, g, 1)

    def best(self, others: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """The largest of the ``promises`` of ``others`` (n,) bool: (picks,)."""
        result = torch.full(a.shape[1:2], -torch.inf, dtype=torch.float64, device=a.device)
        for rows in parts(len(a), a[0, 0].numel()):
            promised = self.promises(rows, a, b).masked_fill_(~others[rows, None], -torch.inf)
            result = torch.maximum(result, promised.amax(0))
        return result

    def subtract(self, a: Tensor, b: Tensor, y: Tensor) -> None:
        """Change M^-1 and all candidates by picks, as ``changes`` has them."""
        for rows in parts(len(a), a[0, 0].numel()):
            fall_q, fall_g = falls(a[rows], b[rows])
            self.q[rows] -= fall_q.sum(1)
            self.g[rows] -= fall_g.sum(1)
        self.inverse -= y @ y.T
        self.fresh = False


def bait(information: Information, size: int, oversample: float = 2.0) -> Tensor:
    """Positions (size,) int64: add ``oversample`` x size greedily, then remove those whose removal costs least.

    Source: Ash et al., Gone Fishing: Neural Active Learning with Fisher Embeddings, NeurIPS 2021, Algorithm 1.
    """
    n = len(information.h)
    if not 0 < size <= n:
        raise ValueError(f"cannot choose {size} of {n} points")
    count, most = min(n, max(size, round(oversample * size))), FIRST
    chosen = torch.empty(0, dtype=torch.int64, device=information.h.device)
    while len(chosen) < count:
        added = information.add(min(most, count - len(chosen)))
        chosen, most = torch.cat([chosen, added]), min(information.block, 2 * len(added))
    trace = information.among(chosen)[0]
    left = torch.ones_like(chosen, dtype=torch.bool)
    for _ in range(count - size):
        least = trace.reduction(-1).masked_fill_(~left, torch.inf).argmin(0, keepdim=True)
        left.index_fill_(0, least, False)
        trace.change(least, -1)
    return chosen[left].cpu()


def greedy(trace: Trace, count: int) -> tuple[Tensor, Tensor]:
    """Add the best candidate ``count`` times: positions (count,), and reductions before each addition (n, count)."""
    taken = torch.zeros(len(trace.q), dtype=torch.bool, device=trace.q.device)
    picks, reductions = [], []
    for _ in range(count):
        reductions.append(trace.reduction(1))
        picks.append(reductions[-1].masked_fill(taken, -torch.inf).argmax(0, keepdim=True))
        taken.index_fill_(0, picks[-1], True)
        trace.change(picks[-1], 1)
    return torch.cat(picks), torch.stack(reductions, 1)


def total_information(h: Tensor, s: Tensor, dtype: torch.dtype) -> Tensor:
    """Σ V_i V_i^T: (k d, k d) float64, summed over parts of the candidates in ``dtype``."""
    k, d = s.shape[1], h.shape[1]
    result = torch.zeros(k, d, k, d, dtype=torch.float64, device=h.device)
    for rows in parts(len(h)):
        columns, spread = h[rows].to(dtype).T.contiguous(), s[rows].to(dtype)
        weight = times(spread, spread)  # (n, k, k)
        for i in range(k):
            for j in range(i + 1):
                weighted = columns * weight[:, i, j]
                for band in bands(d):
                    result[i, band, j, : band.stop] += products(weighted[band], columns[: band.stop])
    for i in range(k):
        for j in range(i + 1):
            lower = result[i, :, j].tril()
            result[i, :, j] = result[j, :, i] = lower + lower.tril(-1).T
    return result.view(k * d, k * d)


def falls(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """How far q and g fall with each pick, of a and b (n, picks, r, r), in float64."""
    a, b = a.double(), b.double()
    cross = times(a, b)
    return times(a, a), cross + cross.mT


def block_size(r: int) -> int:
    """Most picks between two passes over candidates with ``r`` columns."""
    return max(FIRST, BLOCK // r)


def times(a: Tensor, b: Tensor) -> Tensor:
    """Matrix products a b^T in the last two dimensions; over a single number, torch would be slow at them."""
    return a * b.mT if a.shape[-1] == 1 else a @ b.mT


def outer(a: Tensor, b: Tensor) -> Tensor:
    """Outer products a b^T of vectors in the last dimension."""
    return a[..., :, None] * b[..., None, :]


def identity(like: Tensor) -> Tensor:
    """The identity matrix, as large as ``like`` has rows."""
    return torch.eye(len(like), dtype=like.dtype, device=like.device)


def parts(n: int, weight: int = 1) -> list[slice]:
    """Slices of n candidates, each of which takes ``weight`` times the usual memory."""
    step = max(1, PART // weight)
    return [slice(start, start + step) for start in range(0, n, step)]


def bands(n: int) -> list[slice]:
    """Slices of n rows."""
    return [slice(start, min(start + BAND, n)) for start in range(0, n, BAND)]
