"""The manual page, made of the help of all commands and the JSON Schema of the configuration (man(7))."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import click

from .. import __version__
from .. import config as configuration
from . import COMMANDS, cli

Schema = Mapping[str, Any]
Entry = tuple[str, str]  # a name, and what it means

# Sections of the file, in its order, with the shape of each: that of one member where it is a mapping of ids.
SHAPES = {
    "site": "SiteShape",
    "server": "ServerShape",
    "hosts": "HostsShape",
    "sources.ID": "SourceShape",
    "feeds.ID": "FeedShape",
    "steps": "StepShape",
}
INTRODUCTION = (
    "A scheduler pulls stories from the sources named in one YAML file (feeds of every kind, newspaper pages, sitemaps,"
    " your own files), normalizes them into one common article record, and regenerates RSS 2.0, Atom 1.0 and JSON Feed"
    " 1.1 files that are served from disk."
)
HELP_OPTION = ("-h, --help", "Show the help of a command.")
FILES = (
    (
        "--config PATH, $FEEDS_CONFIG, ./config/feeds.yaml, ~/.config/feeds/feeds.yaml, /etc/feeds/feeds.yaml",
        "The configuration: the first of these that is there.",
    ),
)
ENVIRONMENT = (
    ("FEEDS_CONFIG", "The configuration file."),
    ("STATE_DIRECTORY", "Where the store lies, in place of `data` of the configuration."),
    ("NO_COLOR", "No colours, if it is set."),
    ("NAME", "The value of `${NAME}` in the configuration; `${NAME:-default}` and `${file:PATH}` are known too."),
)
EXIT_STATUS = (
    ("0", "Done."),
    ("1", "Failed."),
    ("2", "Wrong usage or configuration."),
    ("3", "Another instance holds the lock."),
    ("4", "Done, but a source fails (`run --strict`)."),
)


def render_man_page() -> str:
    """Return the manual page in the language of man(7)."""
    return "".join(f"{line}\n" for line in _page())


def _page() -> Iterator[str]:
    yield f'.TH FEEDS 1 "" "feeds {__version__}" "User Commands"'
    yield from _section("NAME", [f"feeds {_escape('- publish and aggregate RSS, Atom and JSON feeds')}"])
    yield from _section("SYNOPSIS", [_escape("`feeds` [OPTIONS] COMMAND [ARGUMENTS]")])
    yield from _section("DESCRIPTION", _paragraphs(INTRODUCTION))
    yield from _section("OPTIONS", _entries([*_option_entries(cli), HELP_OPTION]))
    yield ".SH COMMANDS"
    with click.Context(cli, info_name="feeds") as context:
        for name in COMMANDS:
            command = cli.get_command(context, name)
            assert command is not None
            with click.Context(command, info_name=name, parent=context) as own_context:
                yield from _command(command, own_context)
    yield from _configuration(configuration.json_schema())
    yield from _section("FILES", _entries(FILES))
    yield from _section("ENVIRONMENT", _entries(ENVIRONMENT))
    yield from _section("EXIT STATUS", _entries(EXIT_STATUS))


# ── Commands ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the usage, the help and the options of a command, without those that all commands share."""
    arguments = [piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]"]
    yield f'.SS "{_escape(" ".join(["feeds", context.info_name or "", *arguments]))}"'
    yield from _paragraphs(command.help or "")
    yield from _entries(_option_entries(command, without=[parameter.name or "" for parameter in cli.params]))


def _option_entries(command: click.Command, without: Collection[str] = ()) -> Iterator[Entry]:
    """Yield the options of a command with their help, in words of our own: those of click change with its version."""
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden and parameter.name not in without:
            default = f" The default is {parameter.default}." if parameter.show_default else ""
            names = ", ".join([*parameter.opts, *parameter.secondary_opts])
            yield f"{names} {_value_name(parameter)}".rstrip(), f"{parameter.help}{default}"


def _value_name(option: click.Option) -> str:
    if option.is_flag or option.count:
        return ""
    if isinstance(option.type, click.Choice):
        return "|".join(option.type.choices)
    return option.metavar or option.type.name.upper()


# ── Configuration ───────────────────────────────────────────────────────────────────────────────────────────────────


def _configuration(schema: Schema) -> Iterator[str]:
    yield from _section("CONFIGURATION", _paragraphs(schema["description"]))
    plain = {name: part for name, part in schema["properties"].items() if "description" in part}
    sections = [path.partition(".")[0] for path in SHAPES]
    yield from _entries((name, part["description"]) for name, part in plain.items() if name not in sections)
    for path, shape in SHAPES.items():
        yield f'.SS "{_escape(path)}"'
        yield from _paragraphs(schema["$defs"][shape]["description"])
        yield from _entries(_keys(schema["$defs"], shape, "", set()))


def _keys(shapes: Schema, shape: str, prefix: str, described: set[str]) -> Iterator[Entry]:
    """Yield the keys of a shape with their descriptions, and the keys of each mapping in it once."""
    for name, part in shapes[shape]["properties"].items():
        nested = _find_shape(part)
        inner = nested if nested not in SHAPES.values() else None
        yield prefix + name, part.get("description") or "A pattern, or a list of words."
        if inner is not None and inner not in described:
            described.add(inner)
            yield from _keys(shapes, inner, f"{prefix}{name}.", described)


def _find_shape(part: Schema) -> str | None:
    """Return the name of the shape that a value may have."""
    parts = [part, *part.get("oneOf", ()), *part.get("anyOf", ())]
    references = (reference["$ref"] for reference in parts if "$ref" in reference)
    return next((str(reference).rpartition("/")[2] for reference in references), None)


# ── man(7) ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield f".SH {title}"
    yield from lines


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        yield ".PP"
        yield _escape(paragraph)


def _entries(entries: Iterable[Entry]) -> Iterator[str]:
    for name, text in entries:
        yield ".TP"
        yield _escape(f"`{name}`")
        yield _escape(text)


def _escape(text: str) -> str:
    """Return a text on one line that is shown as it is, what stands between backquotes in bold."""
    line = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-")
    line = re.sub(r"`([^`]+)`", r"\\fB\1\\fR", line)
    return f"\\&{line}" if line.startswith((".", "'")) else line.replace('"', "\\(dq")
