"""TensorFlow's SavedModel, a folder."""

from pathlib import Path

import numpy as np

from .base import (
    CONTRACT,
    INPUT,
    LABELS,
    Outputs,
    Predict,
    Source,
    TracedFormat,
    Variant,
    check_inputs,
)


class SavedModel(TracedFormat):
    """A SavedModel of any batch, with one signature."""

    name = "saved_model"
    suffix = ""
    runtime = "tensorflow"
    precisions = ("float32",)
    needs = {"float32": {"tensorflow": "tensorflow"}}

    def write(self, source: Source, variant: Variant, path: Path) -> None:
        write_saved_model(source, variant.pixels, path)

    def open(self, path: Path, threads: int) -> Predict:
        """Open with TensorFlow, whose threads the environment sets."""
        import tensorflow as tf

        loaded = tf.saved_model.load(str(path))
        signature = loaded.signatures["serving_default"]
        check_inputs(signature.structured_input_signature[1])

        def predict(images: np.ndarray, keep: object = loaded) -> Outputs:
            # `keep`: a signature does not keep the variables that it reads.
            outputs = signature(**{INPUT: tf.constant(images)})
            return {name: value.numpy() for name, value in outputs.items()}

        return predict


def write_saved_model(
    source: Source, pixels: str, path: Path, batch: int | None = None
) -> None:
    """Write a SavedModel.

    Args:
        source: the model.
        pixels: dtype of the input.
        path: of the folder to make.
        batch: size of every batch; default: any.
    """
    import keras

    # Without `track()`, which would write every weight twice.
    archive = keras.export.ExportArchive()
    archive.add_endpoint(
        "predict",  # a name that TFLite's converter keeps, unlike "serve"
        source.answer,
        input_signature=[source.signature(batch, pixels)],
    )
    archive.write_out(path, verbose=False)
    extra = path / "assets.extra"
    extra.mkdir()
    (extra / f"{CONTRACT}.json").write_text(source.contract(pixels), "utf-8")
    if source.class_names:
        (extra / LABELS).write_text(source.label_lines(), "utf-8")
