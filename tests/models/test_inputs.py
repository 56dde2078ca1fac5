"""What a network wants of its input becomes layers in front of it."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from atsc_keras import ATSC, ImageClassifier
from atsc_keras.errors import InputError
from atsc_keras.models.inputs import with_plain_input
from atsc_keras.models.splitting import split_model
from atsc_keras.pixels import Pixels
from tests.models.conftest import images, predict

STATED = [
    *("0..255", "0..1", "-1..1", "densenet", "resnet50", "0..1 bgr"),
    "mean=120,110,100 std=50,60,70",
]


def classifier(shape: tuple = (8, 8, 3), **conv: Any) -> keras.Model:
    image = keras.Input(shape)
    x = layers.Conv2D(4, 3, **conv)(image)
    x = layers.BatchNormalization(
        axis=1 if conv.get("data_format") == "channels_first" else -1
    )(x)
    x = layers.ReLU()(x)
    pool = layers.GlobalAveragePooling2D(data_format=conv.get("data_format"))
    return keras.Model(image, layers.Dense(3)(pool(x)), name="given")


def wanted(stated: Any, pixels: np.ndarray) -> np.ndarray:
    said = Pixels.read(stated)
    pixels = pixels[..., ::-1] if said.bgr else pixels
    made = pixels * np.array(said.scale) + np.array(said.offset)
    return made.astype("float32")


def nested(inner: keras.Model) -> keras.Model:
    image = keras.Input(inner.input_shape[1:])
    return keras.Model(
        image, layers.Activation("linear")(inner(image)), name="outer"
    )


@pytest.mark.parametrize("stated", STATED)
@pytest.mark.parametrize(
    "form", ["functional", "sequential", "nested", "classifier", "list"]
)
def test_classifier_takes_plain_pixels(
    form: str, stated: str, tmp_path: Path
) -> None:
    model = classifier()
    given: Any = model
    if form == "sequential":
        given = keras.Sequential([keras.Input((8, 8, 3)), *model.layers[1:]])
    elif form == "nested":
        given = nested(model)
    elif form == "classifier":
        given = ImageClassifier.from_model(model)
    elif form == "list":
        given = keras.Model([model.input], model.output)
    expected = predict(model, wanted(stated, images()))
    split = ImageClassifier.from_model(given, pixels=stated)
    np.testing.assert_allclose(predict(split, images()), expected, rtol=1e-4)
    split.to_functional().save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(predict(loaded, images()), expected, rtol=1e-4)
    # Its own layers, trained in place; what was given computes as before.
    assert split.encoder.weights[0] is model.weights[0]
    np.testing.assert_allclose(
        predict(model, wanted(stated, images())), expected, rtol=1e-4
    )


def test_statement_reaches_a_teacher_of_atsc() -> None:
    model = classifier(padding="same")
    teacher = ImageClassifier.from_model(model, pixels="0..1")
    atsc = ATSC(teacher, classifier(padding="same"))
    np.testing.assert_allclose(
        predict(atsc.teacher, images()),
        predict(model, images() / 255),
        rtol=1e-5,
        atol=1e-6,
    )


def test_layers_keep_their_names_and_a_name_in_use_is_left_alone() -> None:
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="pixels")(image)
    model = keras.Model(image, layers.Flatten()(x))
    plain = with_plain_input(model, "0..1")
    assert [x.name for x in plain.layers][1:3] == ["pixels_", "pixels"]
    assert with_plain_input(model) is model
    assert with_plain_input(model, "0..255") is model


@pytest.mark.parametrize(
    ("channels", "stated"), [(1, "resnet50"), (4, "mean=1,2,3")]
)
def test_statement_for_other_channels_is_refused(
    channels: int, stated: str
) -> None:
    with pytest.raises(InputError, match="fit the channels"):
        with_plain_input(classifier((8, 8, channels)), stated)


def test_model_without_a_graph_is_refused() -> None:
    model = keras.Sequential([layers.Conv2D(2, 3), layers.Flatten()])
    with pytest.raises(InputError, match="keras.Input"):
        ImageClassifier.from_model(model, pixels="0..1")


def test_model_of_any_size_is_built_for_one() -> None:
    model = classifier((None, None, 3))
    built = with_plain_input(model, "0..1", size=(8, 8))
    assert built.input_shape == (None, 8, 8, 3)
    assert split_model(built).encoder.output_shape == (None, 6, 6, 4)
    np.testing.assert_allclose(
        predict(built, images()), predict(model, images() / 255), rtol=1e-5
    )
    assert with_plain_input(model) is model
    # A size that it has is not replaced.
    assert with_plain_input(classifier(), size=(9, 9)).input_shape[1] == 8


# Most backends train such a model on a GPU only; here no batch is computed.
@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 8, 8), (3, None, None)])
def test_channels_first_are_refused_or_turned(shape: tuple) -> None:
    model = classifier(shape, data_format="channels_first")
    for door in (split_model, ImageClassifier.from_model, with_plain_input):
        with pytest.raises(InputError, match="channels_last.*channels_first"):
            door(model)
    turned = with_plain_input(model, permute=True, size=(8, 8))
    assert turned.input_shape == (None, 8, 8, shape[0])


def test_channels_last_are_not_taken_for_first() -> None:
    for shape in ((3, 8, 3), (8, 8, 3), (3, 8, 16)):
        model = classifier(shape, padding="same")
        assert with_plain_input(model) is model


@pytest.mark.parametrize("stated", [*STATED[1:5], None])
def test_turned_model_computes_the_same(stated: str | None) -> None:
    first = classifier((3, 8, 8), data_format="channels_first")
    last = classifier()
    last.set_weights(first.get_weights())
    turned = with_plain_input(first, stated, permute=True)
    np.testing.assert_allclose(
        predict(turned, images()),
        predict(last, wanted(stated or "0..255", images())),
        rtol=1e-3,
        atol=1e-4,
    )


# === KerasHub ===


def hub_task(size: int | None = 8, **converter: Any) -> keras.Model:
    hub = pytest.importorskip("keras_hub")
    models = hub.models
    backbone = models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64],
        stackwise_num_blocks=[1],
        stackwise_num_strides=[1],
        block_type="basic_block",
        image_shape=(size, size, 3),
    )
    return models.ResNetImageClassifier(
        backbone,
        num_classes=3,
        preprocessor=models.ResNetImageClassifierPreprocessor(
            hub.layers.ResNetImageConverter(image_size=(8, 8), **converter)
        ),
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "converter",
    [
        {"scale": 1 / 127.5, "offset": -1.0},
        {"scale": [0.01, 0.02, 0.03], "offset": [1.0, 2.0, 3.0]},
        {"scale": 1 / 255},
        {"offset": [-100.0, -110.0, -120.0]},
        {},
    ],
)
@pytest.mark.parametrize("size", [8, None])
def test_preprocessor_of_keras_hub_becomes_a_layer(
    size: int | None, converter: dict
) -> None:
    task = hub_task(size, **converter)
    expected = task.predict(images(), verbose=0)
    split = ImageClassifier.from_model(task)
    assert split.image_shape == (8, 8, 3)
    np.testing.assert_allclose(predict(split, images()), expected, rtol=1e-3)
    parts = split_model(task)  # the door of a student
    given = predict(parts.encoder, images())
    np.testing.assert_allclose(
        given, predict(split.encoder, images()), rtol=1e-3, atol=1e-5
    )


@pytest.mark.filterwarnings("ignore")
def test_what_is_stated_beside_a_preprocessor_is_refused() -> None:
    task = hub_task(scale=1 / 255)
    message = "ResNetImageClassifierPreprocessor"
    with pytest.raises(InputError, match=message):
        ImageClassifier.from_model(task, pixels="0..1")
    task.preprocessor = None
    split = ImageClassifier.from_model(task, pixels="0..1")
    np.testing.assert_allclose(
        predict(split, images()), predict(task, images() / 255), rtol=1e-3
    )


@pytest.mark.filterwarnings("ignore")
def test_preprocessor_that_computes_on_its_own_is_named() -> None:
    task = hub_task(scale=1 / 255)
    kind = type(task.preprocessor)

    class Blurring(kind):
        def call(self, x: Any, y: Any = None, sample_weight: Any = None) -> Any:
            return x

    task.preprocessor = Blurring(task.preprocessor.image_converter)
    with pytest.raises(InputError, match="Blurring, which computes"):
        ImageClassifier.from_model(task)
