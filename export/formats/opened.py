"""A file in its runtime, and what it says of itself."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

Outputs = dict[str, np.ndarray]
Predict = Callable[[np.ndarray], Outputs]


class Form(NamedTuple):
    """What an input or output is.

    Attributes:
        dtype: numpy's word, where it has one.
        shape: with the batch; None for a size that is not fixed.
    """

    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Opened:
    """A file of any origin in its runtime: images -> outputs by their names.

    Attributes:
        inputs: by their names.
        outputs: by their names, in the file's order.
        run: runs it on what its one input takes.
        contract: what it says that clients send and get, as
            `Source.contract` writes it; default: nothing.
        class_names: that it carries; default: none.
    """

    inputs: Mapping[str, Form]
    outputs: Mapping[str, Form]
    run: Predict
    contract: Mapping[str, Any] | None = None
    class_names: list[str] | None = None

    def __call__(self, images: np.ndarray) -> Outputs:
        """Run it on images `(B, H, W, C)`, of the dtype that it takes."""
        return self.run(images)

    @property
    def short_side(self) -> int | None:
        """The short side of pictures before their centre is cut out."""
        said = (self.contract or {}).get("input", {}).get("short_side")
        return said if isinstance(said, int) else None


def read_contract(text: str | bytes | None) -> dict[str, Any] | None:
    """Read what `Source.contract` writes; None where it is anything else."""
    try:
        found = json.loads(text or "")
    except ValueError:
        return None
    of_input = found.get("input") if isinstance(found, dict) else None
    return found if isinstance(of_input, dict) else None


def read_lines(text: str) -> list[str]:
    """Read class names, a line each, as `Source.label_lines` writes them."""
    return text.removesuffix("\n").split("\n")
