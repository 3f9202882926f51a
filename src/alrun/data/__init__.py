"""Data sets: where images and labels come from, how they are split, stored, normalized and augmented."""
