"""Commands for maintainers, run from the tree: `python -m tools.NAME`."""
