"""The commands around the configuration: init, check, schema."""

from __future__ import annotations

import json
import os
from importlib.resources import as_file, files
from pathlib import Path

import click

from .. import config as configuration
from .common import common_options, config_path, count


@click.command()
@click.argument("directory", default=".", type=click.Path(file_okay=False, path_type=Path))
def init(directory: Path) -> None:
    """Write a commented config/feeds.yaml with a story of its own into DIRECTORY; it works at once, offline too.

    Files that are there already are left alone.
    """
    written = _copy_sample(directory / "config")
    if not written:
        raise click.ClickException(f"{directory / 'config'} has a configuration already; nothing was written")
    for path in written:
        click.echo(f"wrote {path}")
    click.echo(f"Now run: feeds daemon --config {directory / 'config' / 'feeds.yaml'}")


def _copy_sample(target: Path) -> list[Path]:
    with as_file(files("feeds") / "sample") as sample:
        wanted = [path for path in sorted(sample.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
        if (target / "feeds.yaml").exists():
            return []
        written = []
        for path in wanted:
            copy = target / path.relative_to(sample)
            if not copy.exists():
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(path.read_bytes())
                written.append(copy)
    return written


@click.command()
@common_options
@click.pass_context
def check(ctx: click.Context) -> None:
    """Check the configuration: all its mistakes at once, each with its place, and what will surprise."""
    path = config_path(ctx)
    loaded = configuration.load(path, os.environ)
    for warning in configuration.warnings(loaded):
        click.echo(f"warning: {warning}")
    click.echo(f"{path}: {count(len(loaded.sources), 'source')}, {count(len(loaded.feeds), 'feed')}, no mistakes")


@click.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    click.echo(json.dumps(configuration.schema(), indent=2))
