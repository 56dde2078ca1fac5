"""What a source of images too large for memory offers."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from atsc_keras.data.cropping import RandomWindow
from atsc_keras.errors import InputError
from atsc_keras.types import Tensor


class Stream(Protocol):
    """Examples that are read and decoded each time they are used.

    Attributes:
        failure: What was wrong with the last example that could not be read.
    """

    @property
    def failure(self) -> InputError | None:
        """Says it, or None."""

    def __len__(self) -> int:
        """Counts the examples."""

    def labels(self) -> NDArray[np.int64]:
        """Reads every label, int64 (N,), and no image."""

    def examples(
        self,
        key: Tensor | None,
        window: RandomWindow | None = None,
        skipped: Tensor | int = 0,
    ) -> Any:
        """Reads every example once.

        Args:
            key: Decides the order, a pure function of it; an integer tensor
                of shape (2,). None = the order of the files.
            window: Decides which window of each image is read, as different
                for each as its place in the order; None = the whole image,
                resized as the config says.
            skipped: Examples at the beginning of the order that are left out.

        Returns:
            `tf.data.Dataset` of uint8 images (H, W, C) and int64 labels.
        """
