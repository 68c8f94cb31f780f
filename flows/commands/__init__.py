"""The command line: options in, words out. A command has no logic of its own."""
