"""Weaviate, at an address: a collection of its own, or one that is there already."""
