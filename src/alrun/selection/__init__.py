"""Algorithms that select points from a set: they know no labels, models or settings."""
