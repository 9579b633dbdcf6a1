"""Slips in what was written: one line each, with what was meant, or where it is today."""
