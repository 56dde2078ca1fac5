"""What `compile` accepts: losses on logits, and names of metrics."""

from typing import Any

import keras

from atsc_keras.errors import InputError

_REDUCTION = "sum_over_batch_size"
_LOSSES_BY_NAME = {
    "sparse_categorical_crossentropy": (
        keras.losses.SparseCategoricalCrossentropy
    ),
    "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
}


def classification_loss(
    loss: str | keras.losses.Loss | None, dtype: str = "float32"
) -> keras.losses.Loss:
    """Resolve the compiled loss to one that takes logits.

    Args:
        loss: a name, which is then understood on logits; a Keras loss with
            `from_logits=True`, or one of your own that takes logits, averaged
            over the batch; default: sparse categorical cross-entropy.
        dtype: of a loss that is given by name; default float32.

    Returns:
        The loss object. Its kind says whether labels are class indices or
        one-hot rows.

    Raises:
        InputError: for a loss of another name or kind, one that takes
            probabilities, or one that is not averaged.
    """
    if loss is None:
        loss = "sparse_categorical_crossentropy"
    if isinstance(loss, str) and loss in _LOSSES_BY_NAME:
        return _LOSSES_BY_NAME[loss](from_logits=True, dtype=dtype)
    if not isinstance(loss, keras.losses.Loss):
        names = " or ".join(repr(name) for name in _LOSSES_BY_NAME)
        raise InputError(
            "`loss` must be a classification loss on logits. "
            f"Received: loss={loss!r}. Use {names}, or a keras.losses.Loss."
        )
    kerass = type(loss).__module__.partition(".")[0] == "keras"
    # One of the user's own need not say so.
    from_logits = loss.get_config().get("from_logits", not kerass)
    if not from_logits or loss.reduction != _REDUCTION:
        raise InputError(
            "`loss` must be a classification loss that takes logits, which "
            "the shared classifier gives, and averages over the batch. "
            f"Received: loss={type(loss).__name__}, from_logits={from_logits}, "
            f"reduction={loss.reduction!r}. Set from_logits=True and "
            f"reduction={_REDUCTION!r}, or use a name."
        )
    return loss


def check_metrics(taken: set[str], arguments: dict[str, Any]) -> None:
    """Check that the metrics of `compile` have names of their own.

    Args:
        taken: names of the means that training reports.
        arguments: of `compile`.

    Raises:
        InputError: if one has the name of such a mean.
    """
    for kind in ("metrics", "weighted_metrics"):
        for metric in keras.tree.flatten(arguments.get(kind)):
            name = getattr(metric, "name", None) or getattr(
                metric, "__name__", metric
            )
            if name in taken:
                raise InputError(
                    "A metric must not have the name of a mean that training "
                    f"reports. Received: {kind} with {name!r}. Name it "
                    f"otherwise: name='my_{name}'."
                )
