"""The commands around the configuration: init, check, schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

import click

from .. import config as configuration
from ..errors import ConfigError, StoreError
from ..formatting import format_count
from ..model import Config
from ..registry import SOURCES, STEPS, SourceKind, StepKind, source_kinds, step_kinds
from .common import common_options, is_quiet, json_option, print_json, print_lines
from .configuration import config_path, load_config, open_store

SAMPLE_FILES = ("feeds.yaml", "feeds.schema.json", "stories/*")


@click.command()
@click.argument("directory", default=".", type=click.Path(file_okay=False, path_type=Path))
@common_options
@click.pass_context
def init(ctx: click.Context, directory: Path) -> None:
    """Write a commented config/feeds.yaml and a first story into DIRECTORY. It works at once, offline too.

    Existing files are left alone.
    """
    target = directory / "config"
    if (target / "feeds.yaml").exists():
        raise click.ClickException(f"{target / 'feeds.yaml'} exists already; nothing was written")
    try:
        written = _copy_sample(target)
    except OSError as error:
        raise click.ClickException(f"{error.filename} cannot be written: {error.strerror}") from error
    if not is_quiet(ctx):
        print_lines([*(f"wrote {path}" for path in written), f"Now run: feeds daemon --config {target / 'feeds.yaml'}"])


def _copy_sample(target: Path) -> list[Path]:
    """Copy the sample's files that are missing; return the copies."""
    copies = []
    with _sample_folder() as sample:
        for path in sorted(path for name in SAMPLE_FILES for path in sample.glob(name)):
            copy = target / path.relative_to(sample)
            if not copy.exists():
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(_sample_content(path))
                copies.append(copy)
    return copies


def _sample_content(path: Path) -> bytes:
    """Return a file of the sample; with plugins, the schema has their keys and the YAML examples of their kinds."""
    kinds: list[SourceKind | StepKind] = [*source_kinds().values(), *step_kinds().values()]
    plugin_kinds = [kind for kind in kinds if kind not in (*SOURCES, *STEPS)]
    if plugin_kinds and path.name == "feeds.schema.json":
        return (json.dumps(configuration.json_schema(), ensure_ascii=False, indent=2) + "\n").encode()
    if plugin_kinds and path.name == "feeds.yaml":
        lines = [f"# {kind.name}: {kind.example}    # {kind.description}\n" for kind in plugin_kinds]
        return path.read_bytes() + "".join(["\n# Kinds of sources and steps of installed plugins:\n", *lines]).encode()
    return path.read_bytes()


@contextmanager
def _sample_folder() -> Iterator[Path]:
    """Yield the folder of the sample: in the wheel it is inside the package, in a checkout beside it."""
    with as_file(files("feeds")) as package:
        in_wheel = package / "sample"
        yield in_wheel if in_wheel.is_dir() else package.parent / "config"


@click.command()
@json_option
@common_options
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> None:
    """Check the configuration: print all mistakes at once, each with its place, and warnings."""
    path = config_path(ctx)
    try:
        config = load_config(ctx)
    except ConfigError as error:
        if as_json:
            print_json({"config": str(path), "problems": error.problems, "warnings": []})
        raise
    warnings = [*_renamed_sources(config), *configuration.find_warnings(config)]
    if as_json:
        counts = {"sources": len(config.sources), "feeds": len(config.feeds)}
        print_json({"config": str(path), **counts, "problems": [], "warnings": warnings})
        return
    print_lines(f"warning: {warning}" for warning in warnings)
    counted = f"{format_count(len(config.sources), 'source')}, {format_count(len(config.feeds), 'feed')}"
    if not is_quiet(ctx):
        click.echo(f"{path}: {counted}, no mistakes")


def _renamed_sources(config: Config) -> list[str]:
    """Return a sentence for each source that was renamed without `was:`, as the store shows it, if there is one."""
    from ..app.declarations import with_outlines  # only this command needs the application

    try:
        with open_store(config) as store:
            if store is None:
                return []
            sources = with_outlines(config.sources, store.outlines())
            article_counts = store.article_counts()
            renamed = configuration.find_renamed(sources, store.declarations(), article_counts)
    except StoreError as error:  # the configuration is right all the same
        return [f"sources that were renamed are not looked for: {error}"]
    return [configuration.format_rename(new_id, old_id, article_counts[old_id]) for new_id, old_id in renamed]


@click.command()
@common_options
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    print_json(configuration.json_schema())
