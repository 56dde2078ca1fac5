"""How the student learns from its teachers."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from atsc_keras.config.optimizer_config import OptimizerConfig
from atsc_keras.config.ranges import Temperature, Weight
from atsc_keras.config.recipe_config import RecipeConfig
from atsc_keras.config.strict_model import NEUTRAL, StrictModel, mistake

_LARGEST_REDUCTION = 10_000
Reduction = Literal["auto"] | Annotated[int, Field(gt=0, le=_LARGEST_REDUCTION)]


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
        reduction: divides the teacher's channels inside the projector; `auto`
            (default) = the least of 2, 4, 8, ... with which it has at most a
            quarter of the teacher's parameters.
        projector_parameters: most parameters of all projectors together, in
            place of `reduction`; null (default) = as that says.
        projector: `auto` (default) = `bottleneck`, as published, with a given
            reduction or where 2 leaves it small enough, else `separable`; or
            `linear` or, for a teacher of as many channels, `none`.
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
    reduction: Reduction = Field(default="auto", json_schema_extra={NEUTRAL: 2})
    projector_parameters: int | None = Field(
        default=None, gt=0, le=1_000_000_000, examples=[100_000]
    )
    projector: Literal["auto", "bottleneck", "separable", "linear", "none"] = (
        Field(default="auto", json_schema_extra={NEUTRAL: "bottleneck"})
    )
    l2sp_scope: Literal["all", "kernels"] = "all"
    training: RecipeConfig
    teacher_rate: float = Field(
        default=0.01, ge=0, le=1e6, json_schema_extra={NEUTRAL: 1.0}
    )
    teacher_optimizer: OptimizerConfig | None = None
    classifier_optimizer: OptimizerConfig | None = None

    @field_validator("reduction", mode="before")
    @classmethod
    def _is_a_reduction(cls, value: Any) -> Any:
        # Before the union, whose findings would come for each of its forms.
        whole = type(value) is int and 0 < value <= _LARGEST_REDUCTION
        if value == "auto" or whole:
            return value
        raise mistake(
            f"must be auto, or a whole number from 1 to {_LARGEST_REDUCTION}",
            "Write, for example, reduction: 8.",
        )

    @field_validator("projector_parameters")
    @classmethod
    def _chooses_reduction(
        cls, value: int | None, info: ValidationInfo
    ) -> int | None:
        given = info.data.get("reduction", "auto")
        if value is not None and given != "auto":
            raise mistake(
                f"chooses reduction itself, which is {given} already",
                "Say reduction: auto, or leave projector_parameters out.",
            )
        return value
