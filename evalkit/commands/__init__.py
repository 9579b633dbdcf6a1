"""One file per command: read the config, call one function, print."""
