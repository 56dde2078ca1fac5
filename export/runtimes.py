"""Exported files opened by their own runtimes, as functions on images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from export.converters import INPUT
from export.converters import OUTPUT

Predict = Callable[[np.ndarray], np.ndarray]


def open_saved_model(path: Path) -> Predict:
    """Open with TensorFlow."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    signature = loaded.signatures["serving_default"]

    def predict(images: np.ndarray, keep: object = loaded) -> np.ndarray:
        # `keep`: a signature does not keep the variables that it reads.
        return signature(**{INPUT: tf.constant(images)})[OUTPUT].numpy()

    return predict


def open_tflite(path: Path) -> Predict:
    """Open with LiteRT, which has built-in operations only.

    The file's batch is 1; larger ones are run after resizing its input, or
    image by image where an operation (a Reshape) fixes the batch.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    signature = interpreter.get_signature_runner("serving_default")
    inputs = list(signature.get_input_details())
    if inputs != [INPUT]:
        raise ValueError(f"inputs are {inputs}, not {INPUT!r} alone")
    index = interpreter.get_input_details()[0]["index"]
    output = interpreter.get_output_details()[0]["index"]

    def run(images: np.ndarray) -> np.ndarray:
        interpreter.resize_tensor_input(index, images.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(index, images)
        interpreter.invoke()
        return interpreter.get_tensor(output)

    def predict(images: np.ndarray) -> np.ndarray:
        try:
            return run(images)
        except RuntimeError:
            if len(images) == 1:
                raise
            return np.concatenate([run(image[None]) for image in images])

    return predict


def open_onnx(path: Path) -> Predict:
    """Open with onnxruntime on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
    )
    names = [value.name for value in session.get_inputs()]
    if names != [INPUT]:
        raise ValueError(f"inputs are {names}, not {INPUT!r} alone")
    return lambda images: session.run([OUTPUT], {INPUT: images})[0]
