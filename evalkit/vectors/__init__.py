"""Stored vectors: cut to a width, read by blocks, quantized and given back."""
