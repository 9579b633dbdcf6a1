"""What a config alone can tell: which values can work, alone and together."""
