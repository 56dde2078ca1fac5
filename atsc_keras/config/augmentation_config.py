"""What is done to training images beyond crop and flip."""

from typing import Literal

from pydantic import (
    Field,
    ValidationInfo,
    field_validator,
)

from atsc_keras.config.ranges import Share, check_shares
from atsc_keras.config.strict_model import NamedSection

_MIXES_LABELS = ("mixup", "cutmix")


class AugmentationConfig(NamedSection):
    """An augmentation.

    Attributes:
        name: `rand_augment`, `mixup`, `cutmix`, `random_erasing` or
            `grid_mask`; required.
        operations: only for `rand_augment`; how many an image, default 2.
        magnitude: only for `rand_augment`; their strength, 0 to 1, default 0.3.
        probability: not for `rand_augment`; share of the images that are
            changed, default 0.5.
        alpha: only for `mixup` and `cutmix`; the share of the other image comes
            from Beta(alpha, alpha); default 1, which is uniform.
        area: only for `random_erasing`; smallest and largest share of the
            image, default [0.02, 0.4].
        ratio: only for `grid_mask`; smallest and largest side of a hole as a
            share of the grid's unit, default [0.0, 0.5].
    """

    used_by = {
        "operations": ("rand_augment",),
        "magnitude": ("rand_augment",),
        "probability": ("mixup", "cutmix", "random_erasing", "grid_mask"),
        "alpha": ("mixup", "cutmix"),
        "area": ("random_erasing",),
        "ratio": ("grid_mask",),
    }

    name: Literal[
        "rand_augment", "mixup", "cutmix", "random_erasing", "grid_mask"
    ]
    operations: int = Field(default=2, gt=0, le=100)
    magnitude: float = Field(default=0.3, ge=0, le=1)
    probability: float = Field(default=0.5, gt=0, le=1)
    alpha: float = Field(default=1.0, ge=1e-3, le=1000)
    # The lists of YAML become tuples; their numbers stay strict.
    area: tuple[Share, ...] = Field(default=(0.02, 0.4), strict=False)
    ratio: tuple[Share, ...] = Field(default=(0.0, 0.5), strict=False)

    @property
    def mixes_labels(self) -> bool:
        """Whether an image comes out with shares of two labels."""
        return self.name in _MIXES_LABELS

    @field_validator("area", "ratio")
    @classmethod
    def _shares(
        cls, value: tuple[float, ...], info: ValidationInfo
    ) -> tuple[float, ...]:
        smallest_may_be_zero = info.field_name == "ratio"
        return check_shares(value, smallest_may_be_zero=smallest_may_be_zero)
