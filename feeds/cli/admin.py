"""The commands that change, check or copy what is stored: retract, forget, verify, backup, restore; and reload."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import click

from .. import config as configuration
from ..app import control_socket
from ..app.operations import ForgetRequest, OperationProgress, ReloadRequest, RetractRequest
from ..formatting import format_count, format_size
from ..model import Config
from ..store import Store, describe_address, migrate_server_tables, migrate_store, restore_database
from ..store.lock import hold_lock
from .application import perform
from .common import common_options, is_quiet, json_option, print_json, print_lines, start_logging
from .configuration import load_config, open_store, secret_mask
from .progress import show_progress


@click.command()
@click.argument("article")
@click.option("--undo", is_flag=True, help="Publish it again.")
@json_option
@common_options
@click.pass_context
def retract(ctx: click.Context, article: str, undo: bool, as_json: bool) -> None:
    """Take an article out of everything published, by its published id or its URL. Only --undo brings it back."""
    start_logging(ctx)
    report = perform(ctx, RetractRequest(article, undo))
    if as_json:
        print_json(report.members())
    elif not is_quiet(ctx):
        done = "retracted" if report.retracted else "put back"
        print_lines([f"{done} {article}; {format_count(len(report.files), 'file')} written"])


@click.command()
@click.argument("source_id", metavar="SOURCE-ID")
@json_option
@common_options
@click.pass_context
def forget(ctx: click.Context, source_id: str, as_json: bool) -> None:
    """Drop a source's articles for good: those that it still offers do not come back.

    The source may be one that is no longer declared.
    """
    start_logging(ctx)
    report = perform(ctx, ForgetRequest(source_id))
    if as_json:
        print_json(report.members())
    elif not is_quiet(ctx):
        dropped, written = format_count(report.articles, "article"), format_count(len(report.files), "file")
        print_lines([f"{source_id}: {dropped} dropped, {written} written"])


@click.command()
@json_option
@common_options
@click.pass_context
def reload(ctx: click.Context, as_json: bool) -> None:
    """Make the running daemon take the edited configuration: all of it, or nothing where it is wrong."""
    start_logging(ctx)
    data = load_config(ctx).data
    connection = control_socket.connect(data)
    if connection is None:
        raise click.ClickException(f"no daemon works on {data}; start one with `feeds daemon`")
    with connection:
        report = connection.perform(ReloadRequest())
    if as_json:
        print_json(report.members())
    elif not is_quiet(ctx):
        click.echo(f"{report.config} reloaded")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@json_option
@common_options
@click.pass_context
def backup(ctx: click.Context, file: Path, as_json: bool) -> None:
    """Copy the store, with all subscriptions, to FILE while it is in use.

    An existing FILE is replaced once the copy is complete.
    """
    start_logging(ctx)
    config = load_config(ctx)
    if file.resolve().parent == config.data and file.name.startswith(("feeds.db", "server.db")):
        raise click.UsageError(f"{file} is the store itself; name another file")
    with open_store(config) as store:
        if store is None:
            name = describe_address(config.database)
            raise click.ClickException(f"{name} holds no store yet; there is nothing to copy")
        store.backup(file)
    octets = file.stat().st_size
    if as_json:
        print_json({"file": str(file), "size": octets})
    elif not is_quiet(ctx):
        click.echo(f"wrote {file} ({format_size(octets)})")


@click.command()
@json_option
@common_options
@click.pass_context
def verify(ctx: click.Context, as_json: bool) -> None:
    """Check the whole store and all published files; exit with 1 if something is wrong. It changes nothing."""
    start_logging(ctx)
    from ..app.verification import verify_installation  # with the writers of feeds

    config = load_config(ctx)
    with open_store(config) as store:
        faults = verify_installation(config, store) if store else []
        feed_count, file_count = _count_published(store) if store else (0, 0)
    if as_json:
        members = [{"sentence": fault.sentence, "remedy": fault.remedy} for fault in faults]
        print_json({"faults": members, "feeds": feed_count, "files": file_count})
    elif faults:
        print_lines([f"{fault.sentence}: {fault.remedy}" for fault in faults])
    elif not is_quiet(ctx):
        feeds, files = format_count(feed_count, "feed"), format_count(file_count, "file")
        print_lines([f"store, {feeds} and {files} are as they must be" if store else "nothing is stored yet"])
    if faults:
        ctx.exit(1)


def _count_published(store: Store) -> tuple[int, int]:
    ledgers = store.ledgers()
    return sum("/" not in id for id in ledgers), sum(len(ledger.files) for ledger in ledgers.values())


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@json_option
@common_options
@click.pass_context
def restore(ctx: click.Context, file: Path, as_json: bool) -> None:
    """Put the backup FILE in the place of the store, which is kept under another name. Stop daemon and server before.

    FILE is checked first, and stays as it is. Clients of the live page and of Web Push start anew.
    """
    start_logging(ctx)
    config = load_config(ctx)
    with hold_lock(config.data), hold_lock(config.data, "server.lock"):
        replaced = restore_database(config.database, file, config.data)
    if as_json:
        print_json({"file": str(file), "replaced": str(replaced) if replaced else None})
    elif not is_quiet(ctx):
        kept = f"; the store before is kept as {replaced}" if replaced else ""
        print_lines([f"restored {file}{kept}", "`feeds run` publishes what it holds"])


@click.command()
@click.option(
    "--to",
    "target",
    required=True,
    metavar="URL|PATH",
    help="The address of an empty PostgreSQL database, as `store:` would have it, with ${NAME}; or a new file.",
)
@json_option
@common_options
@click.pass_context
def migrate(ctx: click.Context, target: str, as_json: bool) -> None:
    """Copy the store to PostgreSQL, or back into a file, and check the copy. Stop daemon, server and workers before.

    All arrives or nothing, with the subscriptions that servers keep. The store that is copied stays as it is; the
    configuration says which of the two is used.
    """
    start_logging(ctx)
    config = load_config(ctx)
    is_file = "://" not in target
    address = Path(target) if is_file else configuration.read_store_address(target, config, os.environ)
    with hold_lock(config.data), hold_lock(config.data, "server.lock"), show_progress() as show:
        counts = migrate_store(
            config.database,
            address,
            lambda table, done, total: show(OperationProgress(done, total, table)),
            complete=lambda: migrate_server_tables(config.server_database, address),
        )
    if as_json:
        print_json({"rows": dict(counts)})
    elif not is_quiet(ctx):
        rows, tables = format_count(sum(counts.values()), "row"), format_count(len(counts), "table")
        place = secret_mask(config)(describe_address(address))
        print_lines([f"{rows} of {tables} are in {place}, and checked", _say_what_to_write(config, target)])


def _say_what_to_write(config: Config, target: str) -> str:
    """Return what is to be done so that a copied store is used."""
    if "://" in target:
        password = urlsplit(target).password
        shown = target if password is None or "${" in password else target.replace(f":{password}@", ":${PASSWORD}@", 1)
        return f"write `store: {shown}` into {config.path}"
    own = config.data / "feeds.db"
    moved = "" if Path(target).resolve() == own.resolve() else f"move it to {own}, and "
    return f"{moved}take `store:` out of {config.path}"
