"""Settings: their schema, checks, composition by Hydra, the objects that they name, and the names of runs."""
