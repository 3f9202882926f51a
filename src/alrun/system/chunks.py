"""Passes over many images in chunks, which shrink if the device's memory does not suffice."""

import logging
from collections.abc import Callable

import torch

log = logging.getLogger(__name__)


def in_chunks(count: int, chunk: int, work: Callable[[slice], None]) -> None:
    """Call ``work`` with consecutive slices of ``range(count)``, of ``chunk``; half of that where memory runs out.

    ``work`` must leave nothing behind if it raises torch.OutOfMemoryError. A single image that does not fit raises.
    """
    start = 0
    while start < count:
        stop = min(start + chunk, count)
        try:
            work(slice(start, stop))
        except torch.OutOfMemoryError:
            if chunk == 1:
                raise
        else:
            start = stop
            continue
        # Outside the handler, so that what the failed pass held is free.
        chunk = max(1, min(chunk, count) // 2)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        log.warning("the device's memory is full: continuing with %d images at a time (runtime.chunk)", chunk)
