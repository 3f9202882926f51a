"""Algorithms on sets of points: no labels, models or settings in here."""
