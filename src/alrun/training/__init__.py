"""One round's training: epochs, stop rules, optimizers, checkpoints, subsets, and the evaluation after it."""
