"""Taking any Keras classifier apart: encoder, pooling layers, Dense."""

from typing import Any

import keras
import numpy as np

from atsc_keras.errors import InputError
from atsc_keras.models.graphs import (
    Place,
    has_graph,
    leaf_layers,
    model_until,
    step_back,
)
from atsc_keras.models.heads import Head, read_head
from atsc_keras.models.inputs import with_plain_input
from atsc_keras.models.parts import (
    RESHAPING,
    SCORES,
    VECTOR_POOLING,
    Parts,
    is_vector,
    strip_pooling,
)
from atsc_keras.types import Tensor

_HEAD_ACTIVATIONS = ("linear", "softmax", "sigmoid")
_LAYERS_SHOWN = 12


def _activation(layer: Any) -> str | None:
    """Name the function that a pure activation layer applies."""
    if isinstance(layer, keras.layers.Softmax):
        return "softmax"
    if isinstance(layer, keras.layers.Activation):
        return _name(layer.activation)
    return None


def _name(activation: Any) -> str | None:
    """Name an activation; None where it is an object without one."""
    return getattr(activation, "__name__", None)


def _strip_activations(place: Place) -> tuple[Place, bool]:
    """Take activations off, one softmax or sigmoid at most; tell if so."""
    taken = False
    while (step := step_back(place)) is not None:
        name = _activation(step[0])
        if name not in _HEAD_ACTIVATIONS or (taken and name != "linear"):
            break
        taken = taken or name != "linear"
        place = step[1]
    return place, taken


def _strip_dense(
    place: Place, activated: bool
) -> tuple[keras.layers.Dense | None, Place]:
    """Take the last Dense, or the 1x1 convolution of a pooled map, off.

    Args:
        place: of what it gives.
        activated: whether a softmax or sigmoid follows.
    """
    step = step_back(place)
    while step is not None and isinstance(step[0], RESHAPING):
        if not is_vector(step[1].tensor):
            return None, place
        step = step_back(step[1])
    if step is None:
        return None, place
    layer, before = step
    activation = _name(getattr(layer, "activation", None))
    allowed = _HEAD_ACTIVATIONS[:1] if activated else _HEAD_ACTIVATIONS
    if activation not in allowed or not is_vector(before.tensor):
        return None, place
    if place.tensor.shape[-1] == 1:  # two classes in one sigmoid unit
        return None, place
    if isinstance(layer, keras.layers.Dense):
        return layer if activation == "linear" else _dense_of(layer), before
    if (
        isinstance(layer, keras.layers.Conv2D)
        and layer.kernel_size == (1, 1)
        and layer.groups == 1
    ):
        return _dense_of(layer), before
    return None, place


def _dense_of(layer: Any) -> keras.layers.Dense:
    """Make a linear Dense with the values and settings of another head.

    Keras has no public way to let two layers share a kernel.
    """
    dense = keras.layers.Dense(
        layer.kernel.shape[-1],
        use_bias=layer.use_bias,
        kernel_regularizer=layer.kernel_regularizer,
        bias_regularizer=layer.bias_regularizer,
        kernel_constraint=layer.kernel_constraint,
        bias_constraint=layer.bias_constraint,
        trainable=layer.trainable,
        name=layer.name,
        dtype=layer.dtype_policy,
    )
    own = [layer.kernel, layer.bias] if layer.use_bias else [layer.kernel]
    weights = [np.array(keras.ops.convert_to_numpy(weight)) for weight in own]
    # Of a 1x1 convolution this drops the window's axes.
    weights[0] = weights[0].reshape(weights[0].shape[-2:])
    dense.build((None, len(weights[0])))
    dense.set_weights(weights)
    return dense


def split_model(model: keras.Model, classes: int | None = None) -> Parts:
    """Split a Functional or Sequential model, nested models included.

    From the output backwards: softmax or sigmoid layers, the last Dense (a
    1x1 convolution of pooled features counts as one), the pooling layers or a
    nested model named "pooler"; what remains is the encoder. A Dense with
    another activation belongs to the encoder. A head that is not a linear
    Dense is copied as one; all other weights are shared with the model.

    Any other end is read by `read_head`: where it equals a Dense on the mean
    or maximum of the last map (a 1x1 convolution in front of averaging, a
    temperature, an average of two heads), that Dense is made; else the class
    scores are the features, and the Dense passes them on.

    Args:
        model: image `(B, H, W, C)` -> one output. A model without top is its
            own encoder, up to its pooling layers; a model made of `encoder`,
            `pooler` and `classifier` is split already.
        classes: that a head should know; default: not known.

    Returns:
        The parts.

    Raises:
        InputError: if the model has no graph, or not one image input and
            features of rank 2 or 4; or channels first.
    """
    if not has_graph(model):
        return _named_parts(model)
    model = with_plain_input(model)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise _cannot_split(
            model,
            f"has {len(model.inputs)} inputs and {len(model.outputs)} outputs",
        )
    end = Place(model.outputs[0], (model,))
    classifier, place = _strip_dense(*_strip_activations(end))
    if classifier is None and _may_be_scores(end.tensor):
        head = read_head(model, classes)
        if head is not None:
            return _parts_of(model, head)
        if end.tensor.shape[-1] == 1:
            raise _cannot_split(
                model,
                "gives one number an image, and no sigmoid makes it that of "
                "two classes",
            )
    pooling, features = strip_pooling(place if classifier else end)
    if len(features.tensor.shape) not in (2, 4):
        raise _cannot_split(
            model,
            f"gives features of shape {tuple(features.tensor.shape)}, "
            "neither a map (B, h, w, C) nor a vector (B, C)",
        )
    encoder = model
    if features.tensor is not model.outputs[0]:
        encoder = model_until(features)
    if classifier is not None and classifier in leaf_layers(encoder):
        classifier = _dense_of(classifier)  # it is used in the encoder too
    return Parts(encoder, pooling, classifier, encoder)


def split_student(model: keras.Model, classes: int | None) -> Parts:
    """Split a model whose encoder is to give features, not class scores.

    Args:
        model: as for `split_model`.
        classes: likewise.

    Returns:
        The parts; no classifier where that one needs the scores.

    Raises:
        InputError: if the model cannot be split so.
    """
    parts = split_model(model, classes)
    if not parts.of_scores:
        return parts
    if parts.body is None:
        raise _cannot_split(
            model, "gives class scores for features; give the model it is of"
        )
    return Parts(parts.body, [], None, parts.body)


def _may_be_scores(tensor: Tensor) -> bool:
    return all(size == 1 for size in tensor.shape[1:-1])


def _parts_of(model: keras.Model, head: Head) -> Parts:
    """Make parts of an end that was read by its numbers."""
    images, before = head.logits.inputs[0], head.before
    body = None if before is None else keras.Model(images, before)
    place = Place(head.logits.outputs[0], (head.logits,))
    kernel, bias = head.kernel, head.bias
    if kernel is None or bias is None:
        count = head.logits.output_shape[-1]
        kernel, bias = np.eye(count), np.zeros(count)
        name = SCORES
    else:
        name = "classifier"
        place = Place(before, (head.logits,))
    classifier = keras.layers.Dense(
        len(bias), trainable=model.trainable, name=name, dtype="float32"
    )
    classifier.build((None, len(kernel)))
    classifier.set_weights([kernel, bias])
    pooling, features = strip_pooling(place)
    if not is_vector(place.tensor):
        pools = {"mean": VECTOR_POOLING[0], "max": VECTOR_POOLING[1]}
        pooling, features = [pools[head.pooling or "mean"]()], place
    return Parts(model_until(features), pooling, classifier, body)


def _named_parts(model: Any) -> Parts:
    """Take the parts of a model that has no graph but says what they are."""
    encoder = getattr(model, "encoder", None)
    pooler = getattr(model, "pooler", None)
    classifier = getattr(model, "classifier", None)
    if not (
        has_graph(encoder)
        and isinstance(pooler, keras.layers.Layer)
        and isinstance(classifier, keras.layers.Dense)
    ):
        raise _cannot_split(
            model,
            "has no graph of layers to follow (a Sequential has one if it "
            "begins with keras.Input)",
        )
    body = None if classifier.name == SCORES else encoder
    return Parts(encoder, [pooler], classifier, body)


def _cannot_split(model: Any, reason: str) -> InputError:
    layers = getattr(model, "layers", [])[-_LAYERS_SHOWN:]
    return InputError(
        "A model must be split into encoder and Dense classifier. Received: "
        f"{getattr(model, 'name', model)} ({type(model).__name__}), which "
        f"{reason}. Its last layers:\n"
        + ("\n".join(map(_describe, layers)) or "  none")
        + "\nIf it gives scores of classes, end it in a softmax, which keeps "
        "what it has learnt:\n"
        "    keras.Model(model.input, keras.layers.Softmax()(model.output))\n"
        "Or name its parts, where a new Dense must be trained before "
        "it can teach:\n"
        "ImageClassifier(\n    encoder=keras.Model(images, features),\n"
        "    classifier=keras.layers.Dense(classes))"
    )


def _describe(layer: Any) -> str:
    # A layer that was never called has no output to show.
    output = getattr(layer, "output", None)
    shapes = [str(x.shape) for x in keras.tree.flatten(output) if x is not None]
    arrow = f" -> {', '.join(shapes)}" if shapes else ""
    return f"  {layer.name} ({type(layer).__name__}){arrow}"


def no_classifier(model: keras.Model) -> InputError:
    """Make the error for a teacher that has no Dense to share."""
    return _cannot_split(model, "does not end in a linear or softmax Dense")
