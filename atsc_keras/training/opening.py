"""Every mistake of config and data, found before anything is written."""

from typing import Any

from atsc_keras.config import ExperimentConfig
from atsc_keras.data.checks import check_channels
from atsc_keras.data.dataset import Dataset
from atsc_keras.data.loading import load_dataset
from atsc_keras.data.pipeline import check_batch_size, check_reader
from atsc_keras.errors import InputError
from atsc_keras.files.class_names import check_class_names
from atsc_keras.training.class_weights import check_class_weights
from atsc_keras.training.devices import check_devices
from atsc_keras.training.experiment import Experiment
from atsc_keras.training.memory import naming_what_did_not_fit
from atsc_keras.training.recipe_checks import check_recipes


def open_experiment(
    config: ExperimentConfig, given: Dataset | None = None
) -> Experiment:
    """Load the data, and check all that needs no network.

    Args:
        config: what is asked.
        given: in place of what `config.data` would load; default: loaded.

    Raises:
        InputError: if the data cannot be loaded or do not fit the config, or
            a recipe cannot be carried out with them or the devices.
        OutOfMemoryError: if they are larger than memory.
    """
    experiment = Experiment(config, open_dataset(config, given))
    check_class_weights(experiment)
    check_devices(experiment)
    check_recipes(experiment)
    return experiment


def open_dataset(config: ExperimentConfig, given: Dataset | None) -> Dataset:
    """Load the data of a config, or take what was given in its place.

    Args:
        config: whose `data` counts.
        given: in place of what `config.data` would load: nothing is chosen
            from it, resized or normalised in another way; None = load.

    Raises:
        InputError: if the data cannot be loaded or read here, or what was
            given does not fit itself or the config.
    """
    if given is None:
        with naming_what_did_not_fit(config):
            dataset = load_dataset(config.data)
    else:
        dataset = given
        _check_given(given, config)
    check_reader(dataset, config.data)
    return dataset


def _check_given(given: Dataset, config: ExperimentConfig) -> None:
    if not isinstance(given, Dataset):
        raise InputError(
            "`dataset` must be an atsc_keras Dataset. Received: "
            f"{type(given).__name__}. Make one with Dataset.from_arrays."
        )
    _check_against_config(given, config)
    check_class_names(given.class_names, "`dataset`", "Name it otherwise.")
    for split in (given.train, given.test):
        classes = len(given.class_names)
        if len(split.count_labels(classes)) > classes:
            raise InputError(
                "Every label of `dataset` must be one of its classes. "
                f"Received: label {len(split.count_labels(classes)) - 1} in "
                f"{split.name}, {classes} class names. Correct one of them."
            )
    check_batch_size(config.data.batch_size, given.train)


def _check_against_config(dataset: Dataset, config: ExperimentConfig) -> None:
    height, width, channels = dataset.image_shape
    data = config.data
    check_channels(data.mean, "mean", channels)
    check_channels(data.std, "std", channels)
    stated: list[tuple[str, Any, Any]] = [
        ("image_size", data.image_size, height if height == width else None),
        ("channels", data.channels, channels),
        ("classes", data.classes, len(dataset.class_names)),
        ("mean", data.mean, dataset.given_mean),
        ("std", data.std, dataset.given_std),
    ]
    for key, asked, own in stated:
        if asked is not None and asked != own:
            raise InputError(
                "`dataset` must be as the config says. Received: "
                f"data.{key}={asked}, a dataset with {key}={own} and images "
                f"{dataset.image_shape}. Leave data.{key} out, or give other "
                "data."
            )
