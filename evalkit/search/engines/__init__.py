"""The programs that keep and search vectors: one file or folder each."""
