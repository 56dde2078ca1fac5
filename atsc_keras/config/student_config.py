"""Which network is the student."""

from pydantic import Field

from atsc_keras.config.recipe_config import RecipeConfig
from atsc_keras.config.strict_model import StrictModel


class StudentConfig(StrictModel):
    """A student, and its training without a teacher.

    Attributes:
        network: Name of the network, such as `resnet8x4`; required.
        weights: To start from: a saved `.keras` file; of a network of
            keras.applications, `imagenet` or a local `.h5` file; of a preset
            of KerasHub or KerasCV, `preset`; null (default) = none.
        training: How the student alone is trained, the baseline; null
            (default) = no baseline.
    """

    network: str = Field(min_length=1, examples=["resnet8x4"])
    weights: str | None = Field(
        default=None, min_length=1, examples=["student.keras"]
    )
    training: RecipeConfig | None = None
