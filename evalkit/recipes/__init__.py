"""A stored setting as text to paste: what builds it again in its engine, asks it, and says whose vectors it has."""
