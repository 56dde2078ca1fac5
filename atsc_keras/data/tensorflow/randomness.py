"""The keys of `data.randomness` in TensorFlow, eager or in a graph."""

from collections.abc import Sequence
from typing import Self

from atsc_keras.data.tensorflow import tf
from atsc_keras.types import Tensor


class TensorKey:
    """A `Key` that draws by TensorFlow.

    The algorithm is TensorFlow's choice, which on the CPU that prepares batches
    is Philox: asked for by name, each draw has fifteen operations more.

    Args:
        words: int64 tensor (2,).
    """

    def __init__(self, words: Tensor) -> None:
        self.words = words

    @classmethod
    def from_seed(cls, seed: int | Tensor, *parts: int | Tensor) -> Self:
        """Derive a key from a seed and what the numbers are for."""
        words = tf.stack([tf.cast(seed, "int64"), tf.constant(0, "int64")])
        return cls(words).extend(*parts)

    def extend(self, *parts: int | Tensor) -> Self:
        """Derive a further key; see `Key`."""
        words = self.words
        for part in parts:
            part = tf.cast(part, "int64")
            words = tf.random.fold_in(words, part)
        return type(self)(words)

    def permutation(self, count: int | Tensor) -> Tensor:
        """Draw an order of `count` things; see `Key`."""
        # Sorting 64-bit numbers: a tie would need billions of examples.
        numbers = tf.random.stateless_uniform(
            [count],
            self.words,
            minval=None,
            maxval=None,
            dtype="int64",
        )
        return tf.cast(tf.argsort(numbers, stable=True), "int64")

    def integers(self, shape: Sequence[int | Tensor], limit: int) -> Tensor:
        """Draw integers evenly; see `Key`."""
        return tf.random.stateless_uniform(
            shape,
            self.words,
            minval=0,
            maxval=limit,
            dtype="int32",
        )

    def uniform(self, shape: Sequence[int | Tensor]) -> Tensor:
        """Draw float32 numbers evenly from [0, 1)."""
        return tf.random.stateless_uniform(shape, self.words)
