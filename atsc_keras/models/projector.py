"""The projector: from the student's features into the teacher's space."""

from functools import partial
from numbers import Integral

import keras

from atsc_keras.errors import InputError
from atsc_keras.models.building_blocks import (
    BATCH_NORM_MOMENTUM,
    batch_norm,
    check_momentum,
    conv,
    depthwise_conv,
    kernel_initializer,
)
from atsc_keras.types import Shape, Tensor

PROJECTORS = ("bottleneck", "separable", "linear", "none")


def average_pool(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Average-pool a map to `size`, each axis at most.

    Args:
        x: a feature map, `(B, h, w, C)`.
        size: largest height and width of the result; an axis that is already
            smaller stays as it is.

    Returns:
        The map `(B, min(h, size[0]), min(w, size[1]), C)`: each cell is the
        mean of its window, windows overlapping where sizes do not divide, as
        adaptive pooling defines them.
    """
    height, width = x.shape[1:3]
    rows, columns = min(height, size[0]), min(width, size[1])
    if (height, width) == (rows, columns):
        return x
    if height % rows == 0 and width % columns == 0:
        window = (height // rows, width // columns)
        return keras.layers.AveragePooling2D(window)(x)
    return keras.layers.AdaptiveAveragePooling2D((rows, columns))(x)


def _bottleneck_channels(channels: int, reduction: int) -> int:
    whole = isinstance(reduction, Integral) and not isinstance(reduction, bool)
    if not whole or not 1 <= reduction <= channels:
        raise InputError(
            "`reduction` must be a whole number from 1 to the teacher's "
            f"channels. Received: reduction={reduction!r}, "
            f"channels={channels}. Use {min(2, channels)}."
        )
    return -(-channels // int(reduction))


def _layers_of(
    form: str, inner: int, channels: int, rank: int
) -> list[tuple[str, int]]:
    """Name the kind of each layer that has a kernel, with its channels.

    `rank` is 3 for maps, 1 for vectors.
    """
    first, last = ("1x1", inner), ("1x1", channels)
    sizes = {
        "bottleneck": [first, ("3x3", inner), last],
        "separable": [first, ("depthwise", inner), last],
        "linear": [last],
        "none": [],
    }[form]
    return [size for size in sizes if rank == 3 or size[0] != "depthwise"]


_CELLS = {"3x3": 9, "depthwise": 9}  # of a kernel's window


def count_projector_parameters(
    student_shape: Shape,
    teacher_shape: Shape,
    inner: int,
    form: str = "bottleneck",
) -> int:
    """Count what `build_projector` would train, without building it.

    Args:
        student_shape: of the student's features, `(h, w, C)` or `(C,)`.
        teacher_shape: of the teacher's features, likewise.
        inner: channels of the bottleneck; of no account to "linear" and
            "none".
        form: as for `build_projector`; default "bottleneck".

    Returns:
        The number of scalars: kernels, and scale and offset of each batch
        normalisation.

    Raises:
        InputError: if `build_projector` refuses form or shapes.
    """
    _check_shapes(student_shape, teacher_shape)
    _check_form(form, student_shape, teacher_shape)
    now, channels = int(student_shape[-1] or 0), int(teacher_shape[-1] or 0)
    rank = min(len(student_shape), len(teacher_shape))
    count = 0
    for kind, after in _layers_of(form, inner, channels, rank):
        cells = _CELLS.get(kind, 1) if rank == 3 else 1
        into = 1 if kind == "depthwise" else now
        count += cells * into * after + 2 * after
        now = after
    return count


def _kernel(x: Tensor, kind: str, channels: int, index: int) -> Tensor:
    if len(x.shape) == 2:
        return keras.layers.Dense(
            channels,
            use_bias=False,
            kernel_initializer=kernel_initializer(),
            name=f"dense{index}",
        )(x)
    if kind == "depthwise":
        return depthwise_conv(x, f"conv{index}")
    return conv(x, channels, 3 if kind == "3x3" else 1, f"conv{index}")


def _check_shapes(student_shape: Shape, teacher_shape: Shape) -> None:
    for side, shape in (("student", student_shape), ("teacher", teacher_shape)):
        if len(shape) not in (1, 3) or None in shape:
            raise InputError(
                f"The {side}'s features must be a map (h, w, C) or a vector "
                f"(C,) of known size. Received: shape={tuple(shape)}. Give "
                "the encoder a fixed image shape."
            )


def _check_form(form: str, student_shape: Shape, teacher_shape: Shape) -> None:
    if form not in PROJECTORS:
        raise InputError(
            f"`projector` must be one of {', '.join(PROJECTORS)}. Received: "
            f"projector={form!r}. Usual: bottleneck."
        )
    if form == "none" and student_shape[-1] != teacher_shape[-1]:
        raise InputError(
            "Without a projector the student must have as many channels as "
            f"the teacher. Received: projector='none', student features "
            f"{tuple(student_shape)}, teacher features "
            f"{tuple(teacher_shape)}. Use projector='linear', which adds one "
            "layer."
        )


def build_projector(
    student_shape: Shape,
    teacher_shape: Shape,
    reduction: int = 2,
    name: str = "projector",
    *,
    form: str = "bottleneck",
    rectified: bool = True,
    momentum: float = BATCH_NORM_MOMENTUM,
    synchronized: bool = False,
) -> keras.Model:
    """Build what takes student features to the teacher's channels.

    Maps go through convolutions without bias, each followed by batch
    normalisation and ReLU, vectors through Dense layers instead. A student
    map larger than the teacher's is average-pooled first; a student map whose
    teacher gives a vector is pooled to a vector.

    Args:
        student_shape: of the student's features, `(h, w, C)` or `(C,)`.
        teacher_shape: of the teacher's features, likewise.
        reduction: the bottleneck has `C_teacher / reduction` channels, rounded
            up; default 2.
        name: of the model.
        form: "bottleneck" (default): 1x1, 3x3 and 1x1, as published.
            "separable": the 3x3 is depthwise; of vectors, the middle layer
            goes. "linear": one 1x1 without a ReLU, which an export folds
            into the classifier. "none": no weights, for as many channels.
        rectified: whether the last layer is a ReLU, as published (default).
            A teacher whose features can be negative needs one without: a ReLU
            can never reach them.
        momentum: of its batch normalisation, 0 to under 1; default 0.9.
        synchronized: whether that is over all replicas of a batch; default
            False.

    Returns:
        A functional model; its output is `(B, min(h), min(w), C_teacher)`,
        or `(B, C_teacher)`.

    Raises:
        InputError: if `reduction` is not from 1 to the teacher's channels,
            `form` is unknown or does not fit, `momentum` is out of range, or
            the shapes are neither maps nor vectors of known size.

    Reference:
        Chen et al. 2022 (SimKD), section 3.2, kept by ATSC (arXiv
        2406.08528).
    """
    _check_shapes(student_shape, teacher_shape)
    _check_form(form, student_shape, teacher_shape)
    channels = int(teacher_shape[-1] or 0)
    inner = _bottleneck_channels(channels, reduction)
    norm = partial(
        batch_norm,
        momentum=check_momentum(momentum),
        synchronized=synchronized,
    )
    features = x = keras.Input(student_shape, name="features")
    if len(student_shape) == 3 and len(teacher_shape) == 3:
        x = average_pool(x, (teacher_shape[0] or 1, teacher_shape[1] or 1))
    elif len(student_shape) == 3:
        x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    sizes = _layers_of(form, inner, channels, len(x.shape) - 1)
    for index, (kind, filters) in enumerate(sizes, start=1):
        x = norm(f"bn{index}")(_kernel(x, kind, filters, index))
        if index < len(sizes) or (rectified and form != "linear"):
            x = keras.layers.ReLU(name=f"relu{index}")(x)
    if not sizes:
        x = keras.layers.Identity(name="same")(x)
    return keras.Model(features, x, name=name)
