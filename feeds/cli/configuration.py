"""The configuration and the store of a command that needs them, and option values written as in the YAML."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click

from .. import config as configuration
from ..config.problems import meant
from ..errors import ConfigError
from ..model import Config, Source
from ..store import Store
from .common import Mask
from .options import GlobalOptions


def config_path(ctx: click.Context) -> Path:
    """The configuration file to use. Raises ConfigError when none is found."""
    explicit = ctx.ensure_object(GlobalOptions).config
    return configuration.find(Path(explicit) if explicit else None, os.environ)


def load(ctx: click.Context) -> Config:
    """The configuration. Raises ConfigError when there is none, or with all that is wrong with it."""
    config = configuration.load(config_path(ctx), os.environ)
    mask_logs(ctx, lambda: config)
    return config


def mask_logs(ctx: click.Context, config: Callable[[], Config]) -> None:
    """Keep the secrets of a configuration, as it is at that moment, out of what is logged."""
    ctx.ensure_object(GlobalOptions).mask = lambda text: configuration.masked(text, config())


def mask(config: Config) -> Mask:
    """What hides the secrets of a configuration in a text."""
    return partial(configuration.masked, config=config)


def must_be_known(config: Config, noun: str, ids: Iterable[str], known: Iterable[str]) -> None:
    """Raise ConfigError for each id that is not among the known ones; it names the nearest."""
    names = sorted(known)
    unknown = [f"{config.path}: no {noun} is called `{id}`{meant(id, names)}" for id in ids if id not in names]
    if unknown:
        raise ConfigError(unknown)


def source_of(config: Config, id: str) -> Source:
    """One source of the configuration. Raises ConfigError when there is none of that id."""
    must_be_known(config, "source", [id], config.sources)
    return config.sources[id]


@contextmanager
def looking(config: Config) -> Iterator[Store | None]:
    """The store for reading, None when nothing was ever kept; who holds the lock does not matter."""
    store = Store.look(config.data / "feeds.db", config.sources.values())
    try:
        yield store
    finally:
        if store is not None:
            store.close()


class DurationOption(click.ParamType[float]):
    """A length of time as in the YAML: `30s`, `15m`, `1h30m`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        try:
            return configuration.duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class ListenAddress(click.ParamType[tuple[str, int]]):
    """HOST:PORT, or a port alone."""

    name = "host:port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Host and port; without a host, this machine only."""
        host, _, port = str(value).rpartition(":")
        if not port.isdecimal() or int(port) > 65535:
            self.fail(f"{value!r} is no address; write HOST:PORT, as in 127.0.0.1:8080", param, ctx)
        return host.strip("[]") or "127.0.0.1", int(port)
