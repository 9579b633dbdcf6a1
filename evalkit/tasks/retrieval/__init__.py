"""Retrieval: rankings of documents, judged by relevance, for every setting of the grid."""
