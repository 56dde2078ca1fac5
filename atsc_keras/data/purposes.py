"""What random numbers of a run are for: their keys differ in this."""

ORDER = 0
AUGMENTATION = 1
WINDOWS = 2
# Of the key of a batch, after the three of `draw_placements`.
WINDOWS_OF_BATCH = 3
AUGMENTATIONS = 4  # and following
