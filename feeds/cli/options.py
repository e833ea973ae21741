"""The options that commands share. Apart from the rest, because `feeds --help` loads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(slots=True)
class GlobalOptions:
    """What is said before or after the command's name alike; `mask` hides the secrets of the configuration in logs."""

    config: str | None = None
    loudness: int = 0
    mask: Callable[[str], str] = str


def common_options(command: Command) -> Command:
    """`--config`, `-v` and `-q`, which mean the same before the command and after it."""
    options = (
        click.option("--config", metavar="PATH", help="The configuration file.", **_remembered(_take_config)),
        click.option("-v", "--verbose", count=True, help="Say more.", **_remembered(_louder)),
        click.option("-q", "--quiet", count=True, help="Say less.", **_remembered(_quieter)),
    )
    for option in reversed(options):
        command = option(command)
    return command


json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def _remembered(take: Callable[[GlobalOptions, Any], None]) -> dict[str, Any]:
    def callback(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        take(ctx.ensure_object(GlobalOptions), value)

    return {"callback": callback, "expose_value": False}


def _take_config(settings: GlobalOptions, value: str | None) -> None:
    settings.config = value or settings.config


def _louder(settings: GlobalOptions, value: int) -> None:
    settings.loudness += value


def _quieter(settings: GlobalOptions, value: int) -> None:
    settings.loudness -= value
