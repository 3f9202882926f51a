"""Selection against plain references: ``make bench-selection`` (ARGS="--largest 10000", ARGS="--only BADGE,CORESET").

A reference works like the papers' public code: it forms the points, and visits all of them once for every pick. It is
timed in the same process as the kernel, on the same points; if it would take hours, a few picks are timed and scaled to
all. The floor is the larger of two times: the arithmetic of the exact algorithm at the speed of this machine's matrix
product, and the bytes that must be read at the speed of its memory. Peak memory is above the inputs. Wrappers cost what
they wrap; strategies that mainly consist of passes or training (noise stability, learning loss, VAAL) are timed in
docs/evidence/strategies.md.
"""

import argparse
import gc
import sys
from pathlib import Path
from time import perf_counter

import torch

from alrun.system.device import describe, synchronize
from alrun.system.errors import first_line
from alrun.testing.peak_memory import peak_bytes, reset_peak
from benchmarks.machine import add_row, matrix_product_speed, memory_bandwidth
from benchmarks.selection_cases import adversarial, case, covering, gradient, scores, seeding, submodular
from benchmarks.selection_cases.case import WIDTH, Case

TOPICS = (seeding, submodular, gradient, scores, covering, adversarial)
CASES = [case for topic in TOPICS for case in topic.CASES]


def main() -> None:
    """Print a row per case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--largest", type=int, default=sys.maxsize, metavar="N", help="up to N examples")
    parser.add_argument("--only", help="names of cases, separated by commas")
    parser.add_argument("--device", default="cpu", help="cpu or cuda; a GPU needs --no-reference")
    parser.add_argument("--no-reference", action="store_true", help="time the kernels alone")
    parser.add_argument("--csv", type=Path, help="append all numbers to this file as well")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    where = case.DEVICE = torch.device(arguments.device)
    if where.type != "cpu" and not arguments.no_reference:
        parser.error(f"--device {where}: the references run on a CPU; add --no-reference.")
    speed, bandwidth = matrix_product_speed(where), memory_bandwidth(where)
    print(
        f"{describe(where)}, {arguments.threads} threads, torch {torch.__version__}, matrix product "
        f"{speed / 1e9:.0f} GFLOP/s, memory {bandwidth / 1e9:.0f} GB/s, H = {WIDTH}"
    )
    print("n examples of C classes, b picks; s: seconds, MB: above the inputs, ×floor: seconds / floor,")
    print("×reference: how many times as fast as the reference")
    heads = ("n", "C", "b", "s", "MB", "floor s", "×floor", "reference s", "×reference")
    widths = (8, 5, 6, 9, 7, 9, 8, 13, 12)
    print(f"{'case':<28}" + "".join(f"{head:>{width}}" for head, width in zip(heads, widths, strict=True)))
    wanted = arguments.only.split(",") if arguments.only else [each.name for each in CASES]
    failed: list[str] = []
    for each in CASES:
        if each.name not in wanted or each.n > arguments.largest:
            continue
        try:
            seconds, memory, floor, reference = measure_case(each, where, speed, bandwidth, not arguments.no_reference)
        except RuntimeError as error:  # a GPU's memory is full, or a kernel does not support the device
            failed.append(each.name)
            print(f"{each.name:<28}{each.n:>8}{each.classes:>5}{each.size:>6}  {first_line(error)}", flush=True)
            continue
        print(
            f"{each.name:<28}{each.n:>8}{each.classes:>5}{each.size:>6}{seconds:>9.3f}{memory / 1e6:>7.0f}{floor:>9.3f}"
            f"{seconds / floor:>8.1f}{reference:>13.2f}{reference / seconds:>12.1f}",
            flush=True,
        )
        row: dict[str, object] = {"case": each.name.strip(), "n": each.n, "classes": each.classes, "picks": each.size}
        numbers = {"seconds": seconds, "bytes": memory, "floor": floor, "reference": reference}
        add_row(arguments.csv, row | {"device": describe(where)} | numbers)
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


def measure_case(
    each: Case, where: torch.device, speed: float, bandwidth: float, compare: bool
) -> tuple[float, float, float, float]:
    """Seconds, bytes above the inputs, floor and reference of a case; on a GPU of a second run, with loaded kernels."""
    job = each.prepare(each)
    if where.type == "cuda":
        job.run()
    gc.collect()
    reset_peak(where)
    synchronize(where)
    started, before = perf_counter(), peak_bytes(where)
    job.run()
    synchronize(where)
    seconds, memory = perf_counter() - started, peak_bytes(where) - before
    reference = job.reference() if compare and job.reference else float("nan")
    return seconds, memory, max(job.flops / speed, job.bytes / bandwidth), reference


if __name__ == "__main__":
    main()
