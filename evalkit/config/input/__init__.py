"""What a config is made from: the files of conf/, the words of a command line, settings from Python."""
