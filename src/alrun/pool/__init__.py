"""The pool: what is labeled, how a data set becomes one (shift, strangers, imbalance, redundancy), and who answers."""
