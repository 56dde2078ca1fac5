"""What Keras has quantised is refused by name."""

import keras
import pytest

from atsc_keras.errors import InputError
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.models.quantized import check_not_quantized

pytestmark = pytest.mark.filterwarnings("ignore:Layer")


def quantized(mode: str) -> keras.Model:
    images = keras.Input((4, 4, 3))
    x = keras.layers.TimeDistributed(keras.layers.Dense(4, name="inner"))(
        images
    )
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(images, keras.layers.Dense(3, name="head")(x))
    model.quantize(mode)
    return model


@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
def test_quantized_model_is_refused_with_its_layers(mode: str) -> None:
    model = quantized(mode)
    for split in (
        ImageClassifier.from_model,
        lambda model: ImageClassifier.for_classes(model, 3),
        check_not_quantized,
    ):
        with pytest.raises(InputError, match=rf"head \({mode}.*before"):
            split(model)


def test_layers_inside_wrappers_count() -> None:
    with pytest.raises(InputError, match=r"inner \(int8\)"):
        check_not_quantized(quantized("int8"))
