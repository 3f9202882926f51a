"""Selection against plain references: ``make bench-selection`` (ARGS="--quick", ARGS="--only BADGE,CORESET").

A reference does what the papers' public code does: it forms the points, and visits all of them once for every pick. It
is timed in the process that times the kernel, on the same points; for few picks, scaled to all, where all would take
hours. The floor is the larger of the arithmetic that the exact algorithm asks for, at the speed of this machine's
matrix product, and of the bytes that must be read, at the speed of its memory. Peak memory is above the inputs.
Wrappers cost what they wrap; strategies that are passes or training of a network above all (noise stability, learning
loss, VAAL) are timed in docs/strategies.md.
"""

import argparse
import gc
from time import perf_counter

import torch

from machine import matrix_product_speed, memory_bandwidth, peak_bytes, reset_peak
from selection_cases import adversarial, covering, gradient, scores, seeding, submodular
from selection_cases.case import WIDTH

TOPICS = (seeding, submodular, gradient, scores, covering, adversarial)
CASES = [case for topic in TOPICS for case in topic.CASES]
QUICK = 10_000  # largest n of --quick


def main() -> None:
    """Print a row per case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help=f"up to {QUICK} examples")
    parser.add_argument("--only", help="names of cases, separated by commas")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    speed, bandwidth = matrix_product_speed(), memory_bandwidth()
    print(
        f"{arguments.threads} threads, torch {torch.__version__}, matrix product {speed / 1e9:.0f} GFLOP/s, "
        f"memory {bandwidth / 1e9:.0f} GB/s, H = {WIDTH}"
    )
    print("n examples of C classes, b picks; s: seconds, MB: above the inputs, ×floor: seconds / floor,")
    print("×reference: how many times as fast as the reference")
    heads = ("n", "C", "b", "s", "MB", "floor s", "×floor", "reference s", "×reference")
    widths = (8, 5, 6, 9, 7, 9, 8, 13, 12)
    print(f"{'case':<28}" + "".join(f"{head:>{width}}" for head, width in zip(heads, widths, strict=True)))
    wanted = arguments.only.split(",") if arguments.only else [case.name for case in CASES]
    for case in CASES:
        if case.name not in wanted or (arguments.quick and case.n > QUICK):
            continue
        job = case.prepare(case)
        gc.collect()
        reset_peak()
        started, before = perf_counter(), peak_bytes()
        job.run()
        seconds, memory = perf_counter() - started, peak_bytes() - before
        floor = max(job.flops / speed, job.bytes / bandwidth)
        reference = job.reference() if job.reference else float("nan")
        print(
            f"{case.name:<28}{case.n:>8}{case.classes:>5}{case.size:>6}{seconds:>9.3f}{memory / 1e6:>7.0f}{floor:>9.3f}"
            f"{seconds / floor:>8.1f}{reference:>13.2f}{reference / seconds:>12.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
