"""Matrix products of rows with rows, by the faster of the two libraries that torch has on a CPU."""

import platform
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

# When a convolution is worth its overhead: at least this many columns, at most this many columns per row, this depth.
COLUMNS, WIDER, DEPTH = 8, 8, 64


def products(rows: Tensor, columns: Tensor, offset: Tensor | None = None) -> Tensor:
    """<rows_i, columns_j> + offset_j: (n, m), of ``rows`` (n, d), ``columns`` (m, d) and ``offset`` (m,).

    torch multiplies matrices with Intel's MKL, which uses AVX-512 on Intel's processors only, and convolves with
    oneDNN, which uses it on all. Where that matters, the rows become the pixels of an image and the columns 1x1
    filters: the same sums in float32, faster.
    """
    (n, d), m = rows.shape, len(columns)
    suits = m >= COLUMNS and m <= WIDER * n and d >= DEPTH
    if not (suits and can_be_pixels(rows)):
        return F.linear(rows, columns, offset)
    pixels = rows.contiguous().as_strided((1, d, n, 1), (n * d, 1, d, d))
    # Dilation does nothing to 1x1 filters; without it torch computes them by MKL if there is one thread.
    image = F.conv2d(pixels, columns.contiguous()[:, :, None, None], offset, dilation=2)  # (1, m, n, 1), channels last
    return image[0, :, :, 0].T


class Repeated:
    """A matrix (n, d) for many products from both sides, with a transposed copy where that makes them faster."""

    def __init__(self, rows: Tensor) -> None:
        self.rows = rows
        self.columns = rows.T.contiguous() if can_be_pixels(rows) else None

    def times(self, columns: Tensor) -> Tensor:
        """Products of the rows with ``columns`` (m, d): (n, m)."""
        return products(self.rows, columns)

    def sums(self, weights: Tensor) -> Tensor:
        """Sums of the rows with ``weights`` (n, m): (m, d)."""
        return weights.T @ self.rows if self.columns is None else products(self.columns, weights.T).T

    def squares(self, weights: Tensor) -> Tensor:
        """The sum of each row's square matrix times its weight, of positive ``weights`` (n, 1): (d, d)."""
        if self.columns is None:
            weighted = self.rows * weights.sqrt()
            return weighted.T @ weighted
        weighted = self.columns * weights.T.sqrt()
        return products(weighted, weighted)


def can_be_pixels(rows: Tensor) -> bool:
    """Whether products with ``rows`` may be convolutions, and these are faster."""
    return rows.dtype == torch.float32 and rows.device.type == "cpu" and convolving_is_faster()


@cache
def convolving_is_faster() -> bool:
    """Whether this processor has AVX-512 and is not Intel's, and torch has both libraries."""
    both = torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()
    return both and torch.backends.cpu.get_cpu_capability() == "AVX512" and not is_intel()


def is_intel() -> bool:
    """Whether Intel made this machine's processor."""
    try:
        return "GenuineIntel" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return "GenuineIntel" in platform.processor()
