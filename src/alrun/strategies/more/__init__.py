"""Strategies besides the twelve core ones that ``alrun.strategies`` names; they are selected in the same way."""
