"""The order of work of a run, written once."""
