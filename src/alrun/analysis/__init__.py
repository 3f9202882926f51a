"""From run folders to tables and figures. Nothing in here imports torch."""
