"""Models behind an HTTP API: one policy for all of them, and one small file per vendor."""
