"""How the other methods of a comparison are set."""

import difflib
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field, create_model, model_validator

from atsc_keras.config.recipe_config import RecipeConfig
from atsc_keras.config.strict_model import StrictModel, mistake
from atsc_keras.methods.registry import METHODS, is_own


class MethodConfig(StrictModel):
    """A method of a fixed teacher.

    Attributes:
        transfer_weight: weight of what it compares; null (default) = as
            published.
        student_loss_weight: weight of the student's cross-entropy; default 1.
        logits_loss_weight: weight of the tempered KL; null (default) = as
            published.
        temperature: divides the logits in the tempered KL; default 4.
        warmup_epochs: over which `transfer_weight` rises; null (default) = as
            published, in proportion to the epochs.
        training: the recipe; null (default) = `student.training`.
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
        training: the recipe; null (default) = `distillation.training`.
    """

    training: RecipeConfig | None = None


class _Methods(StrictModel):
    """The methods that `compare` knows beside ATSC and the student alone.

    A field for each row of the registry; keys such as `my_module:MyLoss` are
    transfer losses of one's own.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, MethodConfig]
    others = MethodConfig

    def of(self, name: str) -> Any:
        """Read how a method is set; by default where the config is silent."""
        return getattr(self, name, MethodConfig())

    @model_validator(mode="before")
    @classmethod
    def _are_known(cls, values: Any) -> Any:
        known = list(cls.model_fields)
        for key in values if isinstance(values, dict) else ():
            if key not in known and not is_own(str(key)):
                near = difflib.get_close_matches(str(key), known, n=1)
                raise mistake(
                    f"has the unknown key {key}",
                    f"Did you mean `{near[0]}`?"
                    if near
                    else f"Known keys: {', '.join(known)}, my_module:MyLoss.",
                )
        return values


if TYPE_CHECKING:
    MethodsConfig = _Methods
else:
    MethodsConfig = create_model(
        "MethodsConfig",
        __base__=_Methods,
        **{
            method.name: (config, config())
            for method in METHODS.values()
            if method.kind != "labels" and method.name != "atsc"
            for config in (
                MethodConfig if method.kind == "fixed_teacher" else SimKDConfig,
            )
        },
    )

STUDENT_ALONE = "student_alone"
