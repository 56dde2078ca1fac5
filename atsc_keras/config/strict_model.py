"""The rules that every section of a config follows."""

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

# A field whose default is not what came before it names that one:
# `Field(default=2, json_schema_extra={NEUTRAL: 1})`.
NEUTRAL = "neutral"


class StrictModel(BaseModel):
    """A section of a config: frozen, no unknown keys, no coerced types.

    Strict types, because YAML has its own: `true` for a number or `"3"` for a
    count is a slip of the pen, not a value.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
    )


def mistake(rule: str, way_out: str) -> PydanticCustomError:
    """Make the error of a rule that looks at more than one field.

    Args:
        rule: what must hold, without the name of the key, as in "must be ...".
        way_out: what to write instead, a sentence.

    Returns:
        The error; a field validator raises it.
    """
    return PydanticCustomError(
        "mistake", "{rule}. {way_out}", {"rule": rule, "way_out": way_out}
    )


def neutral_values(section: type[BaseModel]) -> dict[str, Any]:
    """Tell what each setting of a section counts as in records that lack it.

    Its default, unless the field names another value.
    """
    values = {}
    for name, field in section.model_fields.items():
        extra = field.json_schema_extra
        named = extra if isinstance(extra, dict) else {}
        if NEUTRAL in named or not field.is_required():
            values[name] = named.get(NEUTRAL, field.default)
    return values
