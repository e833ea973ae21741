"""The manual page feeds(1), made of the help of all commands and the JSON Schema of the configuration."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import click

from .. import config as configuration
from ..registry import address_kinds
from . import COMMANDS, cli
from .manual import Definition, Heading, Listing, ManualBlock, ManualPage, Paragraph, paragraphs

Schema = Mapping[str, Any]

# Sections of the file, in its order, with the shape of each: that of one member where it is a mapping of ids.
SHAPES = {
    "site": "SiteShape",
    "public": "BucketShape",
    "on_publish": "WebhookShape",
    "server": "ServerShape",
    "hosts": "HostsShape",
    "sources.ID": "SourceShape",
    "feeds.ID": "FeedShape",
    "steps": "StepShape",
}
SUMMARY = "publish and aggregate RSS, Atom and JSON feeds"
INTRODUCTION = """
A scheduler pulls stories from the sources named in one YAML file (feeds of every kind, newspaper pages, sitemaps, your
own files, programs), normalizes them into one common article record, and regenerates RSS 2.0, Atom 1.0 and JSON Feed
1.1 files and web pages that are served from disk.

It runs from cron (`feeds run`), or continuously (`feeds daemon`), which also serves the files.
"""
FIRST_STEPS = """\
feeds init                      # writes config/feeds.yaml and a first story
feeds run                       # pulls what is due, and publishes it in public/
feeds add example.org           # finds the feed of a site, and adds it to the file
feeds status                    # says how every source and feed is
feeds daemon                    # goes on, and serves http://127.0.0.1:8080/
"""
# A test loads it.
SMALL_FILE = """\
site:
  title: The Example Wire
  url: https://wire.example.org/      # where readers reach the files
sources:
  bbc: https://feeds.bbci.co.uk/news/rss.xml
  metro: {page: https://metro.example.org/news, every: 30m}
  desk: {files: stories/*.md, tags: [ours]}
feeds:
  all: {title: Everything, steps: [dedupe]}
  ours: {title: From the desk, tags: [ours]}
"""
FILE_RULES = """
One YAML file declares everything. A key that is unknown, or has no effect, is refused; `feeds check` reports all
mistakes, each with its line, column and what was expected. Paths are relative to the file.
"""
VALUES = (
    ("a length of time", "A number with a unit: s, m, h, d or w; several may follow each other.", "1h30m"),
    ("a size", "A number of bytes with a unit: B, kB, MB or GB.", "15MB"),
    ("an id", "Up to 64 of a-z, 0-9, - and _, a letter or digit first.", "world-news"),
    ("a pattern", "A text is a regular expression (RE2) that is searched for; a list means any of these words.", None),
    ("a list", "One value alone may stand for a list of one.", "tags: world"),
    (
        "a value from outside",
        "`${NAME}` is an environment variable, `${NAME:-default}` one with a default, `${file:PATH}` the contents of a"
        " file; `$${` is a literal `${`. They are masked in everything that is printed.",
        "bearer: ${TOKEN}",
    ),
)
HELP_OPTION = ("-h, --help", "Show the help of a command.")
FILES = (
    (
        "--config PATH, $FEEDS_CONFIG, ./config/feeds.yaml, ~/.config/feeds/feeds.yaml, /etc/feeds/feeds.yaml",
        "The configuration: the first of these that is there.",
    ),
    ("public/FEED.rss, .atom, .json, .html", "A published feed in each of its formats."),
    ("public/archive/FEED/NUMBER.atom", "What has left a feed, 100 stories each."),
    ("public/stories/SOURCE/NAME.html", "The page of a story of our own, with its pictures and recordings beside it."),
    ("public/index.html, feeds.opml, blogroll.opml", "The front page; the lists of our feeds and of our sources."),
    ("data/feeds.db, data/server.db", "The store; subscriptions, and what only the server writes."),
    ("data/feeds.sock", "Through it, commands reach the running daemon."),
)
ENVIRONMENT = (
    ("FEEDS_CONFIG", "The configuration file."),
    ("STATE_DIRECTORY", "Where the store lies, in place of `data` of the configuration."),
    ("NO_COLOR", "No colours, if it is set."),
    ("NAME", "The value of `${NAME}` in the configuration."),
)
EXIT_STATUS = (
    ("0", "Done."),
    ("1", "Failed."),
    ("2", "Wrong usage or configuration."),
    ("3", "Another instance holds the lock."),
    ("4", "Done, but a source fails (`run --strict`)."),
)


def make_man_page() -> ManualPage:
    """Return the page of the program."""
    return ManualPage("feeds", 1, SUMMARY, tuple(_blocks()))


def _blocks() -> Iterator[ManualBlock]:
    yield Heading("SYNOPSIS")
    yield Paragraph("`feeds` [OPTIONS] COMMAND [ARGUMENTS]")
    yield Heading("DESCRIPTION")
    yield from paragraphs(INTRODUCTION)
    yield Listing(FIRST_STEPS)
    yield Heading("OPTIONS")
    yield from _option_entries(cli)
    yield Definition(*HELP_OPTION)
    yield Heading("COMMANDS")
    with click.Context(cli, info_name="feeds") as context:
        for name in COMMANDS:
            command = cli.get_command(context, name)
            assert command is not None
            with click.Context(command, info_name=name, parent=context) as own_context:
                yield from _command(command, own_context)
    yield from _configuration(configuration.json_schema())
    for title, entries in (("FILES", FILES), ("ENVIRONMENT", ENVIRONMENT), ("EXIT STATUS", EXIT_STATUS)):
        yield Heading(title)
        yield from (Definition(*entry) for entry in entries)


# ── Commands ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _command(command: click.Command, context: click.Context) -> Iterator[ManualBlock]:
    """Yield the usage, the help and the options of a command, without those that all commands share."""
    arguments = [piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]"]
    yield Heading(" ".join(["feeds", context.info_name or "", *arguments]), 2)
    yield from paragraphs(command.help or "")
    yield from _option_entries(command, without=[parameter.name or "" for parameter in cli.params])


def _option_entries(command: click.Command, without: Collection[str] = ()) -> Iterator[ManualBlock]:
    """Yield the options of a command with their help, in words of our own: those of click change with its version."""
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden and parameter.name not in without:
            default = f" The default is {parameter.default}." if parameter.show_default else ""
            names = ", ".join([*parameter.opts, *parameter.secondary_opts])
            yield Definition(f"{names} {_value_name(parameter)}".rstrip(), f"{parameter.help}{default}")


def _value_name(option: click.Option) -> str:
    if option.is_flag or option.count:
        return ""
    if isinstance(option.type, click.Choice):
        return "|".join(option.type.choices)
    return option.metavar or option.type.name.upper()


# ── Configuration ───────────────────────────────────────────────────────────────────────────────────────────────────


def _configuration(schema: Schema) -> Iterator[ManualBlock]:
    yield Heading("CONFIGURATION")
    yield from paragraphs(FILE_RULES)
    yield Listing(SMALL_FILE)
    yield Heading("values", 2)
    yield from (Definition(*value) for value in VALUES)
    yield Heading("the whole file", 2)
    for name, part in schema["properties"].items():
        yield _describe_key(name, name, part, schema["$defs"])
    for path, shape in SHAPES.items():
        yield Heading(path, 2)
        yield from paragraphs(schema["$defs"][shape]["description"])
        yield from _keys(schema["$defs"], shape, "", {})


def _keys(shapes: Schema, shape: str, prefix: str, described: dict[str, str]) -> Iterator[ManualBlock]:
    """Yield the keys of a shape with their descriptions, and the keys of each mapping in it once.

    `described`: the shapes that are described already, and where.
    """
    kinds = address_kinds()
    for name, part in sorted(shapes[shape]["properties"].items(), key=lambda item: item[0] not in kinds):
        nested = _find_shape(part)
        inner = nested if nested not in SHAPES.values() else None
        yield _describe_key(name, prefix + name, part, shapes, described.get(inner or ""))
        if inner is not None and inner not in described:
            described[inner] = prefix + name
            yield from _keys(shapes, inner, f"{prefix}{name}.", described)


def _describe_key(name: str, path: str, part: Schema, shapes: Schema, same_as: str | None = None) -> Definition:
    nested = _find_shape(part)
    text = part.get("description") or (shapes[nested]["description"] if nested else "")
    text += f" Its keys are those of `{same_as}`." if same_as else ""
    examples = part.get("examples", ())
    return Definition(path, text, f"{name}: {configuration.format_value(examples[0])}" if examples else None)


def _find_shape(part: Schema) -> str | None:
    """Return the name of the shape that a value may have."""
    parts = [part, *part.get("oneOf", ()), *part.get("anyOf", ())]
    references = (reference["$ref"] for reference in parts if "$ref" in reference)
    return next((str(reference).rpartition("/")[2] for reference in references), None)
