"""Encoders and classifiers by the names that papers give them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import keras

from atsc_keras.models.building_blocks import batch_norm, conv, relu
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.models.libraries import library_encoder
from atsc_keras.models.mobilenet import mobilenet_v2_features
from atsc_keras.models.network_names import check_network_name, is_of_library
from atsc_keras.models.parts import POOLER
from atsc_keras.models.resnet import resnet_features
from atsc_keras.models.shufflenet import (
    shufflenet_v1_features,
    shufflenet_v2_features,
)
from atsc_keras.models.vgg import vgg_features
from atsc_keras.types import Shape, Tensor


@dataclass(frozen=True)
class _Network:
    """A network of the literature.

    Attributes:
        features: normalised images -> last feature map.
        embedding: channels of a 1x1 convolution between that map and the
            pooling; 0 = none.
    """

    features: Callable[[Tensor], Tensor]
    embedding: int = 0


_NETWORKS = {
    "vgg8": _Network(partial(vgg_features, convolutions=1)),
    "vgg13": _Network(partial(vgg_features, convolutions=2)),
    "MobileNetV2": _Network(
        partial(mobilenet_v2_features, multiplier=0.5), 1280
    ),
    "MobileNetV2_1_0": _Network(mobilenet_v2_features, 1280),
    "ShuffleV1": _Network(shufflenet_v1_features),
    "ShuffleV2": _Network(shufflenet_v2_features, 1024),
    "ShuffleV2_1_5": _Network(
        partial(shufflenet_v2_features, widths=(176, 352, 704)), 1024
    ),
}


def _find(name: str) -> _Network:
    resnet = check_network_name(name)
    if resnet is None:
        return _NETWORKS[name]
    return _Network(partial(resnet_features, **resnet._asdict()))


def normalize(
    images: Tensor, mean: Sequence[float], std: Sequence[float]
) -> Tensor:
    """Subtract `mean` and divide by `std`, per channel, in pixel units.

    A Rescaling layer, because it survives every exporter and needs no state.
    """
    return keras.layers.Rescaling(
        scale=[1.0 / s for s in std],
        offset=[-m / s for m, s in zip(mean, std, strict=True)],
        name="normalization",
    )(images)


def build_encoder(
    name: str,
    image_shape: tuple[int, int, int],
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> keras.Model:
    """Build an encoder, image -> feature map, by its name in the literature.

    Args:
        name: `resnet<depth>` or `resnet<depth>x<width multiplier>`, the CIFAR
            ResNet family, for instance `resnet32x4` or `resnet8x0.25`;
            `vgg8`, `vgg13`; `MobileNetV2` (of half width) or
            `MobileNetV2_1_0`; `ShuffleV1`, `ShuffleV2` or `ShuffleV2_1_5`; or
            of a library, `keras.applications/<constructor>`,
            `keras_hub/<preset or backbone>` or `keras_cv/<...>`, with
            arguments where wanted: `keras.applications/MobileNet(alpha=0.75)`.
        image_shape: `(height, width, channels)`.
        mean: of each channel, in pixel units [0, 255]; default 127.5.
        std: likewise; default 127.5, which maps pixels to [-1, 1].

    Returns:
        A functional model from float32 pixels in [0, 255], `(B, H, W, C)`,
        normalised by its first layer, to the last feature map.

    Raises:
        InputError: if no network has this name.
    """
    channels = image_shape[-1]
    normalized = partial(
        normalize,
        mean=mean if mean is not None else [127.5] * channels,
        std=std if std is not None else [127.5] * channels,
    )
    if is_of_library(name):
        return library_encoder(name, image_shape, normalized)
    network = _find(name)
    images = keras.Input(image_shape, name="image")
    features = network.features(normalized(images))
    return keras.Model(images, features, name=name.replace(".", "_"))


def build_classifier(
    name: str,
    image_shape: tuple[int, int, int],
    classes: int,
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> ImageClassifier:
    """Build a classifier by its name in the literature.

    The feature map that takes part in distillation is that of the literature:
    where a network widens its last map before pooling (MobileNetV2,
    ShuffleNetV2), that convolution belongs to the pooler.

    Args:
        name: as for `build_encoder`.
        image_shape: `(height, width, channels)`.
        classes: of its Dense.
        mean: as for `build_encoder`.
        std: as for `build_encoder`.

    Returns:
        The untrained classifier.

    Raises:
        InputError: if no network has this name.
    """
    encoder = build_encoder(name, image_shape, mean=mean, std=std)
    embedding = 0 if is_of_library(name) else _find(name).embedding
    return ImageClassifier(
        encoder,
        keras.layers.Dense(classes, name="classifier"),
        _widening_pooler(encoder, embedding) if embedding else None,
        name=encoder.name,
    )


def _widening_pooler(encoder: keras.Model, channels: int) -> keras.Model:
    # Of any size: a student's map may be smaller than its teacher's.
    shape: Shape = (None, None, encoder.output_shape[-1])
    features = keras.Input(shape, name="features")
    x = conv(features, channels, 1, "embedding_conv")
    x = batch_norm("embedding_bn")(x)
    x = relu(x, "embedding_relu")
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(features, x, name=POOLER)
