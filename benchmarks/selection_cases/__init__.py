"""The cases of benchmarks/selection.py, by topic."""
