"""What the commands share: logging, the clock, and printing of results. It needs no configuration."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import click

from .options import GlobalOptions, common_options, json_option

LOG_LEVELS = (logging.CRITICAL, logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)
DEFAULT_LOG_LEVEL = LOG_LEVELS.index(logging.WARNING)

Mask = Callable[[str], str]  # hides the secrets in a text; `str` hides nothing


def utcnow() -> datetime:
    """Return the time of the wall clock."""
    return datetime.now(UTC)


def verbosity(ctx: click.Context) -> int:
    """Return how many times more `-v` was given than `-q`."""
    return ctx.ensure_object(GlobalOptions).verbosity


class _MaskingFormatter(logging.Formatter):
    """Formats log records without the secrets of the configuration, once one is loaded."""

    def __init__(self, options: GlobalOptions) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")
        self._options = options

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the traceback where there is one."""
        return self._options.mask(super().format(record))


def start_logging(ctx: click.Context) -> None:
    """Log to stderr: warnings and errors, more with -v and less with -q."""
    level = LOG_LEVELS[min(max(DEFAULT_LOG_LEVEL + verbosity(ctx), 0), len(LOG_LEVELS) - 1)]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_MaskingFormatter(ctx.ensure_object(GlobalOptions)))
    logging.basicConfig(level=level, handlers=[handler])
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it warns of every tick skipped during a long turn


def print_json(value: object, mask: Mask = str) -> None:
    """Print one JSON document to stdout, which escapes what another encoding than UTF-8 may lack."""
    is_utf8 = (sys.stdout.encoding or "").lower().replace("_", "-") == "utf-8"
    click.echo(mask(json.dumps(value, ensure_ascii=not is_utf8, indent=2)))


def print_lines(lines: Iterable[str], mask: Mask = str) -> None:
    """Print lines to stdout."""
    for line in lines:
        click.echo(mask(line))


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
    "json_option",
    "print_json",
    "print_lines",
    "start_logging",
    "style",
    "utcnow",
    "verbosity",
]
