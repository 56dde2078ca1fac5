"""Random numbers that depend on nothing but (seed, epoch, batch, purpose).

No generator is carried along, so the middle of a run can be drawn without
what came before it.
"""

from atsc_keras.data.tensorflow import tf
from atsc_keras.types import Tensor

# The same algorithm on every device; `auto_select` may differ.
_ALGORITHM = "philox"


def make_key(seed: int | Tensor, *parts: int | Tensor) -> Tensor:
    """Derives a key from a seed and what the numbers are for.

    Args:
        seed: Seed of the run.
        *parts: Integers that tell this use from the others, in order.

    Returns:
        int64 tensor of shape (2,).
    """
    key = tf.stack([tf.cast(seed, "int64"), tf.constant(0, "int64")])
    for part in parts:
        key = extend_key(key, part)
    return key


def extend_key(key: Tensor, part: int | Tensor) -> Tensor:
    """Derives a further key from a key.

    Args:
        key: Of `make_key`.
        part: Integer that tells this use from the others.

    Returns:
        int64 tensor of shape (2,).
    """
    return tf.random.fold_in(key, tf.cast(part, "int64"), alg=_ALGORITHM)


def draw_permutation(count: int | Tensor, key: Tensor) -> Tensor:
    """Draws an order of `count` things.

    Args:
        count: How many.
        key: Of `make_key`.

    Returns:
        int64 tensor (count,), each of 0 .. count - 1 once.
    """
    # Sorting 64-bit numbers: a tie would need billions of examples.
    numbers = tf.random.stateless_uniform(
        [count], key, minval=None, maxval=None, dtype="int64", alg=_ALGORITHM
    )
    return tf.cast(tf.argsort(numbers, stable=True), "int64")


def draw_integers(shape: Tensor, limit: int, key: Tensor) -> Tensor:
    """Draws integers evenly.

    Args:
        shape: Shape of the result.
        limit: One more than the largest.
        key: Of `make_key`.

    Returns:
        int32 tensor with values in [0, limit).
    """
    return tf.random.stateless_uniform(
        shape, key, minval=0, maxval=limit, dtype="int32", alg=_ALGORITHM
    )


def draw_uniform(shape: Tensor, key: Tensor) -> Tensor:
    """Draws numbers evenly.

    Args:
        shape: Shape of the result.
        key: Of `make_key`.

    Returns:
        float32 tensor with values in [0, 1).
    """
    return tf.random.stateless_uniform(shape, key, alg=_ALGORITHM)
