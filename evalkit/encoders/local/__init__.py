"""Models that run here: one file per kind, the runtimes, and where weights come from."""
