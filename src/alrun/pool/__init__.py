"""The pool: what is labeled, and how a data set becomes one (shift, strangers, imbalance, redundancy, caps)."""
