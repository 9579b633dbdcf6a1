"""Texts in, scores out: cross-encoders, and the scores that they gave before."""
