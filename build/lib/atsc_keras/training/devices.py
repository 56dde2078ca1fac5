"""Where a job runs: on which devices, and in which precision."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import keras

from atsc_keras.backend import replicate
from atsc_keras.config import ExperimentConfig
from atsc_keras.data.array_batches import rows_of_part
from atsc_keras.errors import InputError
from atsc_keras.processes import count_processes, process_place
from atsc_keras.training.experiment import Experiment


def chosen_devices(config: ExperimentConfig) -> list[str]:
    """Name the devices that share each batch; none = Keras's default.

    Raises:
        InputError: if there are fewer devices, or none of that name.
    """
    asked = config.devices
    if count_processes() > 1 and asked != "all":
        raise InputError(
            "Several processes share each batch among all of their devices. "
            f"Received: devices={asked}, {count_processes()} processes. Set "
            "devices: all."
        )
    if asked == 1:
        return []
    if keras.backend.backend() == "torch":
        if asked == "all":
            return []
        raise InputError(
            "On torch Keras trains on one device. Received: devices="
            f"{asked if isinstance(asked, int) else list(asked)}. Set "
            "KERAS_BACKEND to jax or tensorflow, or devices: 1."
        )
    known = [name.lower() for name in keras.distribution.list_devices()]
    accelerators = [name for name in known if not name.startswith("cpu")]
    if asked == "all":
        found = accelerators or known
    elif isinstance(asked, int):
        found = (accelerators or known)[:asked]
    else:
        found = [name.lower() for name in asked]
    missing = isinstance(asked, int) and len(found) < asked
    if missing or not set(found) <= set(known):
        raise InputError(
            "`devices` must be there. Received: devices="
            f"{asked if isinstance(asked, int) else list(asked)}, found "
            f"{', '.join(known)}. Use `all`, or some of these."
        )
    return found if len(found) > 1 or isinstance(asked, tuple) else []


@contextmanager
def placed(config: ExperimentConfig) -> Iterator[None]:
    """Make models where and as a config says, while it lasts.

    Raises:
        InputError: if the backend cannot do that here.
    """
    devices = chosen_devices(config)
    before = keras.config.dtype_policy()
    with ExitStack() as stack:
        if devices:
            stack.enter_context(replicate(devices))
        keras.config.set_dtype_policy(config.precision)
        try:
            yield
        finally:
            keras.config.set_dtype_policy(before)


def _can_share(size: int, count: int, devices: int) -> bool:
    """Tell whether batches of `size` are shared alike, none idle at the end."""
    last = count % size or size
    if size % devices or count < size:
        return False
    if keras.backend.backend() == "jax":
        return last % devices == 0
    # TensorFlow cuts a batch into equal parts; the last ones may stay empty.
    return last > (devices - 1) * (size // devices)


def evaluation_batch_size(config: ExperimentConfig, count: int) -> int:
    """Find the largest batch, up to the config's, that the devices can share.

    Args:
        config: whose devices and batch size count.
        count: images to evaluate.

    Raises:
        InputError: if there is none.
    """
    devices = len(chosen_devices(config)) or 1
    size = config.data.batch_size
    if devices == 1:
        return size
    for smaller in range(min(size, count), devices - 1, -1):
        if _can_share(smaller, count, devices):
            return smaller
    raise InputError(
        "Test images must be shared by the devices. Received: "
        f"{count} images, batch_size={size}, {devices} devices. Use a number "
        "of devices that divides them."
    )


def check_devices(experiment: Experiment) -> None:
    """Check that the devices are there and can share every batch.

    Raises:
        InputError: if they are not, or cannot.
    """
    config, dataset = experiment.config, experiment.dataset
    devices = chosen_devices(config)
    if len(devices) < 2:
        return
    evaluation_batch_size(config, len(dataset.test))
    size, count = config.data.batch_size, len(dataset.train)
    if config.data.drop_remainder:
        count -= count % size
    if count and not _can_share(size, count, len(devices)):
        whole = -(-size // len(devices)) * len(devices)
        raise InputError(
            "Every batch must be shared by all devices, the last one of an "
            f"epoch too. Received: {count} training images, batch_size={size}, "
            f"{len(devices)} devices. Set data.drop_remainder=true and a "
            f"batch_size that {len(devices)} divides, such as {whole}."
        )


def own_rows(batches: Any) -> Any:
    """Take this process's rows of global batches."""
    index, count = process_place()
    return batches if count == 1 else rows_of_part(batches, index, count)
