"""Qdrant as an engine: its own code in this process, or a server."""
