"""Data sets, and what shapes the pool and the seed set."""
