"""FAISS: factory strings, indexes, building, and search on a GPU."""
