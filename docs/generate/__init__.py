"""Scripts that write pages of the documentation from results and settings: ``make pages``."""
