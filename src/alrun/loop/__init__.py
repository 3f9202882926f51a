"""The active-learning loop, its components, and its observers."""
