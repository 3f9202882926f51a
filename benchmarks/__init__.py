"""Benchmarks of selection, training and the loop, and a window of time on a GPU."""
