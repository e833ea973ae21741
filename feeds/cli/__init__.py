"""The command line: argv → App. Each command lives in a module that is imported when the command is called."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module

import click

from .. import __version__
from ..errors import ConfigError, FeedsError, LockedError
from .options import common_options


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """Where a command lives, and what `--help` says of it: the heavy libraries come with the module."""

    module: str
    help: str


# In the order in which a newcomer needs them.
COMMANDS = {
    "init": CommandEntry("setup", "Write a commented configuration that works at once."),
    "check": CommandEntry("setup", "Check the configuration and warn of what will surprise."),
    "run": CommandEntry("run", "Pull what is due, publish what changed, and end: for cron."),
    "daemon": CommandEntry("daemon", "Pull and publish for ever, and serve the files."),
    "serve": CommandEntry("daemon", "Only serve the published files, beside cron."),
    "publish": CommandEntry("run", "Regenerate the published files from the store."),
    "preview": CommandEntry("preview", "Show what would be pulled, or what a feed would hold; store nothing."),
    "add": CommandEntry("subscribe", "Find the feed behind an address and add it to the configuration."),
    "import": CommandEntry("subscribe", "Add the subscriptions of an OPML file to the configuration."),
    "export": CommandEntry("subscribe", "Print the sources as OPML, for other feed readers."),
    "status": CommandEntry("status", "Say how every source and feed stands."),
    "retract": CommandEntry("admin", "Take an article out of everything published."),
    "forget": CommandEntry("admin", "Drop a source's articles."),
    "backup": CommandEntry("admin", "Copy the store while it is in use."),
    "schema": CommandEntry("setup", "Print the JSON Schema of the configuration, for editors."),
}

FAILED = 1
# How a failure ends the program; what is not named ends it with 1. click ends with 2 for a wrong command line.
EXIT_CODES: dict[type[FeedsError], int] = {ConfigError: 2, LockedError: 3}
INTERRUPTED = 130  # what a shell says of a program that Ctrl-C ended


class Commands(click.Group):
    """Commands by name, imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; None when there is no such."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f".{COMMANDS[cmd_name].module}", __name__)
        # `import` is a word of Python: its function is called `import_`.
        command: click.Command = getattr(module, cmd_name, None) or getattr(module, f"{cmd_name}_")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="feeds")
@common_options
def cli() -> None:
    """Pull stories from the sources of a YAML file and publish them as RSS, Atom and JSON feeds."""


def main() -> None:
    """Run the command line and end the process with the code that says how it went."""
    sys.exit(_outcome())


def _outcome() -> int:
    """Run the command; whatever ends it becomes at most one clear message and an exit code.

    click itself ends the process quietly, with 1, when nobody reads its output any more.
    """
    try:
        return int(cli.main(prog_name="feeds", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except FeedsError as error:
        click.echo(str(error), err=True)
        return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), FAILED)
