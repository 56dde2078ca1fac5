"""Where memory ends, one message says what was asked and what may fit."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import keras
import numpy as np
import pytest

from atsc_keras.config import ExperimentConfig, load_config
from atsc_keras.errors import InputError, OutOfMemoryError
from atsc_keras.training import memory
from atsc_keras.training.checkpoints import EpochCheckpoint
from atsc_keras.training.jobs import evaluate, train
from atsc_keras.training.memory import naming_what_did_not_fit
from tests.markers import ONCE
from tests.tiny_experiment import write_config

BACKEND = keras.backend.backend()
SHAPE = (8, 8, 3)
HUGE = 2**55  # bytes


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> ExperimentConfig:
    path = write_config(tmp_path_factory.mktemp("config"), epochs=1)
    return load_config(path, ["data.batch_size=12"])


def too_large_for_numpy(*_: Any, **__: Any) -> NoReturn:
    np.empty(HUGE, "uint8")
    pytest.fail("there was room")


def too_large_for_backend(*_: Any, **__: Any) -> NoReturn:
    """What the backend raises, in its own words."""
    if BACKEND == "torch":
        import torch

        torch.empty(HUGE, dtype=torch.uint8)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        words = "OOM when allocating tensor with shape[64,9] and type float"
        raise tf.errors.ResourceExhaustedError(None, None, words)
    import jax

    words = f"RESOURCE_EXHAUSTED: Out of memory allocating {HUGE} bytes."
    raise jax.errors.JaxRuntimeError(words)


@pytest.mark.parametrize("fail", [too_large_for_numpy, too_large_for_backend])
def test_training_names_the_batch_and_a_smaller_one(
    fail: Callable,
    config: ExperimentConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(EpochCheckpoint, "on_train_batch_begin", fail)
    with pytest.raises(OutOfMemoryError) as error:
        train(config, tmp_path / "run", role="student")
    assert "data.batch_size=12 of 8x8x3 images (" in str(error.value)
    found = re.search(
        r"Take data.batch_size=(\d+), or data.image_size=(\d+) \(with --over",
        str(error.value),
    )
    assert found
    assert 1 <= int(found[1]) < 12
    assert 1 <= int(found[2]) < 8


def test_evaluation_names_the_batch_too(
    config: ExperimentConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "atsc_keras.training.jobs.evaluate_file", too_large_for_backend
    )
    with pytest.raises(OutOfMemoryError, match="data.batch_size=12 of 8x8x3"):
        evaluate(config, tmp_path / "model.keras")


@ONCE
def test_loading_names_the_image_size(
    config: ExperimentConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "atsc_keras.training.opening.load_dataset", too_large_for_numpy
    )
    with pytest.raises(OutOfMemoryError, match="data.image_size=null .*=32"):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@ONCE
@pytest.mark.parametrize(
    ("words", "batch", "expected"),
    [
        ("Unable to allocate 8.00 GiB for an array with shape", 256, 32),
        ("CUDA out of memory. Tried to allocate 512.00 MiB. GPU 0", 256, 128),
        ("RESOURCE_EXHAUSTED: Out of memory allocating 8589934592 ", 256, 128),
        ("you tried to allocate 8589934592 bytes. Error code 12", 256, 32),
        ("out of memory", 48, 16),
        ("out of memory", 3, 1),
    ],
)
def test_what_was_wanted_tells_what_may_fit(
    words: str,
    batch: int,
    expected: int,
    config: ExperimentConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 8 * 2**30)
    data = config.data.model_copy(update={"batch_size": batch})
    asked = config.model_copy(update={"data": data})
    with pytest.raises(OutOfMemoryError, match=f"size={expected}, or"):
        with naming_what_did_not_fit(asked, SHAPE):
            raise MemoryError(words)


@ONCE
def test_single_image_that_does_not_fit_asks_for_a_smaller_one(
    config: ExperimentConfig,
) -> None:
    data = config.data.model_copy(update={"batch_size": 1})
    asked = config.model_copy(update={"data": data})
    with pytest.raises(OutOfMemoryError, match="Take data.image_size=704 "):
        with naming_what_did_not_fit(asked, (1000, 500, 3)):
            raise MemoryError


@ONCE
def test_network_that_a_library_could_not_build_for_memory_is_named_so(
    config: ExperimentConfig,
) -> None:
    with pytest.raises(OutOfMemoryError, match="data.batch_size=12"):
        with naming_what_did_not_fit(config, SHAPE):
            try:
                raise MemoryError
            except MemoryError as error:
                raise InputError("A network must be built.") from error


@ONCE
def test_other_errors_stay_as_they_are(config: ExperimentConfig) -> None:
    for error in (
        InputError("wrong"),
        KeyError("mistake"),
        OSError(28, "full"),
    ):
        with pytest.raises(type(error)) as found:
            with naming_what_did_not_fit(config, SHAPE):
                raise error
        assert found.value is error
