"""What does not fit in memory, said with what was asked and what may fit."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from atsc_keras.config import ExperimentConfig
from atsc_keras.errors import OutOfMemoryError, first_line, is_out_of_memory
from atsc_keras.files.sizes import free_memory
from atsc_keras.training.experiment import Experiment

_UNITS = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_WANTED = re.compile(r"allocat\w+ ([\d.]+) ?([KMGT]i|)(?:B|bytes)", re.ASCII)
_SHARE = 8  # of free memory that one array of a step may have
_GRID = 8  # pixels that a smaller side is a multiple of


@contextmanager
def naming_what_did_not_fit(
    config: ExperimentConfig, image_shape: tuple[int, int, int] | None = None
) -> Iterator[None]:
    """Say in one message where memory ends, of the machine or a device.

    Args:
        config: whose batch and image size were asked for.
        image_shape: `(height, width, channels)`; default: not known yet, and
            then it is the images that did not fit, not a batch.

    Raises:
        OutOfMemoryError: with a size that may fit.
    """
    try:
        yield
    except Exception as error:  # each framework has an error of its own
        if isinstance(error, OutOfMemoryError) or not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(_words(config, image_shape, error)) from error


def fitting_in_memory(
    experiment: Experiment,
) -> AbstractContextManager[None]:
    """Do the same for what is done with networks and batches."""
    shape = experiment.dataset.image_shape
    return naming_what_did_not_fit(experiment.config, shape)


def _words(
    config: ExperimentConfig,
    image_shape: tuple[int, int, int] | None,
    error: Exception,
) -> str:
    reason, data = first_line(error), config.data
    share = _share_that_fits(reason)
    if image_shape is None:
        asked = data.image_size
        fitting = 32 if asked is None else _smaller_side(asked, share)
        return (
            "The images must fit in memory. Received: "
            f"data.image_size={'null' if asked is None else asked} ({reason}). "
            f"Set data.image_size={fitting}, or data.classes to take fewer."
        )
    size = data.batch_size
    side = max(image_shape[:2])
    smaller_side = f"data.image_size={_smaller_side(side, share)}"
    smaller = f"data.batch_size={_power_of_two(size * share)}"
    way_out = smaller_side if size == 1 else f"{smaller}, or {smaller_side}"
    height, width, channels = image_shape
    return (
        f"A batch must fit in memory. Received: data.batch_size={size} of "
        f"{height}x{width}x{channels} images ({reason}). Take "
        f"{way_out} (with --overwrite where a run has begun), or free memory; "
        "a run then goes on with --resume."
    )


def _share_that_fits(reason: str) -> float:
    """Guess what share of what was asked may fit: a half at most."""
    found = _WANTED.search(reason)
    if found is None:
        return 0.5
    wanted = float(found[1]) * _UNITS[found[2]]
    free = free_memory()
    return min(0.5, free / (_SHARE * max(wanted, 1.0)))


def _power_of_two(size: float) -> int:
    return int(2 ** (max(int(size), 1).bit_length() - 1))


def _smaller_side(side: int, share: float) -> int:
    multiple = int(side * share**0.5) // _GRID * _GRID
    return multiple or max(1, side // 2)
