"""The active-learning loop, its components, and those who watch it."""
