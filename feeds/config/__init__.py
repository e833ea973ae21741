"""The configuration: YAML → Config, or every mistake with its place; and new sources into the YAML, comments kept."""

from __future__ import annotations

from feeds.config.advice import warnings
from feeds.config.edit import add_sources, proposed
from feeds.config.load import load
from feeds.config.masking import masked
from feeds.config.places import find
from feeds.config.schema import schema
from feeds.config.units import seconds as duration

__all__ = ["load", "find", "schema", "warnings", "masked", "duration", "add_sources", "proposed"]
