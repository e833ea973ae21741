"""The base of all shapes of the YAML, how their keys are declared, and values with a short and a long form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Discriminator, Field, model_validator
from pydantic.config import JsonDict


class YamlMapping(BaseModel):
    """A mapping of the YAML; an unknown key is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty_keys(cls, data: object) -> object:
        """Treat a known key without a value as one that is left out."""
        if not isinstance(data, dict) or None not in data.values():
            return data
        return {key: value for key, value in data.items() if value is not None or key not in list_keys(cls)}


def optional_key(description: str | None, example: object = None) -> Any:
    """Declare a key that may be left out; `example` is a value that is not its default."""
    return Field(default=None, description=description, examples=None if example is None else [example])


def key_of_kind(description: str, example: str) -> Any:
    """Declare the key of a kind of the registry, whose example is the YAML of a value."""

    def add_example(schema: JsonDict) -> None:  # only the JSON Schema needs it
        schema["examples"] = [read_example(example)]

    return Field(default=None, description=description, json_schema_extra=add_example)


def read_example(text: str) -> Any:
    """Return the value of an example; raise ValueError where it is no YAML."""
    try:
        return yaml.load(text, yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(f"its example `{text}` is no YAML") from error


def format_value(value: object) -> str:
    """Return a value as YAML on one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=math.inf, allow_unicode=True, sort_keys=False)
    return text.removesuffix("...\n").strip()


def list_keys(shape: type[YamlMapping]) -> list[str]:
    """Return the keys of a shape as they are written."""
    return [field.alias or name for name, field in shape.model_fields.items()]


# ── values with a short form (a text) and a long one (a mapping) ────────────────────────────────────────────────────

# The tags of the two forms. They occur in the locations of pydantic's errors, where the parenthesis marks them.
SHORT, LONG = "(short)", "(long)"
FORM = Discriminator(lambda value: LONG if isinstance(value, (Mapping, YamlMapping)) else SHORT)
