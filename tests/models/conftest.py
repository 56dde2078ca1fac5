"""Images, and what a network makes of them."""

import keras
import numpy as np

SHAPE = (8, 8, 3)


def predict(model: keras.Model, images: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(images, training=False))


def images(shape: tuple = SHAPE) -> np.ndarray:
    pixels = np.random.default_rng(0).uniform(0, 255, (2, *shape))
    return pixels.astype("float32")
