"""What kinds there are: literal tables, to which the rows of installed plugins are appended.

A plugin is a package with an entry point in the group of a table whose object is a row. The functions of a row stand
there themselves or by import path (`module:name`), so that nothing heavy is loaded before it is needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, TypeVar, cast

from .errors import ConfigError
from .model import Article, Edition, Fetched, Frame, Kind, Parsed, Source, Step

_Row = TypeVar("_Row", bound="SourceKind | StepKind | Format")

_XML = "application/xml; charset=utf-8"


class UnusableRow(ValueError):
    """A row that a table cannot take; the message says what is wrong, and what was expected."""


# ── formats: what a feed is published as ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Format:
    """A format of published feeds, whose files are `<feed>.<name>`; `archives`: archive documents are written in it.

    `write` returns the bytes of an edition, given this row too: the same bytes for the same edition, anywhere (R8).
    Where an article is the same in all documents, `frame` and `entry` stand in its place: what is around the entries of
    an edition, and the entry of an article, which is then written once for many documents. `version` is raised when
    other bytes are written of the same articles: every feed is then issued once. `content_type` is the header;
    `navigation_type` replaces it for a browser that navigates to the file, so that the browser shows it. `is_page`: it
    is for people, in a browser; feed readers are led to the others. `at_most`: how many articles of a feed it can hold.
    """

    name: str
    label: str  # on pages
    content_type: str
    write: Callable[[Edition, Format], bytes] | str | None = None
    version: int = 1
    navigation_type: str | None = None
    archives: bool = False
    is_page: bool = False
    frame: Callable[[Edition, Format], Frame] | str | None = None
    entry: Callable[[Article], bytes] | str | None = None
    at_most: int | None = None

    @property
    def media_type(self) -> str:
        """Return the media type without parameters."""
        return self.content_type.partition(";")[0]

    @property
    def writer(self) -> Callable[[Edition, Format], bytes]:
        """Return `write`, imported."""
        return cast("Callable[[Edition, Format], bytes]", _resolve(self.write))

    @property
    def frame_writer(self) -> Callable[[Edition, Format], Frame]:
        """Return `frame`, imported."""
        return cast("Callable[[Edition, Format], Frame]", _resolve(self.frame))

    @property
    def entry_writer(self) -> Callable[[Article], bytes]:
        """Return `entry`, imported."""
        return cast("Callable[[Article], bytes]", _resolve(self.entry))

    def check(self) -> None:
        """Raise UnusableRow if feeds cannot be published in this format."""
        if self.name in _OTHER_FILES:
            raise UnusableRow(f"files ending in .{self.name} are published otherwise, expected another name")
        if self.entry is None:
            _require_function("write", self.writer)
        else:
            _require_function("frame", self.frame_writer)
            _require_function("entry", self.entry_writer)


# In the order in which pages name them; what has room for only one format names the first.
FORMATS = (
    Format(
        *("rss", "RSS", "application/rss+xml; charset=utf-8", None, 3, _XML),
        frame="feeds.render.rss:write_frame",
        entry="feeds.render.rss:write_entry",
    ),
    Format(
        *("atom", "Atom", "application/atom+xml; charset=utf-8", None, 3, _XML),
        frame="feeds.render.atom:write_frame",
        entry="feeds.render.atom:write_entry",
        archives=True,
    ),
    Format(
        *("json", "JSON Feed", "application/feed+json", None, 3),
        frame="feeds.render.json_feed:write_frame",
        entry="feeds.render.json_feed:write_entry",
    ),
    Format(
        *("html", "Web page", "text/html; charset=utf-8", "feeds.render.html.feed_page:write", 3),
        archives=True,
        is_page=True,
        at_most=200,
    ),
)
_OTHER_FILES = ("css", "js", "opml")
# As of the first fingerprints that were stored. These formats stand in no fingerprint: it would differ from all stored.
_FIRST_FORMATS = (("rss", 1), ("atom", 1), ("json", 1))


def formats() -> Mapping[str, Format]:
    """Return the formats by name. Raises ConfigError when a plugin cannot be loaded."""
    return _load_tables().formats


def format_versions() -> tuple[tuple[str, int], ...]:
    """Return name and version of each format, for fingerprints; empty while they are those of the first release."""
    versions = tuple((format.name, format.version) for format in formats().values())
    return () if versions == _FIRST_FORMATS else versions


# ── sources: where stories come from ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A kind of source, whose address stands in the YAML under the key `name`.

    `value` is what the address may be: a `url`, an `address` (a URL, or a path of a local file), or a `text` of which
    `locate` returns the URL to fetch, raising ValueError with what was expected (`command` is for our kind of that
    name alone). `parse` returns what a response holds; without it the format is recognised. It is a module-level
    function, as it runs in a worker process: always, or where it `is_linear` only for large and strange documents.
    `robots`: robots.txt is followed (E17). `story_pages`: it lists stories that lead to pages, as a Parsed of the shape
    LISTING or SITEMAP. `outline` is the `type` of its outline in OPML and the attribute of its address; without it the
    kind has no meaning there.
    """

    name: str
    description: str
    accept: str  # of the request
    example: str  # its value in the YAML
    value: Literal["url", "address", "text", "command"] = "url"
    locate: Callable[[str], str] | None = None
    parse: Callable[[Fetched, Source], Parsed] | str | None = None
    is_linear: bool = False
    robots: bool = False
    story_pages: bool = False
    outline: tuple[str, str] | None = None

    @property
    def parser(self) -> Callable[[Fetched, Source], Parsed] | None:
        """Return `parse`, imported."""
        return cast("Callable[[Fetched, Source], Parsed] | None", _resolve(self.parse))

    def check(self) -> None:
        """Raise UnusableRow if no such source can be visited."""
        if self.name in cast("frozenset[str]", _import("feeds.config.schema:SOURCE_SETTINGS")):
            raise UnusableRow(f"the name `{self.name}` is that of a setting of sources, expected another name")
        _require_function("parse", self.parser)
        _check_example(self.example)
        if self.value == "command":
            raise UnusableRow("its `value` is `command`, expected url, address or text")
        if self.value == "text" or self.locate is not None:
            _require_function("locate", self.locate)


_ACCEPT_FEED = ", ".join(
    (
        "application/atom+xml",
        "application/rss+xml",
        "application/feed+json",
        "application/rdf+xml",
        "application/json;q=0.9",
        "application/xml;q=0.9",
        "text/xml;q=0.9",
        "text/html;q=0.5",
        "*/*;q=0.1",
    )
)
_ACCEPT_PAGE = "text/html, application/xhtml+xml, application/xml;q=0.8, */*;q=0.1"

# The first is that of the short form, which has no key: the kind is found at the address.
SOURCES = (
    SourceKind(
        Kind.ANY,
        "URL of a feed, or of a page that leads to one.",
        _ACCEPT_FEED,
        "https://example.org/",
        is_linear=True,
        story_pages=True,
        outline=("rss", "xmlUrl"),
    ),
    SourceKind(
        Kind.FEED,
        "URL or path of an RSS, Atom, JSON Feed or CDF document.",
        _ACCEPT_FEED,
        "https://example.org/feed.xml",
        value="address",
        is_linear=True,
        outline=("rss", "xmlUrl"),
    ),
    SourceKind(
        Kind.PAGE,
        "URL of a web page that lists stories.",
        _ACCEPT_PAGE,
        "https://example.org/news",
        parse="feeds.parse.page:read_page",
        robots=True,
        story_pages=True,
        outline=("link", "htmlUrl"),
    ),
    SourceKind(
        Kind.SITEMAP,
        "URL of a sitemap.",
        "application/xml, text/xml, application/gzip;q=0.8, text/plain;q=0.5, */*;q=0.1",
        "https://example.org/sitemap.xml",
        parse="feeds.parse.sitemap:read_sitemap",
        is_linear=True,
        robots=True,
        story_pages=True,
    ),
    SourceKind(
        Kind.FILES,
        "Our own stories, such as stories/*.md.",
        _ACCEPT_PAGE,
        "stories/*.md",
        value="text",
        parse="feeds.parse.own_stories.reader:read",
        is_linear=True,
    ),
    SourceKind(
        Kind.OPML,
        "URL or path of an OPML list; each outline is a source.",
        "text/x-opml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1",
        "https://example.org/blogroll.opml",
        value="address",
        parse="feeds.parse.opml:read_opml",
        is_linear=True,
        story_pages=True,
        outline=("include", "url"),
    ),
    SourceKind(
        Kind.COMMAND,
        "A program and its arguments, whose output is the document; see `allow_commands`.",
        "*/*",
        "[tools/wire, --latest]",
        value="command",
        is_linear=True,
        story_pages=True,
    ),
)


def selector_compiler() -> Callable[[str], object]:
    """Return the function that compiles a selector of pages; it raises ValueError where the selector is wrong."""
    return cast("Callable[[str], object]", _import("feeds.parse.page.selectors:compile_selector"))


def source_kinds() -> Mapping[str, SourceKind]:
    """Return the kinds of sources by name. Raises ConfigError when a plugin cannot be loaded."""
    return _load_tables().sources


def address_kinds() -> Mapping[str, SourceKind]:
    """Return the kinds of sources that have a key in the YAML, by name."""
    return _load_tables().addresses


# ── steps: what selects and changes the articles of a feed ──────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class StepKind:
    """A kind of step.

    `step` is a frozen dataclass, an `ArticleStep` or a `FeedStep`. The keys of its value in the YAML are its fields, of
    the types str, int, float, bool, Pattern, tuple[str, ...], a Literal of texts, a tuple of such, and `Conditions` of
    `feeds.steps`, or of any of them or None; where the fields have defaults, the keys may be left out. The YAML may
    have the value of the field `short` alone. `shape` is for keys that are no fields: the mapping of the YAML as a
    model of pydantic. The metadata of a field may have its `description` and an `example`, for the manual and editors.
    """

    name: str
    description: str
    step: type[Step] | str
    example: str  # its value in the YAML
    short: str | None = None
    shape: str | None = None

    @property
    def step_type(self) -> type[Any]:
        """Return `step`, imported."""
        return cast("type[Any]", _resolve(self.step))

    @property
    def shape_type(self) -> Any:
        """Return `shape`, imported."""
        return _resolve(self.shape)

    def check(self) -> None:
        """Raise UnusableRow if no such step can be made."""
        step: object = self.step_type
        if not isinstance(step, type) or not getattr(getattr(step, "__dataclass_params__", None), "frozen", False):
            raise UnusableRow("its `step` is no frozen dataclass, expected one: fingerprints contain its fields")
        if not callable(getattr(step, "apply", None)) and not callable(getattr(step, "start", None)):
            raise UnusableRow(f"{step.__name__} has neither `apply` nor `start`, expected a FeedStep or an ArticleStep")
        names = [field.name for field in fields(self.step_type)]
        if self.short is not None and self.short not in names:
            raise UnusableRow(f"its `short` is `{self.short}`, expected a field of {step.__name__}")
        _check_example(self.example)
        check_fields = cast("Callable[[StepKind], None]", _import("feeds.config.step_shapes:check_fields"))
        check_fields(self)


STEPS = (
    StepKind(
        "keep",
        "Keep an article when all conditions hold.",
        "feeds.steps.keep_drop:Keep",
        "{title: breaking}",
        short="conditions",
    ),
    StepKind(
        "drop",
        "Drop an article when all conditions hold.",
        "feeds.steps.keep_drop:Drop",
        "{title: breaking}",
        short="conditions",
    ),
    StepKind(
        "rewrite",
        "Replace what patterns find in fields of an article.",
        "feeds.steps.rewrite:Rewrite",
        '{title: {"(?i)^sponsored: ": ""}}',
        shape="feeds.config.step_shapes:RewriteShape",
    ),
    StepKind(
        "strip",
        "Remove tracking parameters from addresses, those of links in the text included.",
        "feeds.steps.strip:Strip",
        "{parameters: [ref, src_*]}",
        short="parameters",
    ),
    StepKind(
        "tag",
        "Add tags, and remove tags.",
        "feeds.steps.tag:Tag",
        "{add: [weather], when: {title: [rain, snow]}}",
        short="add",
    ),
    StepKind(
        "prefix",
        "Put a text and a space before the title.",
        "feeds.steps.prefix:Prefix",
        '"[{source}]"',
        short="text",
    ),
    StepKind(
        "dedupe",
        "Merge the articles that several sources have of one story; the first published id stays.",
        "feeds.steps.dedupe:Dedupe",
        "{prefer: [world]}",
    ),
    StepKind(
        "sort",
        "Put the articles into another order than the newest first. It reads at most the newest 1,000.",
        "feeds.steps.sort:Sort",
        "oldest",
        short="by",
    ),
    StepKind(
        "limit",
        "Keep the newest articles; 50 when no number is given.",
        "feeds.steps.limit:Limit",
        "50",
        short="count",
        shape="feeds.config.step_shapes:LimitShape",
    ),
)


def step_kinds() -> Mapping[str, StepKind]:
    """Return the kinds of steps by name. Raises ConfigError when a plugin cannot be loaded."""
    return _load_tables().steps


def find_step_kind(step: Step) -> StepKind:
    """Return the kind of a step."""
    return next(kind for kind in step_kinds().values() if kind.step_type is type(step))


# ── plugins ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Tables:
    sources: Mapping[str, SourceKind]
    addresses: Mapping[str, SourceKind]
    steps: Mapping[str, StepKind]
    formats: Mapping[str, Format]


@cache
def _load_tables() -> _Tables:
    """Return the tables with the rows of the plugins; all faults of plugins are raised as one ConfigError."""
    problems: list[str] = []
    sources = _load_table("feeds.sources", SourceKind, SOURCES, problems)
    tables = _Tables(
        sources=sources,
        addresses={name: kind for name, kind in sources.items() if name != Kind.ANY},
        steps=_load_table("feeds.steps", StepKind, STEPS, problems),
        formats=_load_table("feeds.formats", Format, FORMATS, problems),
    )
    if problems:
        raise ConfigError(problems)
    return tables


def _load_table(group: str, kind: type[_Row], rows: tuple[_Row, ...], problems: list[str]) -> Mapping[str, _Row]:
    table = {row.name: row for row in rows}
    owners = dict.fromkeys(table, "feeds itself")
    for entry_point in sorted(entry_points(group=group), key=lambda entry: (_package(entry), entry.name)):
        package = _package(entry_point)
        try:
            row = _load_row(entry_point, kind)
            if row.name in table:
                raise UnusableRow(f"the name `{row.name}` is taken by {owners[row.name]} already")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything when it is imported
            reason = str(error) if isinstance(error, UnusableRow) else f"{type(error).__name__}: {error}"
            plugin = f"the plugin `{entry_point.value}` of {package} ({group})"
            problems.append(f"{plugin} is not usable: {reason}; correct or uninstall it")
        else:
            table[row.name], owners[row.name] = row, package
    return table


def _package(entry_point: EntryPoint) -> str:
    """Return name and version of the package that an entry point belongs to."""
    return f"{entry_point.dist.name} {entry_point.dist.version}" if entry_point.dist else "an unknown package"


def _load_row(entry_point: EntryPoint, kind: type[_Row]) -> _Row:
    row = entry_point.load()
    if not isinstance(row, kind):
        raise UnusableRow(f"it is a {type(row).__name__}, expected a {kind.__name__}")
    if not _NAME.fullmatch(row.name):
        raise UnusableRow(f"the name `{row.name}` is no name, expected up to 32 of a-z, 0-9 and _, a letter first")
    row.check()
    return row


def _require_function(column: str, value: object) -> None:
    if not callable(value):
        raise UnusableRow(f"its `{column}` is a {type(value).__name__}, expected a function")


def _check_example(example: str) -> None:
    cast("Callable[[str], object]", _import("feeds.config.yaml_mapping:read_example"))(example)


@cache
def _import(path: str) -> object:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def _resolve(reference: object) -> object:
    """Return what a row refers to: the object itself, or what an import path leads to."""
    return _import(reference) if isinstance(reference, str) else reference
