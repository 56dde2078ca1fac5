"""A `.npz` file with four arrays, as Keras's own data sets have them."""

import contextlib
from collections.abc import Collection
from typing import Any

import numpy as np

from atsc_keras.config import DataConfig
from atsc_keras.data.assembly import dataset_from_arrays
from atsc_keras.data.dataset import Dataset
from atsc_keras.data.sources.common import required_path
from atsc_keras.errors import InputError
from atsc_keras.files.pictures import read_npz, read_npz_forms

_KEYS = ("x_train", "y_train", "x_test", "y_test")


def look(config: DataConfig) -> int | None:
    """Check the names of the arrays, and count the training images.

    Raises:
        InputError: if it is not such a file.
    """
    path = required_path(config)
    try:
        forms = read_npz_forms(path)
    except ValueError as error:
        raise _unreadable(config, error) from error
    _check_keys(forms, config)
    shape = forms["x_train"].shape
    return shape[0] if shape else None


def load(config: DataConfig) -> Dataset:
    """Load x_train, y_train, x_test, y_test and, if there, class_names.

    Args:
        config: the path and the image size.

    Returns:
        The data set.

    Raises:
        InputError: if it is not such a file.
    """
    path = required_path(config)
    try:
        arrays = read_npz(path)
    except ValueError as error:
        raise _unreadable(config, error) from error
    _check_keys(arrays, config)
    return dataset_from_arrays(
        (arrays["x_train"], arrays["y_train"]),
        (arrays["x_test"], arrays["y_test"]),
        config,
        class_names=_names(arrays.get("class_names"), config),
    )


def _unreadable(config: DataConfig, error: Exception) -> InputError:
    return InputError(
        "`data.path` must be an .npz file of plain arrays (no objects). "
        f"Received: path={config.path!r}, which cannot be read: {error}. "
        "Save it with np.savez_compressed(path, x_train=..., y_train=..., "
        "x_test=..., y_test=...)."
    )


def _check_keys(arrays: Collection[str], config: DataConfig) -> None:
    missing = [key for key in _KEYS if key not in arrays]
    if missing:
        raise InputError(
            f"The .npz file must hold the arrays {', '.join(_KEYS)}. "
            f"Received: {config.path} with {', '.join(arrays) or 'none'}; "
            f"missing: {', '.join(missing)}. Save them under these names."
        )


def _names(names: Any, config: DataConfig) -> tuple[str, ...] | None:
    if names is None:
        return None
    with contextlib.suppress(UnicodeDecodeError):
        if names.dtype.kind == "S":
            names = np.char.decode(names, "utf-8")
    if names.ndim != 1 or names.dtype.kind != "U":
        raise InputError(
            "`class_names` must be a list of texts. Received: class_names of "
            f"shape {names.shape}, type {names.dtype} in {config.path}. "
            "Save np.array([...]) of texts, or leave it out."
        )
    return tuple(names.tolist())
