"""Which images, and how they become batches."""

from typing import Literal

from pydantic import Field
from pydantic import ValidationInfo
from pydantic import field_validator

from atsc_keras.config.strict_model import StrictModel
from atsc_keras.config.strict_model import mistake

_PATH_OF_SOURCE = {
    "npz": "the .npz file",
    "idx": "the folder of the *-ubyte files",
    "folder": "the folder that holds train/ and test/",
}


class DataConfig(StrictModel):
    """A data set and its batches.

    Attributes:
        source: `digits` (default), `npz`, `idx`, `folder` or `tfds`.
        path: The npz file, the idx folder, the root of `folder`, or the
            data_dir of `tfds`, where null means its own default.
        name: Name of the `tfds` data set, required there and only there.
        image_size: null (default) = as stored; N = resized to N x N.
        batch_size: Images a batch; default 64.
        drop_remainder: Leave out the last, smaller batch of an epoch.
        crop_padding: Pixels of zeros around a training image before a random
            window of the old size is cut out; default 4, 0 = no crop.
        flip: Random horizontal flip of training images; default true.
        mean: Per channel, in pixel units [0, 255]; null (default) = from the
            training images.
        std: Like `mean`.
    """

    source: Literal["digits", "npz", "idx", "folder", "tfds"] = "digits"
    path: str | None = Field(default=None, min_length=1, validate_default=True)
    name: str | None = Field(default=None, min_length=1, validate_default=True)
    image_size: int | None = Field(default=None, gt=0, examples=[32])
    batch_size: int = Field(default=64, gt=0)
    drop_remainder: bool = False
    crop_padding: int = Field(default=4, ge=0)
    flip: bool = True
    # The lists of YAML become tuples; their numbers stay strict.
    mean: tuple[float, ...] | None = Field(
        default=None, min_length=1, strict=False, examples=[[127.5]]
    )
    std: tuple[float, ...] | None = Field(
        default=None, min_length=1, strict=False, examples=[[64.0]]
    )

    @field_validator("path")
    @classmethod
    def _path_fits_source(
        cls, value: str | None, info: ValidationInfo
    ) -> str | None:
        source = info.data.get("source")
        if value is None and source in _PATH_OF_SOURCE:
            raise mistake(
                f"is required for source: {source}",
                f"Give {_PATH_OF_SOURCE[source]}.",
            )
        if value is not None and source == "digits":
            raise mistake(
                "is not used by source: digits",
                "Leave it out, or name the source that the path is for.",
            )
        return value

    @field_validator("name")
    @classmethod
    def _name_fits_source(
        cls, value: str | None, info: ValidationInfo
    ) -> str | None:
        source = info.data.get("source")
        if value is None and source == "tfds":
            raise mistake(
                "is required for source: tfds",
                "Give the name of a classification set, such as cifar100.",
            )
        if value is not None and source not in ("tfds", None):
            raise mistake(
                f"is not used by source: {source}",
                "Leave it out or use source: tfds.",
            )
        return value

    @field_validator("std")
    @classmethod
    def _std_is_positive_and_fits_mean(
        cls, value: tuple[float, ...] | None, info: ValidationInfo
    ) -> tuple[float, ...] | None:
        if value is None:
            return value
        if min(value) <= 0:
            raise mistake(
                "must be greater than 0 for every channel",
                "Leave it out to take it from the training images.",
            )
        mean = info.data.get("mean")
        if mean is not None and len(mean) != len(value):
            raise mistake(
                "must have one number a channel, like mean, which is "
                f"{list(mean)}",
                "Give both the same length.",
            )
        return value
