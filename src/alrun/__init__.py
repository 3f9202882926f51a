"""Deep active-learning experiments on image classification."""

__version__ = "0.2.0"

import os

# What torch's CPU threads do while they wait, read when torch is imported: spin for a moment, then sleep. GNU OpenMP's
# default is to spin so long that any other busy process slows training by an order of magnitude.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")
