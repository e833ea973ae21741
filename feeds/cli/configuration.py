"""The configuration and the store of a command that needs them, and option values written as in the YAML."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click

from .. import config as configuration
from ..model import Config, Source
from ..store import SqlStore, Store
from .options import GlobalOptions


def config_path(ctx: click.Context) -> Path:
    """Return the path of the configuration file to use. Raises ConfigError when there is none."""
    explicit = ctx.ensure_object(GlobalOptions).config
    return configuration.find_path(Path(explicit) if explicit else None, os.environ)


def load_config(ctx: click.Context) -> Config:
    """Load the configuration and mask its secrets in the log.

    Raises ConfigError when there is no configuration, or with everything that is wrong in it.
    """
    config = configuration.load(config_path(ctx), os.environ)
    mask_logs(ctx, lambda: config)
    return config


def mask_logs(ctx: click.Context, current_config: Callable[[], Config]) -> None:
    """Mask the secrets of the configuration in the log; a daemon's configuration may change later."""
    ctx.ensure_object(GlobalOptions).mask = lambda text: configuration.mask_secrets(text, current_config())


def secret_mask(config: Config) -> Callable[[str], str]:
    """Return the function that hides the secrets of a configuration in a text."""
    return partial(configuration.mask_secrets, config=config)


def find_source(config: Config, id: str) -> Source:
    """Return a source of the configuration. Raises ConfigError when none has the id."""
    configuration.require_ids(config, "source", [id], config.sources)
    return config.sources[id]


@contextmanager
def open_store(config: Config) -> Iterator[Store | None]:
    """Open the store for reading, without a lock; it is None when nothing was ever stored."""
    store = SqlStore.open_read_only(config.database, config.sources.values())
    try:
        yield store
    finally:
        if store is not None:
            store.close()


class DurationOption(click.ParamType[float]):
    """A length of time as in the YAML: `30s`, `15m`, `1h30m`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        try:
            return configuration.parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
