"""What writes the pages of the documentation from results and settings: ``make pages``."""
