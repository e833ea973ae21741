"""The commands around the configuration: init, check, schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

import click

from .. import config as configuration
from ..errors import ConfigError
from .common import common_options, json_option, print_json, print_lines
from .configuration import config_path, load, mask
from .formatting import count

SAMPLE = ("feeds.yaml", "feeds.schema.json", "stories/*")


@click.command()
@click.argument("directory", default=".", type=click.Path(file_okay=False, path_type=Path))
@common_options
def init(directory: Path) -> None:
    """Write a commented config/feeds.yaml with a story of its own into DIRECTORY; it works at once, offline too.

    Files that are there already are left alone.
    """
    target = directory / "config"
    if (target / "feeds.yaml").exists():
        raise click.ClickException(f"{target / 'feeds.yaml'} is there already; nothing was written")
    try:
        written = _copy_sample(target)
    except OSError as error:
        raise click.ClickException(f"{error.filename}: cannot be written: {error.strerror}") from error
    print_lines(f"wrote {path}" for path in written)
    click.echo(f"Now run: feeds daemon --config {target / 'feeds.yaml'}")


def _copy_sample(target: Path) -> list[Path]:
    written = []
    with _sample() as sample:
        for path in sorted(path for name in SAMPLE for path in sample.glob(name)):
            copy = target / path.relative_to(sample)
            if not copy.exists():
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(path.read_bytes())
                written.append(copy)
    return written


@contextmanager
def _sample() -> Iterator[Path]:
    """The folder of the sample: the wheel carries it, a checkout has it beside the package."""
    with as_file(files("feeds")) as package:
        carried = package / "sample"
        yield carried if carried.is_dir() else package.parent / "config"


@click.command()
@json_option
@common_options
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> None:
    """Check the configuration: all its mistakes at once, each with its place, and what will surprise."""
    path = config_path(ctx)
    try:
        loaded = load(ctx)
    except ConfigError as error:
        if as_json:
            print_json({"config": str(path), "problems": error.problems, "warnings": []})
        raise
    warnings = configuration.warnings(loaded)
    if as_json:
        counts = {"sources": len(loaded.sources), "feeds": len(loaded.feeds)}
        print_json({"config": str(path), **counts, "problems": [], "warnings": warnings}, mask(loaded))
        return
    print_lines((f"warning: {warning}" for warning in warnings), mask(loaded))
    click.echo(f"{path}: {count(len(loaded.sources), 'source')}, {count(len(loaded.feeds), 'feed')}, no mistakes")


@click.command()
@common_options
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    print_json(configuration.schema())
