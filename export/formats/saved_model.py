"""TensorFlow's SavedModel, a folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .base import (
    CONTRACT,
    LABELS,
    Source,
    TracedFormat,
    Variant,
)
from .opened import Form, Opened, Outputs, read_contract, read_lines

_EXTRA = "assets.extra"
_CONTRACT_FILE = f"{CONTRACT}.json"


class SavedModel(TracedFormat):
    """A SavedModel of any batch, with one signature."""

    name = "saved_model"
    suffix = ""
    runtime = "tensorflow"
    precisions = ("float32",)
    needs = {"float32": {"tensorflow": "tensorflow"}}

    def write(self, source: Source, variant: Variant, path: Path) -> None:
        write_saved_model(source, variant.pixels, path)

    def open(self, path: Path, threads: int) -> Opened:
        """Open with TensorFlow, whose threads the environment sets."""
        import tensorflow as tf

        loaded = tf.saved_model.load(str(path))
        signature = loaded.signatures["serving_default"]
        inputs = _forms(signature.structured_input_signature[1])
        outputs = _forms(signature.structured_outputs)

        def run(images: np.ndarray, keep: object = loaded) -> Outputs:
            # `keep`: a signature does not keep the variables that it reads.
            found = signature(**dict.fromkeys(inputs, tf.constant(images)))
            return {name: value.numpy() for name, value in found.items()}

        extra = path / _EXTRA
        contract, names = (
            (extra / x).read_text("utf-8") if (extra / x).is_file() else None
            for x in (_CONTRACT_FILE, LABELS)
        )
        return Opened(
            inputs,
            outputs,
            run,
            read_contract(contract),
            None if names is None else read_lines(names),
        )


def _forms(specs: Mapping[str, Any]) -> dict[str, Form]:
    """Tell what inputs or outputs are, as TensorFlow describes them."""
    return {
        name: Form(x.dtype.name, tuple(x.shape) if x.shape.rank else ())
        for name, x in specs.items()
    }


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
    extra = path / _EXTRA
    extra.mkdir()
    (extra / _CONTRACT_FILE).write_text(source.contract(pixels), "utf-8")
    if source.class_names:
        (extra / LABELS).write_text(source.label_lines(), "utf-8")
