"""One run: data, networks and method wired together, written to a folder."""
