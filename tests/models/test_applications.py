"""Networks of keras.applications by name, normalised as they were trained."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from atsc_keras.errors import InputError
from atsc_keras.models.inputs import convert_pixels
from atsc_keras.models.libraries import applications, pretrained_classifier
from atsc_keras.models.networks import build_classifier, build_encoder
from atsc_keras.pixels import Pixels

SHAPE = (32, 32, 3)
SMALL = "keras.applications/MobileNet(alpha=0.25)"
ONE_OF_EACH_FAMILY = {
    module.__name__: name
    for name, (_, module) in applications._families().items()
}


def test_every_constructor_is_known() -> None:
    families = applications._families()
    assert len(families) >= 38
    assert {"ResNet50", "MobileNetV3Small", "ConvNeXtTiny"} <= set(families)
    for name, (build, module) in families.items():
        assert getattr(keras.applications, name) is build
        assert callable(module.preprocess_input)


@pytest.mark.parametrize("name", ONE_OF_EACH_FAMILY.values())
def test_layers_normalise_as_the_library_does(name: str) -> None:
    _, module = applications._families()[name]
    images = keras.Input((2, 2, 3))
    family = Pixels.read(module.__name__.rpartition(".")[2])
    model = keras.Model(images, convert_pixels(images, family))
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 2, 2, 3))
    pixels = pixels.astype("float32")
    np.testing.assert_allclose(
        model.predict(pixels, verbose=0),
        module.preprocess_input(pixels.copy()),
        rtol=1e-5,
        atol=1e-4,
    )


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        (SMALL, True),
        ("keras.applications/MobileNetV3Small(alpha=0.75)", True),
        ("keras.applications/EfficientNetB0", False),
    ],
)
def test_pixels_are_normalised_once(name: str, ours: bool) -> None:
    encoder = build_encoder(name, SHAPE, mean=[1.0] * 3, std=[2.0] * 3)
    outer = [x for x in encoder.layers if isinstance(x, layers.Rescaling)]
    network = encoder.layers[-1]
    inner = [x for x in network.layers if isinstance(x, layers.Rescaling)]
    assert len(outer) == int(ours)
    assert bool(inner) != ours
    assert len(encoder.output_shape) == 4


def test_arguments_reach_the_constructor() -> None:
    half = build_classifier("keras.applications/MobileNet(alpha=0.5)", SHAPE, 4)
    quarter = build_classifier(SMALL, SHAPE, 4)
    assert half.feature_shape[-1] == 2 * quarter.feature_shape[-1] == 512


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ResNet5", "Nearest: keras.applications/ResNet50"),
        ("MobileNet(0.5)", "key=value"),
        ("MobileNet(alpha=x)", "key=value"),
        ("MobileNet(beta=1)", "no argument beta.*Known: alpha"),
        ("MobileNet(weights=None)", "no argument weights"),
        ("Xception", "at least 71x71.*another image size"),
    ],
)
def test_what_cannot_be_built_says_why(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_encoder(f"keras.applications/{name}", SHAPE)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A network whose weights a file holds, with its head and without."""
    whole = keras.applications.MobileNet(
        alpha=0.25, input_shape=SHAPE, weights=None, classes=1000
    )
    folder = tmp_path_factory.mktemp("weights")
    whole.save_weights(folder / "whole.weights.h5")
    bare = keras.Model(whole.input, whole.get_layer("conv_pw_13_relu").output)
    bare.save_weights(folder / "bare.weights.h5")
    return {"model": whole, "folder": folder}


@pytest.mark.parametrize(
    ("file", "classes", "keeps_head"),
    [
        ("whole", 1000, True),
        ("whole", 5, False),
        ("bare", 5, False),
        ("bare", 1000, False),
    ],
)
@pytest.mark.filterwarnings("ignore:`input_shape` is undefined")
def test_weights_of_a_file_are_taken(
    trained: dict[str, Any], file: str, classes: int, keeps_head: bool
) -> None:
    path = str(trained["folder"] / f"{file}.weights.h5")
    pretrained = pretrained_classifier(SMALL, SHAPE, path, classes)
    assert pretrained.knows_classes == keeps_head
    classifier = pretrained.classifier
    assert classifier.classes == classes
    pixels = np.random.default_rng(0).uniform(0, 255, (2, *SHAPE))
    network: Any = trained["model"]
    features = keras.Model(
        network.input, network.get_layer("conv_pw_13_relu").output
    )
    np.testing.assert_allclose(
        classifier.encoder.predict(pixels, verbose=0),
        features.predict(pixels / 127.5 - 1.0, verbose=0),
        rtol=1e-4,
        atol=1e-4,
    )
    kernel = classifier.classifier.get_weights()[0]
    head = network.get_layer("conv_preds").get_weights()[0].reshape(-1, 1000)
    assert (kernel.shape == head.shape and np.all(kernel == head)) == keeps_head


def test_weights_that_cannot_be_had_name_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="which does not exist"):
        pretrained_classifier(SMALL, SHAPE, str(tmp_path / "none.h5"), 5)
    (tmp_path / "broken.h5").write_bytes(b"no weights")
    with pytest.raises(InputError, match="give a local file"):
        pretrained_classifier(SMALL, SHAPE, str(tmp_path / "broken.h5"), 5)

    def offline(*_: Any, **__: Any) -> None:
        raise Exception("URL fetch failure on somewhere")  # as Keras does

    found = offline, keras.applications.mobilenet, {}
    monkeypatch.setattr(applications, "_find", lambda name: found)
    message = "weights=imagenet .URL fetch failure.*give a local file"
    with pytest.raises(InputError, match=message):
        pretrained_classifier(SMALL, SHAPE, "imagenet", 5)
