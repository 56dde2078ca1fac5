"""How the other methods of a comparison are set."""

import difflib
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field, create_model, model_validator

from atsc_keras.config.ranges import MOST_EPOCHS, Temperature, Weight
from atsc_keras.config.recipe_config import RecipeConfig
from atsc_keras.config.strict_model import StrictModel, mistake
from atsc_keras.errors import shortened
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

    transfer_weight: Weight | None = None
    student_loss_weight: Weight = 1.0
    logits_loss_weight: Weight | None = None
    temperature: Temperature = 4.0
    warmup_epochs: int | None = Field(default=None, ge=0, le=MOST_EPOCHS)
    training: RecipeConfig | None = None


class SimKDConfig(StrictModel):
    """SimKD: ATSC's losses with a teacher that stays.

    Attributes:
        training: the recipe; null (default) = `distillation.training`.
    """

    training: RecipeConfig | None = None


class _Methods(StrictModel):
    """The methods that `compare` knows beside ATSC and labels alone.

    A field for each row of the registry; keys such as `my_module:MyLoss` are
    transfer losses of one's own.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, MethodConfig]
    others = MethodConfig

    def too_slow(self, recipe: RecipeConfig | None) -> str | None:
        """Find a method whose warm-up is longer than its training.

        Args:
            recipe: of those without one of their own.
        """
        for name, method in self:
            training = method.training or recipe
            warmup = getattr(method, "warmup_epochs", None)
            if training and (warmup or 0) > training.epochs:
                return name
        return None

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
                    f"has the unknown key {shortened(str(key))}",
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
STUDENT_SAME_SIZE = "student_same_size"
