"""The words that every room uses in its annotations."""

from typing import Any, TypeAlias

# A tensor of whichever backend runs; none of them can be named here.
Tensor: TypeAlias = Any

# Sizes without the batch axis, channels last; None where unknown.
Shape: TypeAlias = tuple[int | None, ...]

# One scalar a name, as `fit` reports them.
Logs: TypeAlias = dict[str, Tensor]
