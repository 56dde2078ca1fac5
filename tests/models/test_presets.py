"""Networks of KerasHub and KerasCV by name."""

import sys
from typing import Any

import keras
import numpy as np
import pytest

from atsc_keras.errors import InputError
from atsc_keras.models.libraries import pretrained_classifier
from atsc_keras.models.networks import build_classifier, build_encoder

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries' own
SHAPE = (32, 32, 3)
CLASSES = 4
HUB_RESNET = (
    "keras_hub/ResNetBackbone(input_conv_filters=[64], "
    "input_conv_kernel_sizes=[3], stackwise_num_filters=[64, 64], "
    "stackwise_num_blocks=[1, 1], stackwise_num_strides=[1, 2], "
    "block_type='basic_block')"
)
HUB_VIT = (
    "keras_hub/ViTBackbone(patch_size=8, num_layers=1, num_heads=2, "
    "hidden_dim=16, mlp_dim=32)"
)
CV_RESNET = (
    "keras_cv/ResNetV2Backbone(stackwise_filters=[8, 16], "
    "stackwise_blocks=[2, 2], stackwise_strides=[1, 2])"
)
SCALE, OFFSET = [0.02, 0.04, 0.01], [-1.0, -2.0, -3.0]


def pixels() -> Any:
    values = np.random.default_rng(0).uniform(0, 255, (2, *SHAPE))
    return values.astype("float32")


@pytest.mark.parametrize(
    ("name", "features"),
    [
        (HUB_RESNET, (4, 4, 64)),
        (HUB_VIT, (16,)),
        (CV_RESNET, (4, 4, 64)),
    ],
)
def test_backbone_is_built_from_its_arguments(
    name: str, features: tuple[int, ...]
) -> None:
    built = build_classifier(
        name, SHAPE, CLASSES, mean=[1.0] * 3, std=[9.0] * 3
    )
    assert tuple(built.feature_shape) == features
    network = next(x for x in built.encoder.layers if hasattr(x, "layers"))
    images = pixels()
    expected = network.predict((images - 1.0) / 9.0, verbose=0)
    if len(features) == 1:
        assert expected.shape[1:] == (17, 16)  # class token and 4 x 4 patches
        expected = expected.mean(axis=1)
    np.testing.assert_allclose(
        built.encoder.predict(images, verbose=0),
        expected,
        rtol=1e-4,
        atol=1e-4,
    )


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A small classifier with its image converter, saved as KerasHub does."""
    import keras_hub

    hub = keras_hub.models
    backbone = build_encoder(HUB_RESNET, SHAPE).layers[-1]
    converter = keras_hub.layers.ResNetImageConverter(
        image_size=SHAPE[:2], scale=SCALE, offset=OFFSET
    )
    model = hub.ResNetImageClassifier(
        backbone=backbone,
        preprocessor=hub.ResNetImageClassifierPreprocessor(
            image_converter=converter
        ),
        num_classes=CLASSES,
    )
    folder = tmp_path_factory.mktemp("presets")
    model.save_to_preset(str(folder / "whole"))
    model.preprocessor = None
    model.save_to_preset(str(folder / "unknown_pixels"))
    return {"model": model, "folder": folder}


@pytest.mark.parametrize(("classes", "known"), [(CLASSES, True), (7, False)])
def test_preset_brings_weights_and_normalisation(
    preset: dict[str, Any], classes: int, known: bool
) -> None:
    name = f"keras_hub/{preset['folder']}/whole"
    pretrained = pretrained_classifier(name, SHAPE, "preset", classes)
    assert pretrained.knows_classes == known
    classifier = pretrained.classifier
    assert classifier.classes == classes
    images = pixels()
    normalized = images * SCALE + OFFSET
    whole: Any = preset["model"]
    np.testing.assert_allclose(
        classifier.encoder.predict(images, verbose=0),
        whole.backbone.predict(normalized, verbose=0),
        rtol=1e-4,
        atol=1e-4,
    )
    if known:
        np.testing.assert_allclose(
            classifier.predict(images, verbose=0),
            keras.ops.convert_to_numpy(whole(normalized)),
            rtol=1e-4,
            atol=1e-4,
        )


def test_preset_without_weights_is_untrained(preset: dict[str, Any]) -> None:
    encoder = build_encoder(f"keras_hub/{preset['folder']}/whole", SHAPE)
    trained = preset["model"].backbone.get_weights()
    fresh = encoder.get_weights()
    assert [x.shape for x in fresh] == [x.shape for x in trained]
    assert not all(map(np.array_equal, fresh, trained))


def test_preset_of_unknown_normalisation_is_refused(
    preset: dict[str, Any],
) -> None:
    name = f"keras_hub/{preset['folder']}/unknown_pixels"
    with pytest.raises(InputError, match="which has neither"):
        pretrained_classifier(name, SHAPE, "preset", CLASSES)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("keras_hub/ResNetBackbon", "local folder of one"),
        ("keras_hub/ResNettBackbone", "Nearest: keras_hub/ResNetBackbone"),
        ("keras_hub/ViTBackbone(patch=8)", "no argument patch.*Known: "),
        ("keras_hub/ViTBackbone(image_shape=1)", "no argument image_shape"),
        ("keras_hub/ViTBackbone", "must be built from its arguments"),
    ],
)
def test_what_cannot_be_built_says_why(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_encoder(name, SHAPE)


@pytest.mark.parametrize(
    ("name", "weights", "message"),
    [
        ("keras_hub/resnet_18_imagenet", "imagenet", "must be preset, or"),
        ("keras.applications/ResNet50", "preset", "must be imagenet or"),
        ("resnet8", "preset", "for networks of a library"),
    ],
)
def test_weights_belong_to_their_library(
    name: str, weights: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        pretrained_classifier(name, SHAPE, weights, CLASSES)


def test_library_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(InputError, match="Run pip install keras-hub"):
        build_encoder(HUB_RESNET, SHAPE)


def test_download_that_fails_names_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import keras_hub

    def offline(*_: Any, **__: Any) -> None:
        raise ConnectionError("no route to Kaggle")

    kind = keras_hub.models.ImageClassifier
    monkeypatch.setattr(kind, "from_preset", offline)
    with pytest.raises(InputError, match="no route to Kaggle.*local folder"):
        pretrained_classifier(
            "keras_hub/resnet_18_imagenet", SHAPE, "preset", CLASSES
        )
