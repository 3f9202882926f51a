"""Pretrained networks, and the store of the features that they make of a data set once for all runs."""
