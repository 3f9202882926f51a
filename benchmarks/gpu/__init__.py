"""A window of time on a GPU: its stages, the checks of its numbers, and its runs."""
