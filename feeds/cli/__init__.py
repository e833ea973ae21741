"""The command line: argv → App. Each command lives in a module that is imported when the command is called."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from .. import __version__
from ..errors import ConfigError, FeedsError, LockedError
from .options import common_options

# command → the module it lives in; the heavy libraries come with the modules, so `--help` stays fast.
COMMANDS = {
    "init": "setup",
    "check": "setup",
    "schema": "setup",
    "run": "work",
    "daemon": "work",
    "serve": "work",
    "publish": "work",
    "preview": "look",
    "status": "look",
}

HELP = {
    "init": "Write a commented configuration that works at once.",
    "check": "Check the configuration and warn of what will surprise.",
    "schema": "Print the JSON Schema of the configuration.",
    "run": "Pull what is due, publish what changed, and end: for cron.",
    "daemon": "Pull and publish for ever, and serve the files.",
    "serve": "Only serve the published files, beside cron.",
    "publish": "Regenerate the published files from the store.",
    "preview": "Show what would be pulled from an address or a file; store nothing.",
    "status": "Say how every source and feed stands.",
}

# How a failure ends the program (sysexits are not used: 2 is what click says for a wrong command line).
EXIT_CODES: dict[type[FeedsError], int] = {ConfigError: 2, LockedError: 3}


class Commands(click.Group):
    """Commands by name, imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; None when there is no such."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f".{COMMANDS[cmd_name]}", __name__), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, HELP[name]) for name in COMMANDS])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="feeds")
@common_options
def cli() -> None:
    """Pull stories from the sources of a YAML file and publish them as RSS, Atom and JSON feeds."""


def main() -> None:
    """Run the command line; a FeedsError ends it with one clear message and its exit code."""
    try:
        cli(prog_name="feeds")
    except FeedsError as error:
        click.echo(str(error), err=True)
        sys.exit(next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1))
