"""Milvus as an engine: Milvus Lite in this process, or a server."""
