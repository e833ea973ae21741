"""The command line. Each command is in a module that is imported when the command is called."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from .. import __version__
from ..daemon.signals import release_signals
from ..errors import ConfigError, FeedsError, LockedError
from .options import GlobalOptions, common_options


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """The module of a command, and its line in `feeds --help`, which imports no module of a command."""

    module: str
    help: str


# In the order in which a newcomer needs them.
COMMANDS = {
    "init": CommandEntry("setup", "Write a commented configuration that works at once."),
    "check": CommandEntry("setup", "Check the configuration; print its mistakes and warnings."),
    "run": CommandEntry("run", "Pull what is due, publish what changed, and exit; for cron."),
    "daemon": CommandEntry("daemon", "Pull and publish continuously, and serve the files."),
    "worker": CommandEntry("daemon", "Pull and publish beside a daemon, in an installation on several machines."),
    "serve": CommandEntry("daemon", "Serve the published files only, beside cron."),
    "reload": CommandEntry("admin", "Make the running daemon take the edited configuration."),
    "publish": CommandEntry("run", "Regenerate the published files from the store."),
    "preview": CommandEntry("preview", "Show what would be pulled, or what a feed would hold."),
    "add": CommandEntry("subscribe", "Find what can be followed at an address and add it to the configuration."),
    "import": CommandEntry("subscribe", "Add the subscriptions of an OPML file to the configuration."),
    "export": CommandEntry("subscribe", "Print the sources as OPML, for other feed readers."),
    "status": CommandEntry("status", "Show the state of every source and feed."),
    "retract": CommandEntry("admin", "Take an article out of everything published."),
    "forget": CommandEntry("admin", "Drop a source's articles."),
    "verify": CommandEntry("admin", "Check the store and all published files."),
    "backup": CommandEntry("admin", "Copy the store while it is in use."),
    "restore": CommandEntry("admin", "Put a backup in the place of the store."),
    "migrate": CommandEntry("admin", "Copy the store to PostgreSQL, or back into a file."),
    "schema": CommandEntry("setup", "Print the JSON Schema of the configuration, for editors."),
    "docs": CommandEntry("about", "Show the manual: all commands and keys, recipes, and how to write plugins."),
    "version": CommandEntry("about", "Print the versions of program, Python, libraries and database."),
}

SERVICES = ("daemon", "worker", "serve")  # handle signals themselves, from the first line of the program on

# The exit code of each error, 1 for those not listed. click exits with 2 for a wrong command line.
EXIT_CODES: dict[type[FeedsError], int] = {ConfigError: 2, LockedError: 3}
FAILED = 1
INTERRUPTED = 130  # as shells report a program that Ctrl-C ended


class CommandGroup(click.Group):
    """The commands by name, each imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f".{COMMANDS[cmd_name].module}", __name__)
        if cmd_name not in SERVICES:
            release_signals()
        # `import` is a keyword of Python: its function is called `import_`.
        command: click.Command = getattr(module, cmd_name, None) or getattr(module, f"{cmd_name}_")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of a command line; for one that is unknown, name the nearest."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            from ..config.problems import did_you_mean  # heavy

            ctx.fail(f"there is no command `{args[0]}`{did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands and options that begin so, without importing any command."""
        entries = ((name, entry) for name, entry in COMMANDS.items() if name.startswith(incomplete))
        commands = [CompletionItem(name, help=entry.help) for name, entry in entries]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="feeds", help="Print the version, and exit.")
@common_options
def cli() -> None:
    """Pull stories from the sources of a YAML file and publish them as RSS, Atom and JSON feeds."""


def main() -> None:
    """Run the command line and exit with its code."""
    _open_standard_streams()
    sys.exit(_run_command())


def _run_command() -> int:
    """Run the command; print an error as one message, and return the exit code.

    click itself exits quietly with 1 when the reader of the output has gone (EPIPE).
    """
    options = GlobalOptions()
    try:
        return int(cli.main(prog_name="feeds", standalone_mode=False, obj=options) or 0)
    except click.ClickException as error:
        message = io.StringIO()
        error.show(message)
        with suppress(OSError):  # where stderr takes nothing, the exit code says enough
            click.echo(options.mask(message.getvalue()), nl=False, err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except FeedsError as error:
        with suppress(OSError):
            # A ConfigError has one line for each mistake, which begins with its place.
            text = str(error) if isinstance(error, ConfigError) else f"Error: {error}"
            click.echo(options.mask(text), err=True)
        return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), FAILED)


# ── Standard streams ────────────────────────────────────────────────────────────────────────────────────────────────


class _OutputFile(io.FileIO):
    """The file of stdout; what cannot be written raises ClickException, other than when the reader has gone."""

    def write(self, data: Any, /) -> int:
        """Write the bytes, or raise ClickException and drop what comes later: Python repeats a failed write at exit."""
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            raise click.ClickException(f"the output cannot be written: {error.strerror}") from error


def _open_standard_streams() -> None:
    """Open the streams that were closed at the start, and escape what the others cannot encode.

    No file of ours may get the number of a closed stream, where libraries and child processes write. What is written to
    a closed stdout fails, and what is written to a closed stderr is dropped.
    """
    for descriptor, mode in enumerate((os.O_RDWR, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, mode)  # takes the lowest free number
    # Python leaves None where a stream was closed.
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    if sys.stdout is sys.__stdout__:
        file = io.BufferedWriter(_OutputFile(1, "w", closefd=False))
        encoding = sys.stdout.encoding if sys.stdout else None
        sys.stdout = io.TextIOWrapper(file, encoding, errors="backslashreplace", line_buffering=file.isatty())
