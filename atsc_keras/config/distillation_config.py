"""How the student learns from its teachers."""

from typing import Literal

from pydantic import Field

from atsc_keras.config.optimizer_config import OptimizerConfig
from atsc_keras.config.ranges import Temperature, Weight
from atsc_keras.config.recipe_config import RecipeConfig
from atsc_keras.config.strict_model import NEUTRAL, StrictModel


class DistillationConfig(StrictModel):
    """The weights of the losses, and the recipe.

    Attributes:
        feature_loss_weight: weight of the alignment of features; default 1.
        feature_loss: `normalized_mse` (default), over the variance of the
            teacher's features; or `mse`, as published.
        l2sp_weight: weight of the teacher's L2-SP; default 1.
        student_loss_weight: weight of the student's cross-entropy; default 1,
            as published 0.
        logits_loss_weight: weight of the tempered KL; default 1, as published
            0.
        temperature: divides the logits in the tempered KL; default 4.
        reduction: divides the teacher's channels inside the projector; default
            2.
        projector: `bottleneck` (default, as published), `separable`, `linear`
            or, for a teacher of as many channels, `none`.
        l2sp_scope: `all` (default) trainable weights of the teacher's encoder
            or its `kernels`.
        training: the recipe; required.
        teacher_rate: what is trained already, the teacher's encoder and the
            shared classifier, learns as `training.optimizer` says, at this part
            of its rate; default 0.01; as published: 1.
        teacher_optimizer: moves the teacher's encoder in its own way; null
            (default) = as above.
        classifier_optimizer: moves the shared classifier; likewise.
    """

    feature_loss_weight: Weight = 1.0
    feature_loss: Literal["mse", "normalized_mse"] = Field(
        default="normalized_mse", json_schema_extra={NEUTRAL: "mse"}
    )
    l2sp_weight: Weight = 1.0
    student_loss_weight: Weight = Field(
        default=1.0, json_schema_extra={NEUTRAL: 0.0}
    )
    logits_loss_weight: Weight = Field(
        default=1.0, json_schema_extra={NEUTRAL: 0.0}
    )
    temperature: Temperature = 4.0
    reduction: int = Field(default=2, gt=0, le=10_000)
    projector: Literal["bottleneck", "separable", "linear", "none"] = (
        "bottleneck"
    )
    l2sp_scope: Literal["all", "kernels"] = "all"
    training: RecipeConfig
    teacher_rate: float = Field(
        default=0.01, ge=0, le=1e6, json_schema_extra={NEUTRAL: 1.0}
    )
    teacher_optimizer: OptimizerConfig | None = None
    classifier_optimizer: OptimizerConfig | None = None
