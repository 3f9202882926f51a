"""Deep active-learning experiments on image classification."""

__version__ = "0.2.0"
