"""Every strategy and facet of make golden, once on the GPU: does it run?"""
import sys, time, csv, os, logging
sys.path.insert(0, "scripts")
import torch
import golden
from alrun import config
golden.QUIET = ("runtime.device=cuda", "runtime.threads=1", "runtime.progress=false")
logging.disable(logging.WARNING)
config.register()
out = csv.writer(open(os.environ["OUT"] + "/strategies.csv", "w"))
out.writerow(["command", "seconds", "outcome"])
start = time.perf_counter()
n = bad = 0
commands = list(golden.commands())
for command in commands:
    if time.perf_counter() - start > float(sys.argv[1]): print("out of time at", command); break
    t = time.perf_counter()
    try:
        golden.digests(command); outcome = "ran"
    except BaseException as error:
        outcome = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"; bad += 1
        print(" ".join(command), outcome, flush=True)
    n += 1
    out.writerow([" ".join(command), round(time.perf_counter() - t, 2), outcome])
print(n, "of", len(commands), "commands,", bad, "failed,", round(time.perf_counter() - start, 1), "s")
