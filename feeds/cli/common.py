"""What several commands share: finding the configuration, logging, durations, addresses, plain tables."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from ..config import duration, find
from .options import Settings, common_options


def config_path(ctx: click.Context) -> Path:
    """The configuration file to use. Raises ConfigError when none is found."""
    explicit = ctx.ensure_object(Settings).config
    return find(Path(explicit) if explicit else None, os.environ)


def start_logging(ctx: click.Context) -> None:
    """Log to stderr: warnings, or more with -v and less with -q."""
    levels = [logging.CRITICAL, logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG]
    level = levels[min(max(2 + ctx.ensure_object(Settings).loudness, 0), len(levels) - 1)]
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it warns of every tick that a long turn swallows


class Duration(click.ParamType[float]):
    """A length of time as in the YAML: `30s`, `15m`, `1h30m`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        try:
            return duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Address(click.ParamType[tuple[str, int]]):
    """HOST:PORT, or a port alone."""

    name = "host:port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Host and port; without a host, this machine only."""
        host, _, port = str(value).rpartition(":")
        if not port.isdecimal() or int(port) > 65535:
            self.fail(f"{value!r} is no address; write HOST:PORT, as in 127.0.0.1:8080", param, ctx)
        return host.strip("[]") or "127.0.0.1", int(port)


def print_json(value: object) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def ago(then: datetime | None, now: datetime) -> str:
    """`3 h ago`, `in 12 min`, `never`."""
    if then is None:
        return "never"
    away = then - now
    words = span(abs(away))
    if words == "now":
        return words
    return f"in {words}" if away > timedelta(0) else f"{words} ago"


def span(length: timedelta) -> str:
    """A length of time in its largest unit that fits."""
    seconds = length.total_seconds()
    for unit, size in (("days", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0)):
        if seconds >= (2 * size if unit == "days" else size):
            return f"{seconds / size:.0f} {unit}"
    return "now"


def count(number: int, noun: str) -> str:
    """`1 article`, `2 articles`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Left-aligned columns, two spaces apart; the last one as long as it is."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]) - 1)] if rows else []
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    )


__all__ = [
    "Address",
    "Duration",
    "ago",
    "columns",
    "common_options",
    "config_path",
    "count",
    "print_json",
    "span",
    "start_logging",
]
