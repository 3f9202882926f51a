"""What benchmarks/training.py times."""
