"""The configuration: YAML → Config, or every mistake with its place; and new sources into the YAML, comments kept."""

from __future__ import annotations

from .edit import add_sources, proposed
from .lint import warnings
from .load import load
from .masking import masked
from .paths import find
from .schema import schema
from .units import seconds as duration

__all__ = ["load", "find", "schema", "warnings", "masked", "duration", "add_sources", "proposed"]
