"""The log on stderr: its level, and its lines as text or JSON."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

import click

from ..formatting import CONTROL_CHARACTERS
from .options import GlobalOptions

QUIET_LEVELS = (logging.WARNING, logging.ERROR, logging.CRITICAL)  # of -q, -qq, -qqq
VERBOSE_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)  # without -v, of -v, -vv

_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def start_logging(ctx: click.Context) -> None:
    """Log to stderr: warnings and errors, with -v also a line a visit, with -qq errors only."""
    options = ctx.ensure_object(GlobalOptions)
    levels = VERBOSE_LEVELS if options.verbosity >= 0 else QUIET_LEVELS
    steps = abs(options.verbosity) - (options.verbosity < 0)
    handler = StderrHandler()
    handler.setFormatter(FORMATTERS[options.log_format](options))
    level = levels[min(steps, len(levels) - 1)]
    logging.basicConfig(level=level, handlers=[handler])
    if level == logging.INFO:  # what libraries do is for -vv
        logging.getLogger().setLevel(logging.WARNING)
        logging.getLogger("feeds").setLevel(logging.INFO)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it warns of every tick skipped during a long turn


class StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to what stderr is at that time: while a progress bar is shown, lines go above it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        """Return stderr."""
        return sys.stderr


class TextFormatter(logging.Formatter):
    """Formats log records as lines of time, level, logger and message, without the secrets of the configuration."""

    def __init__(self, options: GlobalOptions) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._options = options

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Return the time in UTC (RFC 3339)."""
        return _format_time(record)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; further lines of its message or traceback are indented, so that none looks like a record."""
        lines = self._options.mask(super().format(record)).split("\n")
        return "\n  ".join(CONTROL_CHARACTERS.sub(" ", line) for line in lines)


class JsonFormatter(logging.Formatter):
    """Formats log records as one JSON object each, with the fields of the record as members."""

    def __init__(self, options: GlobalOptions) -> None:
        super().__init__()
        self._options = options

    def format(self, record: logging.LogRecord) -> str:
        """Return the object on one line, strings without the secrets of the configuration."""
        members = {
            "time": _format_time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _STANDARD_FIELDS},
            "traceback": self.formatException(record.exc_info) if record.exc_info else None,
        }
        masked = {
            name: self._options.mask(value) if isinstance(value, str) else value for name, value in members.items()
        }
        return json.dumps({name: value for name, value in masked.items() if value is not None}, default=str)


FORMATTERS: dict[str, type[TextFormatter | JsonFormatter]] = {"text": TextFormatter, "json": JsonFormatter}


def _format_time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
