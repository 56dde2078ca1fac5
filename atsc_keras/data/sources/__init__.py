"""A module for each source, named after it; each has `load(config)`.

`look(config)` reads no pixels: it checks what paths and headers show, and
returns how many training images there are, or None.
"""
