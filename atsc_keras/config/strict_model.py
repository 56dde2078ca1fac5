"""The rules that every section of a config follows."""

from collections.abc import Mapping
from typing import Any, ClassVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
)
from pydantic_core import PydanticCustomError

# A field whose default is not what came before it names that one:
# `Field(default=2, json_schema_extra={NEUTRAL: 1})`.
NEUTRAL = "neutral"


class StrictModel(BaseModel):
    """A section of a config: frozen, no unknown keys, no coerced types.

    Strict types, because YAML has its own: `true` for a number or `"3"` for a
    count is a slip of the pen, not a value.
    """

    # The key that says of which kind a section is, and the keys that count for
    # one kind alone; None = all of them.
    kind: ClassVar[str | None] = None
    of_kind: ClassVar[tuple[str, ...] | None] = None
    # What a key that is no field holds, where those are allowed.
    others: ClassVar[type[BaseModel] | None] = None

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
    )

    @classmethod
    def of_other_kinds(cls, kind: Any) -> tuple[str, ...]:
        """Name the keys that do not count for a kind that replaces another."""
        return cls.of_kind or ()


class NamedSection(StrictModel):
    """A section whose `name` decides which of its other keys count."""

    kind = "name"
    # Names that a key is for; one that is not here is for all.
    used_by: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    @classmethod
    def of_other_kinds(cls, kind: Any) -> tuple[str, ...]:
        return tuple(key for key, of in cls.used_by.items() if kind not in of)

    # Runs for given values only: the defaults are never a mistake.
    @field_validator("*")
    @classmethod
    def _belongs_to_name(cls, value: Any, info: ValidationInfo) -> Any:
        name = info.data.get("name")
        users = cls.used_by.get(str(info.field_name))
        if users and name is not None and name not in users:
            raise mistake(
                f"is only for name: {', '.join(users)}, not for name: {name}",
                f"Leave it out, give all of it as {{name: {name}, ...}} or use "
                f"name: {' or '.join(users)}.",
            )
        return value

    @model_serializer(mode="wrap")
    def _only_what_counts(
        self, handler: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        return {
            key: value
            for key, value in values.items()
            if values["name"] in self.used_by.get(key, (values["name"],))
        }


def inner_section(
    section: type[BaseModel] | None, key: str
) -> type[BaseModel] | None:
    """Find the section that a key of another holds, if it holds one.

    Args:
        section: None = unknown, and so is what it holds.
        key: of the section; of one in a list or a union too.
    """
    if section is None:
        return None
    if key in section.model_fields:
        return _model_in(section.model_fields[key].annotation)
    return section.others if issubclass(section, StrictModel) else None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type):
        return annotation if issubclass(annotation, BaseModel) else None
    for argument in get_args(annotation):
        model = _model_in(argument)
        if model is not None:
            return model
    return None


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


def as_recorded(section: Any) -> Any:
    """Give what a recorded section lacks its neutral value, not the default.

    Args:
        section: validated, nested ones and lists of them too; what is none
            comes back as it is.
    """
    if isinstance(section, tuple):
        return tuple(map(as_recorded, section))
    if not isinstance(section, StrictModel):
        return section
    neutral = neutral_values(type(section))
    values = {
        name: as_recorded(
            neutral[name]
            if name in neutral and name not in section.model_fields_set
            else value
        )
        for name, value in section
    }
    return section.model_copy(update=values)


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
