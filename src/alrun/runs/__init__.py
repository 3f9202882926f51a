"""Runs on disk: a run's folder, state, tables, labels that people gave, and whether the run is done."""
