"""The cases of benchmarks/training.py."""
