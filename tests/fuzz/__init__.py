"""Mutated input of every kind: a sample of each in every run of the suite, all of them by ``make fuzz``."""
