"""The options that all commands share. A module of its own, because `feeds --help` loads it and must stay quick."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(slots=True)
class GlobalOptions:
    """The values of the shared options, given before or after the command's name alike.

    `verbosity`: how many times more `-v` was given than `-q`. `mask` hides the secrets of the configuration in the log;
    it is set once a configuration is loaded.
    """

    config: str | None = None
    verbosity: int = 0
    log_format: str = "text"
    mask: Callable[[str], str] = str

    def arguments(self, config_path: Path) -> list[str]:
        """Return the arguments with which another process of the program has the same options."""
        verbosity = ["-v" if self.verbosity > 0 else "-q"] * abs(self.verbosity)
        return ["--config", str(config_path), "--log-format", self.log_format, *verbosity]


def common_options(command: Command) -> Command:
    """Add the shared options, which mean the same before the command and after it."""
    options = (
        click.option("--config", metavar="PATH", help="The configuration file.", **_global_option(_set_config)),
        click.option(
            "-v",
            "--verbose",
            count=True,
            help="Log a line for each visit; -vv logs all.",
            **_global_option(_raise_verbosity),
        ),
        click.option(
            "-q",
            "--quiet",
            count=True,
            help="Print nothing until something is wrong; -qq logs errors only.",
            **_global_option(_lower_verbosity),
        ),
        click.option(
            "--log-format",
            type=click.Choice(["text", "json"]),
            help="The format of the log, which goes to stderr.",
            **_global_option(_set_log_format),
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


class ListenAddress(click.ParamType[tuple[str, int]]):
    """HOST:PORT, or a port alone."""

    name = "host:port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Return host and port; without a host it is the loopback address."""
        host, _, port = str(value).rpartition(":")
        if not port.isdecimal() or int(port) > 65535:
            self.fail(f"{value!r} is not an address; write HOST:PORT, such as 127.0.0.1:8080", param, ctx)
        return host.strip("[]") or "127.0.0.1", int(port)


def _global_option(store: Callable[[GlobalOptions, Any], None]) -> dict[str, Any]:
    """Return the settings of a click option whose value goes into GlobalOptions instead of to the command."""

    def callback(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        store(ctx.ensure_object(GlobalOptions), value)

    return {"callback": callback, "expose_value": False}


def _set_config(options: GlobalOptions, path: str | None) -> None:
    options.config = path or options.config


def _set_log_format(options: GlobalOptions, name: str | None) -> None:
    options.log_format = name or options.log_format


def _raise_verbosity(options: GlobalOptions, times: int) -> None:
    options.verbosity += times


def _lower_verbosity(options: GlobalOptions, times: int) -> None:
    options.verbosity -= times
