"""The JSON Schema of the YAML, for editors: completion, and mistakes underlined while they are made."""

from __future__ import annotations

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import NullableSchema, WithDefaultSchema

from .shape import FileShape

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, object]:
    """The schema, as `feeds schema` prints it and as it lies beside the sample."""
    body = FileShape.model_json_schema(by_alias=True, schema_generator=_ForEditors)
    return {"$schema": DIALECT, **body, "title": "feeds.yaml"}


class _ForEditors(GenerateJsonSchema):
    """Without defaults (ours are seconds and bytes, nothing one would write) and without `null` beside every value."""

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def nullable_schema(self, schema: NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: object) -> bool:
        """No titles: they would only repeat the keys."""
        return False
