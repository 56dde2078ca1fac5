"""Teachers and students of a run: built by name, or read from files."""

from pathlib import Path

import keras

from atsc_keras.config import StudentConfig, TeacherConfig
from atsc_keras.data.dataset import Dataset
from atsc_keras.errors import InputError
from atsc_keras.models.batch_norm import set_batch_norm_momentum
from atsc_keras.models.building_blocks import BATCH_NORM_MOMENTUM
from atsc_keras.models.complexity import count_parameters
from atsc_keras.models.endings import read_ending
from atsc_keras.models.finite import check_weights_are_numbers
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.models.input_checks import (
    IMAGES,
    Contradiction,
    find_contradiction,
)
from atsc_keras.models.inputs import with_plain_input
from atsc_keras.models.libraries import pretrained_classifier
from atsc_keras.models.libraries.pretrained import Pretrained
from atsc_keras.models.loading import load_keras_file
from atsc_keras.models.network_names import are_of_library
from atsc_keras.models.networks import build_classifier


def load_classifier(
    path: str | Path,
    pixels: str | None = None,
    dataset: Dataset | None = None,
) -> keras.Model:
    """Load a `.keras` or `.h5` file of a whole model.

    Args:
        path: of the file.
        pixels: what it wants of its pixels; default: plain ones, or what its
            own preprocessor makes.
        dataset: whose size a model of any size is built for; default: none.

    Returns:
        A model with a graph, of one input and one output, which takes plain
        pixels.

    Raises:
        InputError: if there is no such file, it is not a whole `.keras`
            file, needs code that is not here, or holds another model, one
            with channels first, or weights that are no numbers.
    """
    model = load_keras_file(Path(path))
    check_weights_are_numbers(model, str(path))
    if isinstance(model, ImageClassifier):
        model = model.to_functional()
    ends = [getattr(model, side, None) or [] for side in ("inputs", "outputs")]
    if [len(tensors) for tensors in ends] != [1, 1]:
        raise InputError(
            "A saved classifier must be a model of one input and one output. "
            f"Received: {path}, a {type(model).__name__} with "
            f"{len(ends[0])} inputs and {len(ends[1])} outputs. Save "
            "keras.Model(images, logits), of an ATSC its "
            "`student.to_functional()`."
        )
    size = None if dataset is None else dataset.image_shape[:2]
    return with_plain_input(model, pixels, size=size)


def of_classes(model: keras.Model) -> keras.Model:
    """Make one sigmoid unit the logits of two classes; others stay."""
    return read_ending(model).logits if model.output_shape[-1] == 1 else model


def build_network(network: str, dataset: Dataset) -> ImageClassifier:
    """Build an untrained classifier by name, normalised for a data set."""
    return build_classifier(
        network,
        dataset.image_shape,
        len(dataset.class_names),
        mean=dataset.mean,
        std=dataset.std,
    )


def _build_pretrained(
    network: str, weights: str, dataset: Dataset
) -> Pretrained:
    classes = len(dataset.class_names)
    return pretrained_classifier(network, dataset.image_shape, weights, classes)


def build_teacher(asked: TeacherConfig, dataset: Dataset) -> ImageClassifier:
    """Load a teacher, or build an untrained one where it has no weights.

    Raises:
        InputError: if it cannot be loaded or split, or does not fit the data.
    """
    if asked.weights is None:
        teacher = build_network(asked.network, dataset)
    elif are_of_library(asked.weights, asked.network):
        found = _build_pretrained(asked.network, asked.weights, dataset)
        if asked.training is None and not found.knows_classes:
            raise InputError(
                "A teacher must know the classes of the data. Received: "
                f"{asked.network} with weights={asked.weights}, which know "
                f"others, data with {len(dataset.class_names)} classes. Say "
                "how to train it as teacher.training: {epochs: 10}."
            )
        teacher = found.classifier
    else:
        teacher = load_teacher(
            asked.weights, dataset, asked.network, asked.pixels
        )
        if asked.pixels is None:
            model = teacher.to_functional()
            _check_pixels("teacher", model, asked.weights, dataset)
    set_batch_norm_momentum(teacher, asked.batch_norm_momentum)
    return teacher


def build_student(asked: StudentConfig, dataset: Dataset) -> ImageClassifier:
    """Load a student, or build an untrained one where it has no weights.

    A saved student without a head for these classes gets a new one.

    Raises:
        InputError: if it cannot be loaded or split, or does not fit the data.
    """
    if asked.weights is None:
        student = build_network(asked.network, dataset)
    elif are_of_library(asked.weights, asked.network):
        student = _build_pretrained(
            asked.network, asked.weights, dataset
        ).classifier
    else:
        student = _load_student(asked, asked.weights, dataset)
    momentum = asked.batch_norm_momentum
    set_batch_norm_momentum(student, momentum, BATCH_NORM_MOMENTUM)
    return student


def _load_student(
    asked: StudentConfig, path: str, dataset: Dataset
) -> ImageClassifier:
    model = load_classifier(path, asked.pixels, dataset)
    _check_images(model, path, dataset)
    if asked.pixels is None:
        _check_pixels("student", model, path, dataset)
    classes = len(dataset.class_names)
    student = ImageClassifier.for_classes(model, classes)
    _check_network(asked.network, student.encoder, path, dataset)
    return student


def find_wrong_pixels(
    model: keras.Model, dataset: Dataset
) -> Contradiction | None:
    """Hold it against test images that a model takes plain pixels."""
    images, labels = dataset.test.sample(IMAGES)
    return find_contradiction(of_classes(model), images, labels)


def _check_pixels(
    who: str, model: keras.Model, path: str, dataset: Dataset
) -> None:
    """See that the images do not contradict what was not stated."""
    found = find_wrong_pixels(model, dataset)
    if found is None:
        return
    raise InputError(
        f"`{who}.pixels` must be stated where images contradict that a saved "
        "network takes plain pixels, from 0 to 255. Received: "
        f"{path}, which {found.seen}. Write {who}.pixels: {found.example}, or "
        f"what it was trained on; {who}.pixels: 0..255 if that is right."
    )


def load_teacher(
    path: str | Path,
    dataset: Dataset,
    network: str,
    pixels: str | None = None,
) -> ImageClassifier:
    """Load a teacher and check that it is what the config says.

    Args:
        path: of the `.keras` file.
        dataset: whose images and labels it must fit.
        network: its name.
        pixels: as for `load_classifier`.

    Raises:
        InputError: if it cannot be loaded or split, takes other images, knows
            fewer classes than the labels name, or is another network.
    """
    model = load_classifier(path, pixels, dataset)
    check_fits(model, path, dataset)
    teacher = ImageClassifier.from_model(model)
    _check_network(network, teacher.encoder, path, dataset)
    return teacher


def _check_network(
    network: str, encoder: keras.Model, path: str | Path, dataset: Dataset
) -> None:
    """Check a saved encoder against a name that this package knows."""
    try:
        named = build_network(network, dataset).encoder
    except InputError:
        return  # the user's own name for the user's own network
    expected, found = count_parameters(named), count_parameters(encoder)
    if expected != found:
        raise InputError(
            "`weights` must be those of `network`. Received: "
            f"network={network} of {expected:,} parameters, {path} of "
            f"{found:,}. Name the network that the file holds."
        )


def check_fits(model: keras.Model, path: str | Path, dataset: Dataset) -> None:
    """Check that a classifier takes a data set's images and knows its labels.

    Raises:
        InputError: if it does not.
    """
    _check_images(model, path, dataset)
    classes = of_classes(model).output_shape[-1]
    if classes < len(dataset.class_names):
        raise InputError(
            "Every label must be a class of the model. Received: "
            f"{path} with {classes} classes, data with "
            f"{len(dataset.class_names)}. "
            + (
                "Train it on these labels."
                if classes > 1
                else "Give it one unit a class, or for two classes a sigmoid."
            )
        )


def _check_images(
    model: keras.Model, path: str | Path, dataset: Dataset
) -> None:
    shape, images = tuple(model.input_shape[1:]), dataset.image_shape
    if shape != tuple(images):
        key = "`data.image_size`"
        if shape[2:] == (3,) and images[2] == 1:
            key = "`data.channels: 3`, which repeats grey for each channel"
            if shape[:2] != images[:2]:
                key += ", and `data.image_size`"
        raise InputError(
            "A model must take the images of the data. Received: "
            f"{path} with input {shape}, images {images}. Set {key}, or give "
            "another model."
        )
