"""Where a teacher comes from."""

from pydantic import Field, ValidationInfo, field_validator

from atsc_keras.config.pixels_of_file import PixelsOfFile
from atsc_keras.config.ranges import FilePath, check_pattern
from atsc_keras.config.recipe_config import RecipeConfig
from atsc_keras.config.strict_model import StrictModel, mistake


class TeacherConfig(StrictModel):
    """A teacher: saved, or to be trained.

    With `weights` of a library and `training`, it is trained from those.

    Attributes:
        network: name of the network, such as `resnet32x4`; required.
        weights: a saved `.keras` file, with which nothing is trained; of a
            network of keras.applications, `imagenet` or a local `.h5` file; of
            a preset of KerasHub or KerasCV, `preset`.
        pixels: what the saved file wants of its pixels, where it does not
            scale them itself: a range (`0..1`, `-1..1`), `mean` and `std` in
            units of 0 to 255, or the family of keras.applications whose
            `preprocess_input` it was trained with, such as `resnet50`. It
            becomes a layer of every model that is saved. null (default) =
            plain pixels, `0..255`, unless the images contradict that.
        trainable: layers of its encoder that adapt while it teaches, by name or
            regular expression, such as [stage3_.*]; null (default) = all; [] =
            none, the classifier neither, which is SimKD.
        batch_norm_momentum: as for the student; null (default) = as the network
            has it.
        training: how to train it where there are no weights.
    """

    network: str = Field(min_length=1, max_length=1000, examples=["resnet32x4"])
    weights: FilePath | None = Field(default=None, examples=["teacher.keras"])
    pixels: PixelsOfFile = Field(default=None, examples=["0..1"])
    trainable: tuple[str, ...] | None = Field(
        default=None,
        strict=False,
        max_length=1000,
        examples=[["stage3_.*"]],
    )
    batch_norm_momentum: float | None = Field(
        default=None, ge=0, lt=1, examples=[0.9]
    )
    training: RecipeConfig | None = Field(default=None, validate_default=True)

    @property
    def is_trained(self) -> bool:
        """Whether a run trains it before it teaches."""
        saved = (self.weights or "").endswith(".keras")
        return self.training is not None and not saved

    @field_validator("trainable")
    @classmethod
    def _are_patterns(
        cls, value: tuple[str, ...] | None
    ) -> tuple[str, ...] | None:
        for pattern in value or ():
            check_pattern(pattern)
        return value

    @field_validator("training")
    @classmethod
    def _can_be_had(
        cls, value: RecipeConfig | None, info: ValidationInfo
    ) -> RecipeConfig | None:
        # Absent from `data` means that weights had a mistake of its own.
        without_weights = info.data.get("weights", "unknown") is None
        if value is None and without_weights:
            raise mistake(
                "is required where no weights are given",
                "Give a `.keras` file as weights, or how to train as "
                "training: {epochs: 240}.",
            )
        return value
