"""The configuration: loading of the YAML or all its problems, its JSON Schema and warnings, and adding of sources."""

from __future__ import annotations

from ..masking import mask_secrets
from .edit import add_sources, propose_sources
from .lint import describe_left_out, find_left_out, find_renamed, find_warnings, format_rename
from .load import load, read_store_address, reload
from .paths import find_path
from .problems import require_ids
from .schema import json_schema
from .units import parse_duration
from .yaml_mapping import format_value

__all__ = [
    "load",
    "reload",
    "read_store_address",
    "find_path",
    "json_schema",
    "format_value",
    "find_warnings",
    "find_renamed",
    "format_rename",
    "find_left_out",
    "describe_left_out",
    "mask_secrets",
    "require_ids",
    "parse_duration",
    "add_sources",
    "propose_sources",
]
