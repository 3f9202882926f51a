"""What is freed is kept: steps that take the same memory again ask the system for few pages."""

import subprocess
import sys

import pytest

from alrun.system.allocator import keep_freed_memory

STEPS = 20

PROGRAM = f"""
import resource
import torch
from alrun.system.allocator import keep_freed_memory

def step():
    activations = [torch.ones(2**18) for _ in range(16)]  # 16 MB in blocks of 1 MB
    for _ in range(10):
        torch.ones(2**16)

assert keep_freed_memory()
for number in range(2 + {STEPS}):
    if number == 2:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not keep_freed_memory(), reason="the C library is not glibc")
def test_steps_after_the_first_ask_for_little_memory():
    pages = int(subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True).stdout)
    assert pages < 100 * STEPS  # 3,000 a step without it
