"""What embeddings are used for: one room for retrieval, one file for each other task."""
