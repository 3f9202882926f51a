"""The pool: what is labeled, and how a data set becomes one (redundancy, caps per class)."""
