"""Which settings exist: one dataclass per kind, with the types and ranges of their values."""
