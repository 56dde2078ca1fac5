"""What a source of images too large for memory offers."""

from typing import Any
from typing import Protocol

from atsc_keras.errors import InputError
from atsc_keras.types import Tensor


class Stream(Protocol):
    """Examples that are read and decoded each time they are used.

    Attributes:
        failure: What was wrong with the last example that could not be read.
    """

    failure: InputError | None

    def __len__(self) -> int:
        """Counts the examples."""

    def examples(self, key: Tensor | None) -> Any:
        """Reads every example once.

        Args:
            key: Decides the order, a pure function of it; an integer tensor
                of shape (2,). None = the order of the files.

        Returns:
            `tf.data.Dataset` of uint8 images (H, W, C) and int64 labels.
        """
