"""What is fetched from a model hub: whole commits, checked against the hub's own list of files, or nothing."""

from evalkit.hub.selection import CODE, STATIC_MODEL, Need, model_files, only, refuse_pickles
from evalkit.hub.snapshot import Snapshot, commit_of, snapshot

__all__ = ["CODE", "STATIC_MODEL", "Need", "Snapshot", "commit_of", "model_files", "only", "refuse_pickles", "snapshot"]
