"""Experiments that travel with the package: data, found by their names."""
