"""The base of all shapes of the YAML, how their keys are declared, and values with a short and a long form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, model_validator


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


def optional_key(description: str | None) -> Any:
    """Declare a key that may be left out."""
    return Field(default=None, description=description)


def list_keys(shape: type[YamlMapping]) -> list[str]:
    """Return the keys of a shape as they are written."""
    return [field.alias or name for name, field in shape.model_fields.items()]


# ── values with a short form (a text) and a long one (a mapping) ────────────────────────────────────────────────────

# The tags of the two forms. They occur in the locations of pydantic's errors, where the parenthesis marks them.
SHORT, LONG = "(short)", "(long)"
FORM = Discriminator(lambda value: LONG if isinstance(value, (Mapping, YamlMapping)) else SHORT)
