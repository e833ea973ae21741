"""What the commands share: the clock, and printing of results. It needs no configuration."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import click

from .log_format import start_logging
from .options import GlobalOptions, common_options, json_option


def utcnow() -> datetime:
    """Return the time of the wall clock."""
    return datetime.now(UTC)


def verbosity(ctx: click.Context) -> int:
    """Return how many times more `-v` was given than `-q`."""
    return ctx.ensure_object(GlobalOptions).verbosity


def is_quiet(ctx: click.Context) -> bool:
    """Return whether nothing is to be printed until something is wrong (`-q`)."""
    return verbosity(ctx) < 0


def print_json(value: object) -> None:
    """Print one JSON document to stdout, which escapes what another encoding than UTF-8 may lack; mask secrets."""
    is_utf8 = (sys.stdout.encoding or "").lower().replace("_", "-") == "utf-8"
    click.echo(_mask_secrets(json.dumps(value, ensure_ascii=not is_utf8, indent=2)))


def print_lines(lines: Iterable[str]) -> None:
    """Print lines to stdout; mask secrets."""
    for line in lines:
        click.echo(_mask_secrets(line))


def _mask_secrets(text: str) -> str:
    """Return the text without the secrets of the configuration, once one is loaded."""
    return click.get_current_context().ensure_object(GlobalOptions).mask(text)


def style(text: str, **attributes: Any) -> str:
    """Return the text with click's colours where stdout is a terminal and NO_COLOR is not set (no-color.org)."""
    plain = "NO_COLOR" in os.environ or not sys.stdout.isatty()
    return text if plain else click.style(text, **attributes)


def drop_none(members: Mapping[str, object]) -> dict[str, object]:
    """Return the members that are not None."""
    return {name: value for name, value in members.items() if value is not None}


__all__ = [
    "common_options",
    "drop_none",
    "is_quiet",
    "json_option",
    "print_json",
    "print_lines",
    "start_logging",
    "style",
    "utcnow",
    "verbosity",
]
