"""BAIT: select examples whose Fisher information represents that of the pool."""

import torch
from torch import Tensor
from torch.nn import functional as F


class Information:
    """How each candidate's Fisher information, V_i V_i^T, changes tr(M^-1 F), kept up to date as M changes.

    V_i = S_i ⊗ h_i has k d rows and r columns and is never formed. Every change of M by one candidate costs one pass
    over all embeddings, a matrix product with 2 k r vectors; everything is float64, since thousands of changes add up.

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
        self.h, self.s = embedding.double(), spread.double()
        labeled = total_information(known[0].double(), known[1].double())
        self.fisher = labeled + total_information(self.h, self.s)
        one = torch.eye(len(labeled), dtype=torch.float64, device=labeled.device)
        inverse = torch.linalg.inv(share * labeled + ridge * one)
        self.inverse = (inverse + inverse.T) / 2
        self.q = self.quadratic(self.inverse)  # V_i^T M^-1 V_i, (n, r, r)
        self.g = self.quadratic(self.inverse @ self.fisher @ self.inverse)  # V_i^T M^-1 F M^-1 V_i

    def quadratic(self, matrix: Tensor) -> Tensor:
        """V_i^T ``matrix`` V_i of every candidate: (n, r, r), summed class by class."""
        (n, k, r), d = self.s.shape, self.h.shape[1]
        result = torch.zeros(n, r, r, dtype=torch.float64, device=self.h.device)
        blocks = matrix.view(k, d, k, d)
        for row in range(k):
            for column in range(k):
                form = ((self.h @ blocks[row, :, column]) * self.h).sum(1)
                result += form[:, None, None] * self.s[:, row, :, None] * self.s[:, column, None, :]
        return result

    def reduction(self, sign: int) -> Tensor:
        """How far tr(M^-1 F) falls if a candidate is added (``sign`` 1), or rises if it is removed (-1): (n,)."""
        one = torch.eye(self.q.shape[1], dtype=torch.float64, device=self.q.device)
        m = one + sign * self.q
        solved = self.g / m if m.shape[1] == 1 else torch.linalg.solve(m, self.g)
        return solved.diagonal(dim1=1, dim2=2).sum(1)

    def change(self, position: int, sign: int) -> None:
        """Add a candidate to M (``sign`` 1) or remove it (-1), by the Woodbury identity."""
        r = self.s.shape[2]
        v = (self.s[position][:, None, :] * self.h[position][:, None]).reshape(-1, r)  # (k d, r)
        u = self.inverse @ v
        w = self.inverse @ (self.fisher @ u)
        one = torch.eye(r, dtype=torch.float64, device=v.device)
        core = sign * torch.linalg.inv(one + sign * self.q[position])
        a, b = self.project(torch.cat([u, w], 1)).split(r, dim=2)
        ac = a @ core
        cross = b @ core @ a.mT
        self.q = self.q - ac @ a.mT
        self.g = self.g - cross - cross.mT + ac @ (u.T @ self.fisher @ u) @ ac.mT
        self.inverse.addmm_(u @ core, u.T, alpha=-1)

    def project(self, u: Tensor) -> Tensor:
        """V_i^T u of every candidate, for ``u`` (k d, c): (n, r, c)."""
        k, c = self.s.shape[1], u.shape[1]
        vectors = u.view(k, -1, c).permute(0, 2, 1).reshape(k * c, -1)  # a vector a row: twice as fast as a column
        return self.s.mT @ F.linear(self.h, vectors).view(-1, k, c)

    def keep(self, positions: Tensor) -> None:
        """Keep only the candidates at ``positions``, which become 0, 1, ...; M and F do not change."""
        self.h, self.s, self.q, self.g = (each[positions] for each in (self.h, self.s, self.q, self.g))


def total_information(h: Tensor, s: Tensor) -> Tensor:
    """Σ V_i V_i^T: (k d, k d)."""
    k, d = s.shape[1], h.shape[1]
    weight = s @ s.mT  # (n, k, k)
    result = torch.empty(k, d, k, d, dtype=h.dtype, device=h.device)
    for row in range(k):
        for column in range(k):
            result[row, :, column] = h.T @ (weight[:, row, column, None] * h)
    return result.view(k * d, k * d)


def bait(information: Information, size: int, oversample: float = 2.0) -> Tensor:
    """Positions (size,) int64: add ``oversample`` x size greedily, then remove those whose removal costs least.

    Source: Ash et al., Gone Fishing: Neural Active Learning with Fisher Embeddings, NeurIPS 2021, Algorithm 1.
    """
    n = len(information.h)
    if not 0 < size <= n:
        raise ValueError(f"cannot choose {size} of {n} points")
    taken = torch.zeros(n, dtype=torch.bool, device=information.h.device)
    chosen: list[int] = []
    for _ in range(min(n, max(size, round(oversample * size)))):
        chosen.append(int(information.reduction(1).masked_fill_(taken, -torch.inf).argmax()))
        taken[chosen[-1]] = True
        information.change(chosen[-1], 1)
    information.keep(torch.tensor(chosen, device=taken.device))
    left = torch.ones(len(chosen), dtype=torch.bool, device=taken.device)
    for _ in range(len(chosen) - size):
        least = int(information.reduction(-1).masked_fill_(~left, torch.inf).argmin())
        left[least] = False
        information.change(least, -1)
    return torch.tensor(chosen)[left.cpu()]
