"""The commands about the program itself: docs, version."""

from __future__ import annotations

import platform
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires
from importlib.metadata import version as installed_version

import click

from .. import __version__
from ..errors import ConfigError
from ..formatting import format_columns
from ..store import SCHEMA_REVISION, describe_address
from .common import common_options, json_option, print_json, print_lines
from .configuration import load_config, secret_mask
from .man_page import make_man_page
from .manual import ManualPage, render_man, render_text
from .plugin_pages import plugin_pages
from .recipe_page import make_recipe_page

PAGES: Mapping[str, Callable[[], ManualPage]] = {
    "feeds": make_man_page,
    "recipes": make_recipe_page,
    **plugin_pages(),
}


@click.command()
@click.argument("page", default="feeds", type=click.Choice([*PAGES]))
@click.option("--as", "form", type=click.Choice(["text", "man"]), help="The form: text on a terminal, else man(7).")
@common_options
def docs(page: str, form: str | None) -> None:
    """Show the manual: all commands and all keys of the configuration.

    Other pages are `recipes`, with whole configurations to begin with, and on writing a `source`, a `step` or a
    `format` as a plugin. On a terminal a page is shown as text; otherwise it is printed for man(1), as in `feeds docs |
    man -l -`.
    """
    manual, is_terminal = PAGES[page](), sys.stdout.isatty()
    if form == "man" or (form is None and not is_terminal):
        click.echo(render_man(manual).encode(), nl=False)  # manual pages are UTF-8
    elif is_terminal:
        click.echo_via_pager(render_text(manual, shutil.get_terminal_size().columns))
    else:
        click.echo(render_text(manual), nl=False)


@click.command()
@json_option
@common_options
@click.pass_context
def version(ctx: click.Context, as_json: bool) -> None:
    """Print the versions of the program, of Python, its libraries and the database."""
    libraries = _find_libraries()
    members = {
        "feeds": __version__,
        "python": f"{platform.python_version()} ({platform.python_implementation()}, {platform.platform()})",
        "sqlite": sqlite3.sqlite_version,
        "schema": SCHEMA_REVISION,
        "database": _find_database(ctx),
    }
    if as_json:
        print_json(members | {"libraries": libraries})
        return
    rows = [[name, value or "none: no configuration was found"] for name, value in members.items()]
    print_lines(format_columns([*rows, *([f"  {name}", found] for name, found in libraries.items())]))


def _find_libraries() -> dict[str, str]:
    """Return the installed versions of what the package requires; nothing where the package is not installed."""
    with suppress(PackageNotFoundError):
        names = {re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0] for requirement in requires("feeds") or ()}
        return {name: found for name in sorted(names, key=str.lower) if (found := _find_version(name))}
    return {}


def _find_version(name: str) -> str | None:
    try:
        return installed_version(name)
    except PackageNotFoundError:
        return None


def _find_database(ctx: click.Context) -> str | None:
    """Return where the store is; None where there is no configuration, or a wrong one."""
    try:
        config = load_config(ctx)
        return secret_mask(config)(describe_address(config.database))
    except ConfigError:
        return None
