"""A module for each source, named after it; each has `load(config)`."""
