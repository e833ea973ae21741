"""The shape of a step, with a key for each kind of the registry, and how the step is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin, get_type_hints

from pydantic import (
    AfterValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Tag,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core.core_schema import CoreSchema

from ..model import ArticleStep, Pattern, Step
from ..registry import StepKind, UnusableRow, step_kinds
from ..steps import WHEN, Age, Condition, Conditions, Substitution
from . import value_types as v
from .patterns import Regexp
from .problems import did_you_mean, join_with_or
from .yaml_mapping import FORM, LONG, SHORT, YamlMapping, key_of_kind, optional_key


class ConditionsShape(YamlMapping):
    """What must be found in fields of an article, and its age; all must hold.

    A text is a regular expression (RE2) that is searched for, a list means any of these words.
    """

    title: v.PatternValue | None = optional_key("Found in the title.", "(?i)sponsored")
    summary: v.PatternValue | None = optional_key("Found in the excerpt.", ["rain", "snow"])
    text: v.PatternValue | None = optional_key("Found in the text, without its tags.", ["heavy weather"])
    url: v.PatternValue | None = optional_key("Found in the address of the story.", "/opinion/")
    author: v.PatternValue | None = optional_key("Found in the name of an author.", "(?i)press office")
    tag: v.PatternValue | None = optional_key("Found in a tag.", "^weather$")
    language: v.PatternValue | None = optional_key("Found in the language.", "^(en|de)")
    source: v.PatternValue | None = optional_key("Found in the id of the source.", "^friends/")
    any: v.PatternValue | None = optional_key("Found in title, excerpt or text.", ["rain", "snow"])
    age: v.AgeValue | None = optional_key(
        "How old the article is beside the newest: `keep` takes up to that age, other steps what is older;"
        ' "<30d" and ">30d" say which.',
        "30d",
    )

    @model_validator(mode="after")
    def _require_condition(self) -> Self:
        if not self.model_fields_set:
            raise ValueError('no condition stands here, expected such as {title: "(?i)sponsored"}')
        return self


class LimitShape(YamlMapping):
    """The articles that a feed keeps. Over `at_most` or `bytes`, the source with most of them is cut first."""

    count: v.WholeValue | None = optional_key("The newest articles, this many; 50 when left out.", 20)
    hours: v.NumberValue = Field(
        default=48.0,
        description="And all that were first seen in the last hours, this many; 48 when left out.",
        examples=[24],
    )
    at_most: v.WholeValue | None = optional_key("Never more than this many; 500, or `count` if that is more.", 200)
    per_source: v.WholeOrNoneValue | None = optional_key("Of each source, this many at most, or `none`: any number.", 5)
    bytes: v.SizeValue = Field(
        default=5_000_000,
        description="About the largest size of a file of the feed; 5MB when left out.",
        examples=["1MB"],
    )


def _build_conditions(value: Regexp | ConditionsShape) -> Conditions:
    if isinstance(value, Regexp):
        return (Condition("any", value),)
    tests = ((name, getattr(value, name)) for name in ConditionsShape.model_fields)
    return tuple(test if isinstance(test, Age) else Condition(name, test) for name, test in tests if test is not None)


ConditionsValue = Annotated[
    Annotated[v.PatternValue, Tag(SHORT)] | Annotated[ConditionsShape, Tag(LONG)],
    FORM,
    AfterValidator(_build_conditions),
]


def _check_replacements(replacements: dict[Regexp, str]) -> dict[Regexp, str]:
    for pattern, replacement in replacements.items():
        pattern.check_replacement(replacement)
    return replacements


Replacements = Annotated[dict[v.ExpressionValue, v.ReplacementValue], AfterValidator(_check_replacements)]


class RewriteShape(YamlMapping):
    """What is replaced, by field: `pattern: replacement`, in which \\1 is the first group of the pattern."""

    title: Replacements | None = optional_key(
        "The title; it stays as it is where nothing would be left.", {"(?i)^exclusive: ": ""}
    )
    summary: Replacements | None = optional_key("The excerpt.", {"^Read more: ": ""})
    text: Replacements | None = optional_key(
        "The words of the text, between its tags.", {r"colou?r (\w+)": r"\1 paint"}
    )
    html: Replacements | None = optional_key("The text with its tags; what comes out is cleaned.", {"<hr */?>": ""})
    url: Replacements | None = optional_key(
        "The address; it stays as it is where it would become none.", {"^http://amp[.]": "https://www."}
    )
    author: Replacements | None = optional_key("The name of each author.", {"(?i), staff writer$": ""})
    tag: Replacements | None = optional_key("Each tag.", {"^Weather/.*": "weather"})
    any: Replacements | None = optional_key("Title, excerpt and text.", {"colour": "color"})
    when: ConditionsValue | None = optional_key(WHEN["description"], WHEN["example"])

    @property
    def substitutions(self) -> tuple[Substitution, ...]:
        """Return the replacements in the order of the fields."""
        return tuple(
            Substitution(name, pattern, replacement)
            for name in type(self).model_fields
            if name != "when"
            for pattern, replacement in (getattr(self, name) or {}).items()
        )

    @model_validator(mode="after")
    def _require_replacement(self) -> Self:
        if not self.substitutions:
            raise ValueError('nothing to replace stands here, expected such as {title: {"(?i)^sponsored: ": ""}}')
        return self


# The type of a field of a step → the type of its value in the YAML.
FIELD_VALUES: Mapping[object, object] = {
    str: v.LineValue,
    int: v.WholeValue,
    float: v.NumberValue,
    bool: v.SwitchValue,
    Pattern: v.PatternValue,
    tuple[str, ...]: v.LinesValue,
    Conditions: ConditionsValue,
}


class StepShape(YamlMapping):
    """One step: exactly one of these keys. The name alone is enough where nothing else is needed: `- dedupe`."""

    @model_validator(mode="before")
    @classmethod
    def _drop_empty_keys(cls, data: object) -> object:
        """Treat a step without a value as one with an empty mapping."""
        return {key: {} if value is None else value for key, value in data.items()} if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _require_single_key(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("a step is one key, expected each step as an item of its own: `- drop: …`")
        self.build()
        return self

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema with a key for each kind of step, which are known once the plugins are loaded."""
        return handler.generate_schema(step_shape()) if cls is StepShape else handler(source)

    def build(self) -> Step:
        """Return the step; raise ValueError if its class refuses the values."""
        (name,) = self.model_fields_set
        kind, value = step_kinds()[name], getattr(self, name)
        if isinstance(value, YamlMapping):
            values = {field.name: getattr(value, field.name) for field in fields(kind.step_type)}
        else:
            values = {str(kind.short): value}
        step: Step = kind.step_type(**{name: value for name, value in values.items() if value is not None})
        return step


@cache
def step_shape() -> type[StepShape]:
    """Return the shape of a step with a key for each kind."""
    keys: dict[str, Any] = {
        kind.name: (_step_value(kind) | None, key_of_kind(kind.description, kind.example))
        for kind in step_kinds().values()
    }
    return create_model("StepShape", __base__=StepShape, __doc__=StepShape.__doc__, **keys)


def _step_value(kind: StepKind) -> Any:
    """Return the type of a step's value: the mapping of its fields, or the value of its field `short` alone."""
    short = _field_value(kind, kind.short) if kind.short else None
    if short is ConditionsValue:  # which is a mapping itself
        return short
    shape = kind.shape_type or _fields_shape(kind)
    if short is None:
        return shape
    return Annotated[Annotated[short, Tag(SHORT)] | Annotated[shape, Tag(LONG)], FORM]


def _fields_shape(kind: StepKind) -> type[YamlMapping]:
    """Return a shape with the fields of a step as its keys."""
    keys: dict[str, Any] = {}
    for field in fields(kind.step_type):
        value, example = _field_value(kind, field.name), field.metadata.get("example")
        key = optional_key(field.metadata.get("description"), example)
        if field.default is MISSING and field.default_factory is MISSING:
            keys[field.name] = (value, Field(description=key.description, examples=key.examples))
        else:
            keys[field.name] = (value | None, key)
    name = f"{kind.step_type.__name__}Shape"
    return create_model(name, __base__=YamlMapping, __doc__=kind.description, **keys)


def check_fields(kind: StepKind) -> None:
    """Raise UnusableRow if the fields of a step cannot be keys of the YAML."""
    for field in () if kind.shape else fields(kind.step_type):
        _field_value(kind, field.name)


def _field_value(kind: StepKind, name: str) -> Any:
    """Return the type of a field's value in the YAML."""
    hint = get_type_hints(kind.step_type)[name]
    is_union = get_origin(hint) in (Union, UnionType)
    options = [option for option in get_args(hint) if option is not NoneType] if is_union else [hint]
    value = (FIELD_VALUES.get(options[0]) or _choice_value(options[0])) if len(options) == 1 else None
    if value is None:
        raise UnusableRow(f"its field `{name}` is of the type {hint}, expected one of those that `StepKind` names")
    return value


def _choice_value(hint: object) -> object:
    """Return the type of the value for a Literal of texts or a tuple of such; None for any other type."""
    item, *rest = get_args(hint) if get_origin(hint) is tuple else (hint,)
    if get_origin(item) is not Literal or rest not in ([], [...]):
        return None
    return v.choice_value(get_args(item), several=bool(rest))


def _parse_bare_step(name: str) -> StepShape:
    kinds = step_kinds()
    if name not in kinds:
        raise ValueError(f"there is no step `{name}`, expected {join_with_or([*kinds])}{did_you_mean(name, kinds)}")
    if name not in _list_bare_steps():
        raise ValueError(f"the step `{name}` has no value, expected such as {name}: {kinds[name].example}")
    return step_shape().model_validate({name: {}})


@cache
def _list_bare_steps() -> tuple[str, ...]:
    """Return the names of the steps that need no value."""
    return tuple(name for name in step_kinds() if _is_valid_step({name: {}}))


def _is_valid_step(data: object) -> bool:
    try:
        step_shape().model_validate(data)
    except ValidationError:
        return False
    return True


class _BareStepSchema:
    """The JSON Schema of a step that is a name alone."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        names = _list_bare_steps()
        return {"const": names[0]} if len(names) == 1 else {"enum": list(names)}


def _require_article_step(shape: StepShape) -> StepShape:
    """Raise ValueError for a step that cannot stand under a source, whose articles come among those of others."""
    if not isinstance(shape.build(), ArticleStep):
        (name,) = shape.model_fields_set
        raise ValueError(f"the step `{name}` works on the articles of a whole feed, expected it under `feeds`")
    return shape


BareStep = Annotated[StepShape, v.text_validator(_parse_bare_step, "a step"), _BareStepSchema()]
StepEntry = Annotated[Annotated[BareStep, Tag(SHORT)] | Annotated[StepShape, Tag(LONG)], FORM]
Steps = tuple[StepEntry, ...]
SourceSteps = tuple[Annotated[StepEntry, AfterValidator(_require_article_step)], ...]
