"""The typed schema of conf/: which keys exist, and of which type."""
