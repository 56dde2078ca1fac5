"""Which network is the student."""

from pydantic import Field

from atsc_keras.config.pixels_of_file import PixelsOfFile
from atsc_keras.config.ranges import FilePath
from atsc_keras.config.recipe_config import RecipeConfig
from atsc_keras.config.strict_model import StrictModel


class StudentConfig(StrictModel):
    """A student, and its training without a teacher.

    Attributes:
        network: name of the network, such as `resnet8x4`; required.
        weights: to start from: a saved `.keras` file; of a network of
            keras.applications, `imagenet` or a local `.h5` file; of a preset of
            KerasHub or KerasCV, `preset`; null (default) = none.
        pixels: what the saved file wants of its pixels, as for the teacher.
        batch_norm_momentum: what every batch normalisation has, 0 to under 1;
            null (default) = as the network has it, but at most 0.9, alone and
            taught. Libraries have 0.99 or 0.999, with which moving statistics
            lag behind for hundreds of steps.
        training: how the student alone is trained, the baseline; null (default)
            = no baseline.
        same_size: whether `distill` trains a second baseline in the same way:
            the very network that ships, encoder, projector and head, on the
            labels alone; default false. It tells the gain of teaching from
            that of size, and changes nothing else.
    """

    network: str = Field(min_length=1, max_length=1000, examples=["resnet8x4"])
    weights: FilePath | None = Field(default=None, examples=["student.keras"])
    pixels: PixelsOfFile = Field(default=None, examples=["0..1"])
    batch_norm_momentum: float | None = Field(
        default=None, ge=0, lt=1, examples=[0.9]
    )
    training: RecipeConfig | None = None
    same_size: bool = False
