"""Which models of which libraries can be split: a table, by a command.

    python -m tools.split_table [NAME ...]

Builds each model with random weights, splits it, compares its predictions
with the split ones, lets it teach for one step, and prints a row. NAME: only
models whose names contain one of these.
"""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.models.libraries import presets
from tests.tiny import sgd

CLASSES = 10
SIDE = 64
LARGER = {"Xception": 71, "InceptionV3": 75, "InceptionResNetV2": 75}
APPLICATIONS = (
    *("MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large"),
    *("EfficientNetB0", "EfficientNetB1", "EfficientNetB2", "EfficientNetB3"),
    *("EfficientNetV2B0", "EfficientNetV2B1", "EfficientNetV2B2"),
    *("EfficientNetV2S", "ResNet50", "ResNet101", "ResNet152", "ResNet50V2"),
    *("ResNet101V2", "VGG16", "VGG19", "DenseNet121", "DenseNet169"),
    *("DenseNet201", "Xception", "InceptionV3", "InceptionResNetV2"),
    *("NASNetMobile", "ConvNeXtTiny", "ConvNeXtSmall"),
)
KERAS_CV = (
    "ResNetBackbone(stackwise_filters=[8, 16], stackwise_blocks=[2, 2],"
    "stackwise_strides=[1, 2])",
    "ResNetV2Backbone(stackwise_filters=[8, 16], stackwise_blocks=[2, 2],"
    "stackwise_strides=[1, 2])",
    "MobileNetV3Backbone(stackwise_expansion=[1, 4],"
    "stackwise_filters=[16, 24], stackwise_kernel_size=[3, 3],"
    "stackwise_stride=[2, 2], stackwise_se_ratio=[0.25, None],"
    "stackwise_activation=['relu', 'hard_swish'])",
    "EfficientNetV2Backbone(width_coefficient=0.5, depth_coefficient=0.5,"
    "stackwise_kernel_sizes=[3, 3], stackwise_num_repeats=[1, 2],"
    "stackwise_input_filters=[32, 16], stackwise_output_filters=[16, 32],"
    "stackwise_expansion_ratios=[1, 4], stackwise_strides=[1, 2],"
    "stackwise_squeeze_and_excite_ratios=[0, 0.25],"
    "stackwise_conv_types=['fused', 'unfused'])",
    "DenseNetBackbone(stackwise_num_repeats=[2, 2])",
    "CSPDarkNetBackbone(stackwise_channels=[32, 64], stackwise_depth=[1, 1])",
)
KERAS_HUB = (
    "ResNetBackbone(input_conv_filters=[64], input_conv_kernel_sizes=[7],"
    "stackwise_num_filters=[64, 64], stackwise_num_blocks=[2, 2],"
    "stackwise_num_strides=[1, 2], block_type='basic_block')",
    "EfficientNetBackbone(stackwise_width_coefficients=[1.0, 1.0],"
    "stackwise_depth_coefficients=[1.0, 1.0], stackwise_kernel_sizes=[3, 3],"
    "stackwise_num_repeats=[1, 1], stackwise_input_filters=[16, 16],"
    "stackwise_output_filters=[16, 24], stackwise_expansion_ratios=[1, 4],"
    "stackwise_squeeze_and_excite_ratios=[0, 0.25],"
    "stackwise_strides=[1, 2], stackwise_block_types=['fused', 'unfused'],"
    "stackwise_force_input_filters=[0, 0],"
    "stackwise_nores_option=[False, False], num_features=64)",
    "DenseNetBackbone(stackwise_num_repeats=[2, 2])",
    "VGGBackbone(stackwise_num_repeats=[1, 1],stackwise_num_filters=[16, 32])",
    "ViTBackbone(patch_size=16, num_layers=2, num_heads=2, hidden_dim=32,"
    "mlp_dim=64)",
    "DeiTBackbone(patch_size=16, num_layers=2, num_heads=2, hidden_dim=32,"
    "intermediate_dim=64)",
)


def application(name: str, side: int) -> keras.Model:
    build = getattr(keras.applications, name)
    shape = (side, side, 3)
    return build(weights=None, classes=CLASSES, input_shape=shape)


def library_classifier(network: str, side: int) -> keras.Model:
    """The library's own classifier on a backbone."""
    library, asked = presets._find(network)
    encoder = presets.build_encoder(network, (side, side, 3), lambda x: x)
    (backbone,) = (x for x in encoder.layers if isinstance(x, keras.Model))
    models = library.models
    kind = models.ImageClassifier
    if library.__name__ == "keras_hub":
        family = asked.partition("Backbone")[0]
        kind = getattr(models, f"{family}ImageClassifier")
    return kind(backbone=backbone, num_classes=CLASSES)


def small_encoder(side: int) -> keras.Model:
    images = keras.Input((side, side, 3))
    x = layers.Rescaling(1 / 255)(images)
    for _ in range(2):
        x = layers.Conv2D(8, 3, strides=2, activation="relu")(x)
    return keras.Model(images, x)


def vision_transformer(side: int) -> keras.Model:
    images = keras.Input((side, side, 3))
    x = layers.Conv2D(16, 8, strides=8)(layers.Rescaling(1 / 255)(images))
    x = layers.Reshape((-1, 16))(x)
    for _ in range(2):
        y = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(2, 8)(y, y)
        y = layers.Dense(32, "gelu")(layers.LayerNormalization()(x))
        x = x + layers.Dense(16)(y)
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    return keras.Model(images, layers.Dense(CLASSES)(x))


def flat_sequential(side: int) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((side, side, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, strides=4, activation="relu"),
            layers.Flatten(),
            layers.Dense(32, "relu"),
            layers.Dense(CLASSES, "softmax"),
        ]
    )


def nested_backbone(side: int) -> keras.Model:
    images = keras.Input((side, side, 3))
    x = small_encoder(side)(layers.RandomFlip()(images))
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(images, layers.Dense(CLASSES, "softmax")(x))


def models() -> Iterator[tuple[str, int, Callable[[int], keras.Model]]]:
    for name in APPLICATIONS:
        side = LARGER.get(name, SIDE)
        yield f"keras.applications/{name}", side, partial(application, name)
    for library, backbones in (
        ("keras_cv", KERAS_CV),
        ("keras_hub", KERAS_HUB),
    ):
        for text in backbones:
            network = f"{library}/{text}"
            title = network.partition("(")[0]
            yield title, SIDE, partial(library_classifier, network)
    yield "hand-made/ViT", SIDE, vision_transformer
    yield "hand-made/Sequential with Flatten", SIDE, flat_sequential
    yield "hand-made/nested backbone", SIDE, nested_backbone


def probabilities(outputs: np.ndarray) -> np.ndarray:
    if outputs.min() >= 0 and np.allclose(outputs.sum(axis=1), 1, atol=1e-3):
        return outputs
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def called(model: Any, images: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(images, training=False))


def row(side: int, build: Callable[[int], keras.Model]) -> str:
    model: Any = build(side)
    random = np.random.default_rng(0)
    images = random.uniform(0, 255, (4, side, side, 3)).astype("float32")
    expected = probabilities(called(model, images))
    teacher = ImageClassifier.from_model(model)
    found = probabilities(called(teacher, images))
    atsc = ATSC(teacher, small_encoder(side))
    atsc.compile(sgd(0.01), run_eagerly=True)
    logs = atsc.train_on_batch(images, np.arange(4), return_dict=True)
    loss = float(logs["loss"])
    verdict = "works" if np.isfinite(loss) else "loss is not finite"
    difference = np.abs(found - expected).max()
    return (
        f"{model.count_params():,} | {teacher.feature_shape} | "
        f"{difference:.0e} | {loss:.2f} | {verdict}"
    )


def main(wanted: list[str]) -> None:
    print(f"{keras.backend.backend()}, Keras {keras.version()}\n")
    print("| model | parameters | features | difference | loss | |")
    print("|---|---:|---|---:|---:|---|", flush=True)
    for name, side, build in models():
        if wanted and not any(word in name for word in wanted):
            continue
        try:
            text = row(side, build)
        except Exception as error:
            text = f" | | | | {type(error).__name__}: {error}"
        print(f"| {name} | {text} |", flush=True)
        keras.backend.clear_session()


if __name__ == "__main__":
    main(sys.argv[1:])
