"""Which images, and how they become batches."""

from typing import Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
)

from atsc_keras.config.augmentation_config import AugmentationConfig
from atsc_keras.config.ranges import (
    MOST_BATCHES,
    MOST_PIXELS,
    FilePath,
    PixelUnits,
    Share,
    Spread,
    check_shares,
)
from atsc_keras.config.strict_model import StrictModel, mistake

_MOST_CHANNELS = 1000
_PATH_OF_SOURCE = {
    "npz": "the .npz file",
    "idx": "the folder of the *-ubyte files",
    "folder": "the folder that holds train/ and test/",
}


class DataConfig(StrictModel):
    """A data set and its batches.

    Attributes:
        source: `digits` (default), `npz`, `idx`, `folder` or `tfds`.
        path: the npz file, the idx folder, the root of `folder`, or the
            data_dir of `tfds`, where null means its own default.
        name: name of the `tfds` data set, required there and only there.
        classes: null (default) = all; N = the first N classes only.
        hold_out: null (default), or a share of the training images of each
            class, such as 0.1: these are left out of training and take the
            place of the test images, for choosing settings.
        image_size: null (default) = as stored; N = resized to N x N.
        channels: null (default) = as stored; 3 = grey images are repeated
            for red, green and blue, for a network of colour images. Not of
            `tfds`.
        layout: only for `npz`; `channels_first` of arrays (N, C, H, W), which
            are then moved to the end, or `channels_last`; null (default) =
            that, and a shape that looks like the other is refused.
        batch_size: images a batch; default 64.
        drop_remainder: leave out the last, smaller batch of an epoch.
        crop_padding: pixels of zeros around a training image before a random
            window of the old size is cut out; default 4, 0 = no crop.
        crop_area: null (default), or the smallest and the largest share of a
            training image's area, such as [0.08, 1.0]: then a random window
            is resized to `image_size`, and nothing is padded.
        flip: random horizontal flip of training images; default true.
        augmentations: a list of `AugmentationConfig`, done in order on the
            cropped training images; default: none.
        augment_on: `host` (default), or `device`: batches leave the host as
            uint8, and are cropped and flipped inside the training step, the
            same way. On JAX and torch, images in memory then need no
            TensorFlow. Not with `augmentations`.
        evaluation_resize: null (default) = test images are resized to
            `image_size`; N = their short side is resized to N and the centre
            cut out.
        mean: per channel, in pixel units [0, 255]; null (default) = from the
            training images.
        std: like `mean`.
    """

    kind = "source"
    of_kind = ("path", "name", "layout")

    source: Literal["digits", "npz", "idx", "folder", "tfds"] = "digits"
    path: FilePath | None = Field(default=None, validate_default=True)
    name: str | None = Field(
        default=None, min_length=1, max_length=1000, validate_default=True
    )
    classes: int | None = Field(default=None, gt=1, le=1_000_000, examples=[20])
    hold_out: float | None = Field(default=None, gt=0, lt=1, examples=[0.1])
    image_size: int | None = Field(
        default=None, gt=0, le=MOST_PIXELS, examples=[32]
    )
    channels: Literal[3] | None = Field(default=None, examples=[3])
    layout: Literal["channels_last", "channels_first"] | None = Field(
        default=None, examples=["channels_first"]
    )
    batch_size: int = Field(default=64, gt=0, le=MOST_BATCHES)
    drop_remainder: bool = False
    crop_padding: int = Field(default=4, ge=0, le=1024)
    # The lists of YAML become tuples; their numbers stay strict.
    crop_area: tuple[Share, ...] | None = Field(
        default=None, strict=False, examples=[[0.08, 1.0]]
    )
    flip: bool = True
    augmentations: tuple[AugmentationConfig, ...] = Field(
        default=(), strict=False, max_length=20
    )
    augment_on: Literal["host", "device"] = "host"
    evaluation_resize: int | None = Field(
        default=None, gt=0, le=MOST_PIXELS, examples=[256]
    )
    mean: tuple[PixelUnits, ...] | None = Field(
        default=None,
        max_length=_MOST_CHANNELS,
        strict=False,
        examples=[[127.5]],
    )
    std: tuple[Spread, ...] | None = Field(
        default=None,
        max_length=_MOST_CHANNELS,
        strict=False,
        examples=[[64.0]],
    )

    @property
    def soft_labels(self) -> bool:
        """Whether labels are rows of shares, not class numbers."""
        return any(a.mixes_labels for a in self.augmentations)

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

    @field_validator("channels")
    @classmethod
    def _channels_fit_source(
        cls, value: int | None, info: ValidationInfo
    ) -> int | None:
        if value is not None and info.data.get("source") == "tfds":
            raise mistake(
                "is not used by source: tfds",
                "Save the grey images as a folder or an npz file.",
            )
        return value

    @field_validator("layout")
    @classmethod
    def _layout_fits_source(
        cls, value: str | None, info: ValidationInfo
    ) -> str | None:
        if value is not None and info.data.get("source", "npz") != "npz":
            raise mistake(
                f"is not used by source: {info.data['source']}",
                "Leave it out, or use source: npz.",
            )
        return value

    @field_validator("crop_area")
    @classmethod
    def _area_is_a_share(
        cls, value: tuple[float, ...] | None
    ) -> tuple[float, ...] | None:
        return None if value is None else check_shares(value)

    @field_validator("augment_on")
    @classmethod
    def _only_crops_and_flips_on_device(
        cls, value: str, info: ValidationInfo
    ) -> str:
        if value == "device" and info.data.get("augmentations"):
            raise mistake(
                "must be host where there are augmentations",
                "Leave out one of the two.",
            )
        return value

    @field_validator("evaluation_resize")
    @classmethod
    def _covers_the_image(
        cls, value: int | None, info: ValidationInfo
    ) -> int | None:
        size = info.data.get("image_size")
        # Absent means that it had a mistake of its own.
        if value is None or "image_size" not in info.data:
            return value
        if size is None or value < size:
            raise mistake(
                f"must not be smaller than image_size, which is {size}"
                if size is not None
                else "needs an image_size, the size of the centre",
                "Write, for example, image_size: 224, evaluation_resize: 256.",
            )
        return value

    # Not by `min_length`, which counts good numbers alone.
    @field_validator("mean", "std")
    @classmethod
    def _is_of_a_channel(
        cls, value: tuple[float, ...] | None
    ) -> tuple[float, ...] | None:
        if value == ():
            raise mistake(
                "must not be an empty list",
                "Leave it out to take it from the training images.",
            )
        return value

    @field_validator("std")
    @classmethod
    def _std_fits_mean(
        cls, value: tuple[float, ...] | None, info: ValidationInfo
    ) -> tuple[float, ...] | None:
        if value is None:
            return value
        mean = info.data.get("mean")
        if mean is not None and len(mean) != len(value):
            raise mistake(
                "must have one number a channel, like mean, which is "
                f"{list(mean)}",
                "Give both the same length.",
            )
        return value

    @model_serializer(mode="wrap")
    def _only_what_counts(
        self, handler: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        if self.crop_area is not None:
            del values["crop_padding"]
        return values
