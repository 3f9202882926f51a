"""Strategies beside the twelve that ``alrun.strategies`` names as the core; their options are chosen alike."""
