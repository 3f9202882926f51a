"""Deep active-learning experiments on image classification."""

__version__ = "0.1.0"
