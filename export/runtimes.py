"""Exported files opened by their own runtimes, as functions on images."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

INPUT = "image"
OUTPUT = "logits"

Outputs = dict[str, np.ndarray]
Predict = Callable[[np.ndarray], Outputs]


def open_saved_model(path: Path, _: int) -> Predict:
    """Open with TensorFlow, whose threads the environment sets."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    signature = loaded.signatures["serving_default"]
    _check_inputs(signature.structured_input_signature[1])

    def predict(images: np.ndarray, keep: object = loaded) -> Outputs:
        # `keep`: a signature does not keep the variables that it reads.
        outputs = signature(**{INPUT: tf.constant(images)})
        return {name: value.numpy() for name, value in outputs.items()}

    return predict


def open_tflite(path: Path, threads: int) -> Predict:
    """Open with LiteRT, which has built-in operations only.

    The file's batch is 1; larger ones are run after resizing its input, or
    image by image where an operation (a Reshape) fixes the batch.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=threads)
    signature = interpreter.get_signature_runner("serving_default")
    _check_inputs(signature.get_input_details())
    index = signature.get_input_details()[INPUT]["index"]
    outputs = {
        name: details["index"]
        for name, details in signature.get_output_details().items()
    }
    allocated: tuple[int, ...] = ()
    resizable = True

    def run(images: np.ndarray) -> Outputs:
        nonlocal allocated
        if images.shape != allocated:
            allocated = ()
            interpreter.resize_tensor_input(index, images.shape)
            interpreter.allocate_tensors()
            allocated = images.shape
        interpreter.set_tensor(index, images)
        interpreter.invoke()
        return {
            name: interpreter.get_tensor(output)
            for name, output in outputs.items()
        }

    def predict(images: np.ndarray) -> Outputs:
        nonlocal resizable
        if resizable or len(images) == 1:
            try:
                return run(images)
            except RuntimeError:
                if len(images) == 1:
                    raise
                resizable = False
        return _stack([run(image[None]) for image in images])

    return predict


def open_onnx(path: Path, threads: int) -> Predict:
    """Open with onnxruntime on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
    )
    _check_inputs([value.name for value in session.get_inputs()])
    names = [value.name for value in session.get_outputs()]

    def predict(images: np.ndarray) -> Outputs:
        outputs = session.run(names, {INPUT: images})
        return dict(zip(names, outputs, strict=True))

    return predict


# A file's format -> the package that opens it, and how.
RUNTIMES: dict[str, tuple[str, Callable[[Path, int], Predict]]] = {
    "saved_model": ("tensorflow", open_saved_model),
    "tflite": ("ai_edge_litert", open_tflite),
    "onnx": ("onnxruntime", open_onnx),
}


def _check_inputs(names: Iterable[str]) -> None:
    inputs = list(names)
    if inputs != [INPUT]:
        raise ValueError(f"inputs are {inputs}, not {INPUT!r} alone")


def _stack(parts: list[Outputs]) -> Outputs:
    return {
        name: np.concatenate([part[name] for part in parts])
        for name in parts[0]
    }
