"""What measures: how fast selection, training and the loop are, and a window on a GPU."""
