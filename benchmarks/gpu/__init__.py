"""A window on a GPU: its stages, the checks of its numbers, and what it computes."""
