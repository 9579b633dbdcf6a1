"""Numbers to disk and back: the record, its store, provenance and exports."""
