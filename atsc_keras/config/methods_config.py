"""How the other methods of a comparison are set."""

from pydantic import Field

from atsc_keras.config.recipe_config import RecipeConfig
from atsc_keras.config.strict_model import StrictModel


class MethodConfig(StrictModel):
    """A method of a fixed teacher.

    Attributes:
        transfer_weight: Weight of what it compares; null (default) = as
            published.
        student_loss_weight: Weight of the student's cross-entropy; default 1.
        logits_loss_weight: Weight of the tempered KL; null (default) = as
            published.
        temperature: Of the tempered KL; default 4.
        warmup_epochs: Over which `transfer_weight` rises; null (default) = as
            published, in proportion to the epochs.
        training: The recipe; null (default) = `student.training`.
    """

    transfer_weight: float | None = Field(default=None, ge=0)
    student_loss_weight: float = Field(default=1.0, ge=0)
    logits_loss_weight: float | None = Field(default=None, ge=0)
    temperature: float = Field(default=4.0, gt=0)
    warmup_epochs: int | None = Field(default=None, ge=0)
    training: RecipeConfig | None = None


class SimKDConfig(StrictModel):
    """SimKD: ATSC's losses with a teacher that stays.

    Attributes:
        training: The recipe; null (default) = `distillation.training`.
    """

    training: RecipeConfig | None = None


class MethodsConfig(StrictModel):
    """The methods that `compare` knows beside ATSC and the student alone.

    Attributes:
        kd: Hinton et al. 2015.
        fitnet: Romero et al. 2015.
        at: Zagoruyko and Komodakis 2017.
        sp: Tung and Mori 2019.
        vid: Ahn et al. 2019.
        crd: Tian et al. 2020.
        srrl: Yang et al. 2021.
        semckd: Chen et al. 2021.
        dkd: Zhao et al. 2022.
        reviewkd: Chen et al. 2021.
        simkd: Chen et al. 2022.
    """

    kd: MethodConfig = MethodConfig()
    fitnet: MethodConfig = MethodConfig()
    at: MethodConfig = MethodConfig()
    sp: MethodConfig = MethodConfig()
    vid: MethodConfig = MethodConfig()
    crd: MethodConfig = MethodConfig()
    srrl: MethodConfig = MethodConfig()
    semckd: MethodConfig = MethodConfig()
    dkd: MethodConfig = MethodConfig()
    reviewkd: MethodConfig = MethodConfig()
    simkd: SimKDConfig = SimKDConfig()


# What can be compared, in the order of a table.
STUDENT_ALONE = "student"
METHODS = (STUDENT_ALONE, *MethodsConfig.model_fields, "atsc")
