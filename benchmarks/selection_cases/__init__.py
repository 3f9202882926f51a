"""What benchmarks/selection.py times."""
