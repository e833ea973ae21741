"""What several commands share: logging, the clock, and how results are printed."""

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

LEVELS = (logging.CRITICAL, logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)

Mask = Callable[[str], str]


def utcnow() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def loudness(ctx: click.Context) -> int:
    """How many times more `-v` was given than `-q`."""
    return ctx.ensure_object(GlobalOptions).loudness


class _MaskingFormatter(logging.Formatter):
    """Formats records without the secrets of the configuration, once one is loaded."""

    def __init__(self, settings: GlobalOptions) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")
        self._settings = settings

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the traceback where there is one."""
        return self._settings.mask(super().format(record))


def start_logging(ctx: click.Context) -> None:
    """Log to stderr: warnings, or more with -v and less with -q."""
    level = LEVELS[min(max(2 + loudness(ctx), 0), len(LEVELS) - 1)]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_MaskingFormatter(ctx.ensure_object(GlobalOptions)))
    logging.basicConfig(level=level, handlers=[handler])
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it warns of every tick that a long turn swallows


def as_it_is(text: str) -> str:
    """Hide nothing: for what holds no value of the configuration."""
    return text


def print_json(value: object, mask: Mask = as_it_is) -> None:
    """One JSON document on stdout."""
    click.echo(mask(json.dumps(value, ensure_ascii=False, indent=2)))


def print_lines(lines: Iterable[str], mask: Mask = as_it_is) -> None:
    """Lines on stdout."""
    for one in lines:
        click.echo(mask(one))


def styled(text: str, **style: Any) -> str:
    """The text in a colour where a terminal shows it and nobody asked for none (no-color.org)."""
    plain = "NO_COLOR" in os.environ or not sys.stdout.isatty()
    return text if plain else click.style(text, **style)


def present(members: Mapping[str, object]) -> dict[str, object]:
    """The members that say something: none is left out, a zero is not."""
    return {name: value for name, value in members.items() if value is not None}


__all__ = [
    "as_it_is",
    "common_options",
    "json_option",
    "loudness",
    "present",
    "print_json",
    "print_lines",
    "start_logging",
    "styled",
    "utcnow",
]
