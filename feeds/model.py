"""The records that pass from stage to stage: frozen, typed, picklable, without behaviour.

Source, Feed (config) → Visit (store) → Fetched (fetch) → Parsed, Story (parse) → Article (normalize) → ArticleRow
(rows) → Outcome (pipeline); Article (store) → Edition (compose) → Document (render). All datetimes are aware and in
UTC; all lengths of time are seconds.

What the YAML declares holds compiled patterns and paths, and is made of dataclasses. All else are structs of msgspec;
those with `omit_defaults` are stored as JSON. `gc=False`: what can be part of no reference cycle need not be looked at
by the garbage collector, which saves a tenth of the time to read articles.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol, TypeVar, runtime_checkable

from msgspec import Struct, structs

from .errors import FailureKind
from .politeness import HostLimits

NOTHING: Mapping[str, str] = {}

_Record = TypeVar("_Record")


def replace(record: _Record, /, **changes: object) -> _Record:
    """Return a copy of a record with these fields changed, as `copy.replace` does from Python 3.13 on."""
    if isinstance(record, Struct):
        return structs.replace(record, **changes)
    return dataclasses.replace(record, **changes)  # type: ignore[type-var]


def field_names(record: object) -> tuple[str, ...]:
    """Return the names of the fields of a record or of its type; () for what is no record."""
    if dataclasses.is_dataclass(record):
        return tuple(field.name for field in dataclasses.fields(record))
    names: tuple[str, ...] = getattr(record, "__struct_fields__", ())
    return names


# ── configuration: what the YAML declares, checked and compiled ───────────────────────────────────────────────────────


class Occurrence(Protocol):
    """Where a pattern occurs in a text."""

    def group(self) -> str | bytes:
        """Return what was found, bytes in UTF-8."""


class Pattern(Protocol):
    """A compiled regular expression that runs in linear time."""

    def search(self, text: str, /) -> Occurrence | None:
        """Return the first occurrence of the pattern in the text, or None."""

    def sub(self, repl: str, text: str, /) -> str:
        """Return the text with every occurrence replaced; `\\1` in `repl` is the first group."""


@dataclass(frozen=True, slots=True)
class Interval:
    """`every:` a length of time; with `at_most`, `every: {auto: [seconds, at_most]}`."""

    seconds: float
    at_most: float | None = None


@dataclass(frozen=True, slots=True)
class Cron:
    """`cron:` an expression, read in a time zone."""

    expression: str
    timezone: str = "UTC"


Schedule = Interval | Cron


ArticleFunction = Callable[["Article"], "Article | None"]


@dataclass(frozen=True, slots=True)
class StepContext:
    """What a step may use.

    `clean` returns HTML that is safe to publish, `clean_text` one line of text, and `clean_url` an absolute address or
    None; a step passes through them what it changes. A step that merges articles calls `report_merge` with each one
    that it does not pass on, and with the one it went into. One that takes no more but additions first seen after a
    time calls `skip_to_additions`, and no others follow; one that drops all articles of an earlier position calls
    `skip_older`, and one that drops all that follow of a source `skip_source`. `newest` returns the newest first-seen
    of the feed's candidates, from which ages are measured. With `explain`, a step tells why it drops an article (only
    `preview` asks). `find_twins` returns the articles of the same story that reach the step, the given one among them,
    and `find_published` which of some articles, or of those that stand for them, the feed published first.
    """

    clean: Callable[[str], str]
    skip_to_additions: Callable[[datetime], None] | None = None
    report_merge: Callable[[Article, Article], None] = lambda article, into: None
    clean_text: Callable[[str], str] = lambda text: " ".join(text.split())
    clean_url: Callable[[str], str | None] = lambda url: url
    newest: Callable[[], datetime | None] = lambda: None
    skip_older: Callable[[datetime], None] | None = None
    skip_source: Callable[[str], None] | None = None
    explain: Callable[[Article, str], None] | None = None
    find_twins: Callable[[Article], Sequence[Article]] = lambda article: (article,)
    find_published: Callable[[Sequence[Article]], PublishedTwin | None] = lambda articles: None


@runtime_checkable
class ArticleStep(Protocol):
    """A step that treats each article by itself: it can stand under a source, too."""

    def start(self, context: StepContext) -> ArticleFunction:
        """Return a function that is called with each article, in order, and returns it, a changed one, or None.

        None drops the article. State that the function keeps is that of one run.
        """


@runtime_checkable
class FeedStep(Protocol):
    """A step on the articles of a whole feed: it may keep, drop, change, merge and reorder them.

    A merged article keeps `key` and `published_id` of one of them, and takes the latest `updated`. Its `story_digest`
    tells subscribers that it changed, so it is made of those of all.
    """

    def apply(self, articles: Iterator[Article], context: StepContext) -> Iterator[Article]:
        """Return the articles to pass on. `articles` are read from the store on demand: read no more than needed."""


# Frozen dataclasses: fingerprints contain the names of their classes and their fields. A field with this metadata came
# later: it is left out of them where it has its default, so that what was declared before keeps its fingerprint.
LATER_FIELD: Mapping[str, bool] = {"later": True}
Step = ArticleStep | FeedStep


class Kind(StrEnum):
    """Our kinds of sources; plugins add others. `ANY` is the short form: the kind is found at the address."""

    ANY = "any"
    FEED = "feed"
    PAGE = "page"
    SITEMAP = "sitemap"
    FILES = "files"
    OPML = "opml"
    COMMAND = "command"


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def is_remote(address: str) -> bool:
    """Return whether the address of a source has a scheme, whichever; every other one is a local path."""
    return _SCHEME.match(address.strip()) is not None


class Source(Struct, frozen=True):
    """A place that stories come from.

    `address` is an http(s) URL, for local files a glob below `root`, and for a program its command as a shell would
    take it, to be shown; `root` is the folder that it runs in.
    """

    id: str
    kind: str  # a Kind, or the name of a plugin's
    address: str
    schedule: Schedule = Interval(3600.0)
    root: Path | None = None
    tags: tuple[str, ...] = ()
    was: tuple[str, ...] = ()
    full_text: bool = False
    read_as: Literal["story", "list", "feed"] | None = None
    selectors: Mapping[str, str] = {}  # stories, title, content, date, author, image, remove
    include: Pattern | None = None
    exclude: Pattern | None = None
    headers: tuple[tuple[str, str], ...] = ()
    basic_auth: tuple[str, str] | None = None
    bearer: str | None = None
    private: bool = False  # its addresses appear nowhere
    unlisted: bool = False  # it is only in feeds that name it or one of its tags
    proxy: str | None = None
    timeout: float = 30.0
    max_bytes: int = 15_000_000
    max_items: int = 1000
    allow_private: tuple[str, ...] = ()  # networks, as in `10.0.0.0/8`
    language: str | None = None
    timezone: str = "UTC"
    steps: tuple[ArticleStep, ...] = ()
    enabled: bool = True
    command: tuple[str, ...] = ()  # the program and its arguments
    env: tuple[tuple[str, str], ...] = ()  # of the program, beside PATH, HOME and LANG
    base: str | None = None  # what relative addresses in the output of the program begin at
    fingerprint: str = ""  # digest of all that changes what a visit yields; another one voids the validators (E5)

    @property
    def place(self) -> str:
        """Return the address as the operator knows it: that of local files as a path."""
        return self.address if self.root is None or self.kind is Kind.COMMAND else str(self.root / self.address)


class Podcast(Struct, frozen=True, omit_defaults=True, gc=False):
    """What directories of podcasts ask of a show: `category` of Apple's list, as in `Arts > Books`; `owner`: e-mail."""

    category: tuple[str, ...] = ()
    explicit: bool = False
    owner: str | None = None
    author: str | None = None
    type: str | None = None  # episodic or serial
    image: str | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """A published feed. Empty `sources` and `tags` select everything; both given, both must hold."""

    id: str
    title: str
    description: str = ""
    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    author: str | None = None
    link: str | None = None
    image: str | None = None
    icon: str | None = None
    language: str | None = None
    was: tuple[str, ...] = ()  # earlier ids, whose addresses lead to this feed
    fingerprint: str = ""  # digest of all that changes the bytes: its YAML, the site's, the format version
    formats: tuple[str, ...] = field(default=(), metadata=LATER_FIELD)  # names of those it is published in; (): all
    each: Literal["source", "tag"] | None = field(default=None, metadata=LATER_FIELD)  # it stands for a feed of each
    podcast: Podcast | None = field(default=None, metadata=LATER_FIELD)


@dataclass(frozen=True, slots=True)
class Theme:
    """A folder of the operator's own templates and assets; `digest` is that of the files in it."""

    folder: Path
    digest: str


@dataclass(frozen=True, slots=True)
class Site:
    """The publisher. `url` ends with a slash and is the base of every published address."""

    title: str
    url: str
    description: str = ""
    language: str | None = None
    timezone: str = "UTC"
    contact: str | None = None
    hubs: tuple[str, ...] = ()  # WebSub hubs that the documents of our feeds name
    cloud: str | None = field(default=None, metadata=LATER_FIELD)  # the address for rssCloud that RSS documents name
    authority: str | None = None  # `HOST,YEAR` of the ids we mint; the store's, put in by the app
    theme: Theme | None = field(default=None, metadata=LATER_FIELD)
    compress: tuple[str, ...] = field(default=(), metadata=LATER_FIELD)  # codings of the files beside each document


@dataclass(frozen=True, slots=True)
class Hub:
    """The WebSub hub of our feeds; `is_own`: the built-in server is the hub."""

    url: str
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where the paths of changed files are posted; `secret` is the key of the signature, if there is one."""

    url: str
    secret: str | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The addresses that the built-in server listens on, as (host, port), and the networks it treats in another way.

    `admin` is that of the operator's page, if there is one; who asks there must show `admin_token`, if there is one.
    """

    listen: tuple[str, int] = ("127.0.0.1", 8080)
    admin: tuple[str, int] | None = None
    admin_token: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    allow_private: tuple[str, ...] = ()  # that callbacks, push services, hubs and webhooks may live in


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where in an object store the files are published: its `url` (`s3://BUCKET/PREFIX`), and how it is reached.

    What is None comes from the environment, as the programs of the store have it.
    """

    url: str  # without a slash at its end
    endpoint: str | None = None
    region: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True)
class Config:
    """One whole, checked YAML file. `path` is the file; `secrets` are values to be masked in every output.

    `searched_secrets` are those that may stand in no document: long enough not to be found there by chance.
    """

    path: Path
    site: Site
    data: Path
    public: Path | Bucket
    server: ServerSettings
    hosts: HostLimits
    sources: Mapping[str, Source]
    feeds: Mapping[str, Feed]
    secrets: frozenset[str] = frozenset()
    searched_secrets: frozenset[str] = frozenset()
    short_secrets: tuple[str, ...] = ()  # the keys, dotted, whose secrets are too short for that
    retain: float | None = None  # seconds that articles are stored after they were first seen; None: for ever
    hub: Hub | None = None  # which the server names in headers, and `site.hubs` in documents
    on_publish: Webhook | None = None
    workers: int | None = None  # processes that read documents beside this one; None: one for each other core
    store: str | None = None  # the address of a PostgreSQL database; None: a file in `data`
    allow_commands: bool = False  # whether sources may run programs

    @property
    def database(self) -> Path | str:
        """Return where the store is: the path of a file, or the address of a PostgreSQL database."""
        return self.store or self.data / "feeds.db"

    @property
    def server_database(self) -> Path | str:
        """Return where servers keep what they share: the path of a file, or the address of a PostgreSQL database."""
        return self.store or self.data / "server.db"

    @property
    def search_database(self) -> Path:
        """Return the path of a server's search index, which no other server uses."""
        return self.data / ("search.db" if self.store else "server.db")


# ── visits: what is due, with all that is remembered about it ─────────────────────────────────────────────────────────


class Validators(Struct, frozen=True):
    """`ETag` and `Last-Modified` as received, byte for byte (E1). For files, `etag` is a digest of their stat."""

    etag: str | None = None
    last_modified: str | None = None


class HostState(Struct, frozen=True):
    """What is remembered of one host name, for all visits to it."""

    host: str
    last_request: datetime | None = None
    paused_until: datetime | None = None
    robots: str | None = None
    robots_at: datetime | None = None


class Move(Struct, frozen=True, omit_defaults=True):
    """A permanent redirect, followed for good only after enough visits (E10)."""

    target: str
    since: datetime
    visits: int


class Hints(Struct, frozen=True, omit_defaults=True):
    """A publisher's wishes on polling, kept because a 304 brings no document that repeats them."""

    fresh_for: float | None = None  # of the headers
    period: float | None = None  # of the document: ttl, sy:updatePeriod
    skip_hours: tuple[int, ...] = ()  # 0-23, GMT
    skip_days: tuple[int, ...] = ()  # Monday is 0


class VisitState(Struct, frozen=True):
    """What one visit leaves for the next one to the same source or story page."""

    url: str
    validators: Validators = Validators()
    body_digest: str | None = None
    last_at: datetime | None = None  # the last visit
    full_at: datetime | None = None  # the last visit that brought a whole body (E6)
    worked_at: datetime | None = None  # the last visit that did not fail; None: it never worked
    failures: int = 0  # in a row
    failing_since: datetime | None = None
    attempts: int = 0  # of a story's page
    move: Move | None = None
    interval: float | None = None  # what an adaptive schedule has learned
    hints: Hints = Hints()
    pushed_until: datetime | None = None  # the end of the lease of a hub that pushes all that is new


class Visit(Struct, frozen=True):
    """One due fetch: of a source, or (with `story`, as its listing gave it) of one story's page."""

    source: Source
    state: VisitState
    due_at: datetime
    host: HostState
    story: Story | None = None
    upstream_id: str = ""  # of the story; empty for a source
    story_digest: str = ""  # of the story in its listing; empty for a source, or if an older version planned the visit
    is_addition: bool = False  # the story was listed after its source's first listing
    push: Push | None = None  # what a hub sent, so that nothing is fetched

    @property
    def url(self) -> str:
        """Return the address to fetch."""
        return self.state.url


# ── responses: what the network or the disk answered ──────────────────────────────────────────────────────────────────


class Hop(Struct, frozen=True):
    """One redirect that was followed."""

    status: int
    url: str


class SourceFile(Struct, frozen=True):
    """One file of a `files:` source: `name` relative to the root."""

    name: str
    body: bytes
    modified: datetime


class FileStamp(Struct, frozen=True):
    """The size and time that show that a file is unchanged."""

    size: int
    modified_ns: int


class Fetched(Struct, frozen=True):
    """A whole response. `body` is free of content coding and within `max_bytes`; for local files see `files`."""

    url: str  # after redirects
    body: bytes
    media_type: str = ""  # lower case, without parameters
    charset: str | None = None  # of Content-Type
    headers: Mapping[str, str] = {}  # names in lower case
    hops: tuple[Hop, ...] = ()
    validators: Validators = Validators()
    body_digest: str = ""
    fresh_for: float | None = None
    retry_after: float | None = None
    files: tuple[SourceFile, ...] = ()
    unreadable: tuple[str, ...] = ()  # files and folders of a `files:` source that could not be read this time
    media_files: Mapping[str, FileStamp] = {}  # pictures and recordings beside them, by name
    status: int | None = None  # of HTTP
    partial: bool = False  # a hub pushed it: what it leaves out is there all the same


class Push(Struct, frozen=True):
    """What a hub sent of a source; `number` is that of the server's inbox."""

    number: int
    fetched: Fetched
    lease_ends: datetime


class NotModified(Struct, frozen=True):
    """304, an equal body, or unchanged files. Validators that the response left out are the ones we sent (E3)."""

    url: str
    validators: Validators
    fresh_for: float | None = None
    hops: tuple[Hop, ...] = ()
    status: int | None = None  # of HTTP
    size: int = 0  # of the equal body, in bytes


class OutboundAnswer(Struct, frozen=True):
    """What was answered to a request that is no visit, with the beginning of its body."""

    status: int  # of HTTP
    headers: Mapping[str, str] = {}  # names in lower case
    body: bytes = b""


class SendRequest(Protocol):
    """Sends one request that is no visit, and waits for the answer; see `fetch.outbound.OutboundClient.send`."""

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None, *, seconds: float
    ) -> OutboundAnswer:
        """Return the answer, of whatever status; raise PushError when there is none within `seconds`."""
        ...


# ── WebSub: the subscriptions to our feeds ────────────────────────────────────────────────────────────────────────────


class HubProtocol(StrEnum):
    """How a subscriber wants to be told of a new edition, and how its intent is verified."""

    WEBSUB = "websub"  # it is sent the document
    CLOUD = "rsscloud"  # it is sent the address of the document
    CLOUD_SELF = "rsscloud-self"  # the same, at the address that the request came from, which needs no challenge


class HubRequest(Struct, frozen=True):
    """A request of a subscriber to our hub, whose intent is to be verified; `denied`: it is to be told the reason."""

    mode: Literal["subscribe", "unsubscribe", "denied"]
    callback: str
    topic: str  # the URL of a document of one of our feeds
    secret: str | None = None
    lease_seconds: int = 0
    reason: str = ""
    protocol: HubProtocol = HubProtocol.WEBSUB
    key: int = 0  # in the store


class HubSubscription(Struct, frozen=True):
    """A subscriber to a document of ours that waits for a delivery of it."""

    key: int
    callback: str
    path: str  # of the document, from the root of the site on
    host: str  # of the callback, with its port
    secret: str | None
    wanted: int  # how often the document changed since the subscription began
    attempts: int  # to deliver that failed since the last one that did not
    body_digest: str | None  # of what was delivered last
    protocol: HubProtocol = HubProtocol.WEBSUB


class HubDelivery(Struct, frozen=True):
    """How a delivery ended; `due`: when one that failed is tried again."""

    subscription: HubSubscription
    outcome: Literal["delivered", "unchanged", "failed", "given_up", "gone"]
    digest: str | None = None  # of what the subscriber has now
    due: datetime | None = None


# ── WebSub: the hubs of our sources ───────────────────────────────────────────────────────────────────────────────────


class HubSource(Struct, frozen=True):
    """A source whose document names a hub."""

    source_id: str
    hub: str
    topic: str


class SubscriptionState(StrEnum):
    """How far a subscription to a hub has come."""

    REQUESTED = "requested"  # the hub is to verify it
    ACTIVE = "active"
    DENIED = "denied"
    ENDING = "ending"  # the hub is to verify that it ends


class SourceSubscription(Struct, frozen=True):
    """A subscription of ours to the topic of a source."""

    key: int
    source_id: str
    hub: str
    topic: str
    token: str  # which nobody can guess, at the end of the callback's address
    secret: str
    state: SubscriptionState
    lease_ends: datetime | None  # None: never verified
    attempts: int  # to have it verified, in a row


class ReceivedPush(Struct, frozen=True):
    """What a hub sent, with the number it has in the inbox."""

    number: int
    source_id: str
    lease_ends: datetime
    content_type: str
    body: bytes


# ── stories: what the source said, as strings, nothing decided ────────────────────────────────────────────────────────


class Text(Struct, frozen=True, omit_defaults=True, gc=False):
    """A text construct: `type` says how `value` is to be read (RFC 4287 §3.1); `base` is the xml:base in force."""

    value: str
    type: Literal["text", "html"] = "html"
    base: str | None = None
    language: str | None = None


class Link(Struct, frozen=True, omit_defaults=True, gc=False):
    """A link as given, maybe relative; `base` is the xml:base in force. Enclosures are links with rel `enclosure`."""

    href: str
    rel: str = "alternate"
    type: str | None = None
    length: str | None = None
    hreflang: str | None = None
    title: str | None = None
    base: str | None = None


AuthorMark = Literal["", "selector", "explicit", "class", "link"]


class Person(Struct, frozen=True, omit_defaults=True, gc=False):
    """A person as spelled: `name` may still hold an address, or several people.

    With a `place`, it is only a candidate: `role` is then `byline` (one name or several, with jobs and places),
    `organisation`, `author` (one person) or `publisher`, and normalize decides which candidates are the authors.
    """

    name: str | None = None
    email: str | None = None
    url: str | None = None
    avatar: str | None = None
    role: str = "author"
    place: str = ""  # where on its page a candidate stands
    mark: AuthorMark = (
        ""  # what marks it there as an author: the source's selector, rel or microdata, a class, its link
    )
    element: int = 0  # equal for the candidates of one element of the page


class Category(Struct, frozen=True, omit_defaults=True, gc=False):
    """A category with its scheme (Atom) or domain (RSS)."""

    term: str
    scheme: str | None = None
    label: str | None = None


class Media(Struct, frozen=True, omit_defaults=True, gc=False):
    """A Media RSS object, an image or a thumbnail; numbers as strings, as found. `role` is `content` or `thumbnail`."""

    url: str
    role: str = "content"
    type: str | None = None
    medium: str | None = None
    length: str | None = None
    width: str | None = None
    height: str | None = None
    duration: str | None = None
    title: str | None = None
    language: str | None = None
    base: str | None = None


class Origin(Struct, frozen=True, omit_defaults=True, gc=False):
    """The feed an item came from (Atom `source`, RSS `source`)."""

    id: str | None = None
    title: str | None = None
    url: str | None = None
    feed: str | None = None
    updated: str | None = None
    icon: str | None = None  # or its logo; only pages show it


class Comments(Struct, frozen=True, omit_defaults=True, gc=False):
    """Where a story is discussed."""

    url: str | None = None
    count: str | None = None
    feed: str | None = None


class FieldCandidate(Struct, frozen=True, gc=False):
    """A text that may be a field of a story: where on its page it stands, and what speaks for or against it."""

    field: str
    value: str
    where: str
    note: str = ""


class Story(Struct, frozen=True, omit_defaults=True, gc=False):
    """One item as the source gave it. Every field optional; dates as text; `found` says where each field was."""

    id: str | None = None
    id_is_permalink: bool = False
    links: tuple[Link, ...] = ()
    title: Text | None = None
    summary: Text | None = None
    content: tuple[Text, ...] = ()
    published: str | None = None
    updated: str | None = None
    people: tuple[Person, ...] = ()
    categories: tuple[Category, ...] = ()
    media: tuple[Media, ...] = ()
    image: Link | None = None
    language: str | None = None
    rights: Text | None = None
    origin: Origin | None = None
    comments: Comments | None = None
    podcast: Mapping[str, str] = {}
    extra: Mapping[str, str] = {}  # what has no field of its own: geo, license …
    found: Mapping[str, str] = {}
    candidates: tuple[FieldCandidate, ...] = ()  # what its page holds for its fields, for each the best first
    file: str | None = None  # the file below the root of a `files:` source that it stands in


class Channel(Struct, frozen=True):
    """The feed-level facts of a document, as found."""

    id: str | None = None
    title: Text | None = None
    description: Text | None = None
    links: tuple[Link, ...] = ()
    language: str | None = None
    people: tuple[Person, ...] = ()
    categories: tuple[Category, ...] = ()
    rights: Text | None = None
    image: Link | None = None
    icon: Link | None = None
    generator: str | None = None
    updated: str | None = None
    published: str | None = None
    ttl: str | None = None  # minutes
    update_period: str | None = None  # sy:
    update_frequency: str | None = None
    update_base: str | None = None
    skip_hours: tuple[str, ...] = ()
    skip_days: tuple[str, ...] = ()
    podcast: Mapping[str, str] = {}
    found: Mapping[str, str] = {}


class PublicationWindow(Struct, frozen=True):
    """When a story of ours may be published: not before the dates in `starts`, no longer from those in `ends` on.

    Dates are text, as its front matter spells them.
    """

    starts: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()


class Shape(StrEnum):
    """What a document holds: stories in full (a feed), a list that leads to story pages, or one story."""

    FEED = "feed"
    LISTING = "listing"  # of a web page
    SITEMAP = "sitemap"
    STORY = "story"


class Parsed(Struct, frozen=True):
    """One parsed document. `reader` names the parser; `warnings` are sentences for the operator."""

    reader: str
    base: str | None  # what relative addresses are relative to
    channel: Channel = Channel()
    stories: tuple[Story, ...] = ()
    warnings: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()  # files and folders that exist and could not be read this time
    windows: Mapping[str, PublicationWindow] = {}  # story id → when it may be published
    earlier_ids: Mapping[str, str] = {}  # story id → the id that an earlier version gave the story
    shape: Shape = Shape.FEED


class Outline(Struct, frozen=True, omit_defaults=True):
    """One subscription of an OPML list: `name` is the second part of the id of the source that it is."""

    name: str
    address: str
    title: str | None = None
    tags: tuple[str, ...] = ()


class HeldStory(Struct, frozen=True):
    """What a stored story may be known by when its id is another one: its title in plain text, date and link key."""

    upstream_id: str
    title: str
    published: datetime
    link_key: str


def find_no_stories(moments: Collection[datetime]) -> Sequence[HeldStory]:
    """Return the stories that are held of a source that has none."""
    return ()


class SeenItems(Struct, frozen=True):
    """What the store holds of a source, read once after parse.

    `digests`: upstream id → story digest of what is held. `retracted`: upstream ids that must not come back (R4).
    `withdrawn`: upstream ids that the source took back, and may list again. `links`: link key → upstream id. `pages`:
    upstream id → our own page for it. `authority` is `HOST,YEAR` for minted tag: URIs (RFC 4151), fixed at first start.
    """

    authority: str
    digests: Mapping[str, str] = {}
    links: Mapping[str, str] = {}
    listing_size: int | None = None  # of the last listing
    identity: str = "id"  # `link`, `page` or `title` once a source changed its ids (F21)
    outlines: tuple[Outline, ...] = ()  # of an OPML list
    pages: Mapping[str, StoryPage] = {}
    retracted: frozenset[str] = frozenset()
    withdrawn: frozenset[str] = frozenset()
    titles: Mapping[str, str] = {}  # title and date → upstream id
    find_stories: Callable[[Collection[datetime]], Sequence[HeldStory]] = find_no_stories  # published at these moments

    def __contains__(self, upstream_id: str) -> bool:
        return upstream_id in self.digests or upstream_id in self.retracted or upstream_id in self.withdrawn

    def __bool__(self) -> bool:
        return bool(self.digests or self.retracted or self.withdrawn)


# ── articles: one item as we hold it ──────────────────────────────────────────────────────────────────────────────────


class Author(Struct, frozen=True, omit_defaults=True, gc=False):
    """A person with a name; the rest is clean or absent."""

    name: str
    url: str | None = None
    email: str | None = None
    avatar: str | None = None


class Attachment(Struct, frozen=True, omit_defaults=True, gc=False):
    """A file that belongs to an article: `size` in bytes, `duration` in seconds."""

    url: str
    media_type: str
    title: str | None = None
    size: int | None = None
    duration: float | None = None


class Twin(Struct, frozen=True, omit_defaults=True, gc=False):
    """The same story at another source: `title` is the name of the source, `url` the address of the story there."""

    source_id: str
    url: str
    title: str | None = None


class StoryFile(Struct, frozen=True, omit_defaults=True, gc=False):
    """A file that goes with a story of ours: `path` below the public folder, `file` below the root of its source."""

    path: str
    file: str
    size: int
    modified_ns: int


class StoryPage(Struct, frozen=True, omit_defaults=True, gc=False):
    """Our own page for a story of ours: made of `file`, published at `path` below the public folder."""

    file: str
    path: str
    address: str
    files: tuple[StoryFile, ...] = ()  # those that it shows


class Article(Struct, frozen=True, omit_defaults=True, gc=False):
    """The common record: whole, clean, XML-legal, addresses absolute. `title` and `summary` are plain text."""

    source_id: str
    upstream_id: str
    published_id: str  # the id to publish; as normalize proposes it until the store has decided
    minted_id: str  # the tag: URI to fall back on when another source's article holds `published_id`
    url: str | None
    title: str
    summary: str
    html: str
    published: datetime | None
    modified: datetime | None
    updated: datetime  # the last significant change, for atom:updated; never later than it was written (R11)
    first_seen: datetime
    story_digest: str
    authors: tuple[Author, ...] = ()
    tags: tuple[str, ...] = ()
    categories: tuple[Category, ...] = ()
    language: str | None = None
    image: str | None = None
    external_url: str | None = None
    attachments: tuple[Attachment, ...] = ()
    media: tuple[Media, ...] = ()
    rights: str | None = None
    comments: Comments | None = None
    origin: Origin | None = None
    podcast: Mapping[str, str] = {}
    show: Podcast | None = None  # that it is an episode of
    extra: Mapping[str, str] = {}
    found: Mapping[str, str] = {}
    reader: str = ""
    link_key: str = ""  # its canonical link
    title_key: str = ""  # its title as twins have it; empty for one that many stories have; not stored
    story_key: str = ""  # equal for twins, final, put in by the store: the published id of the oldest; empty: no twin
    page: StoryPage | None = None  # of a story of our own
    also_at: tuple[Twin, ...] = ()  # where else it is, in the order of the feed; the step `dedupe` puts it in
    key: int = 0  # the store's own, 0 until stored
    changed: int = 0  # the store's change number, 0 until stored
    is_addition: bool = False  # stored after its source's first listing: as old as its first sight, not its date (R5)

    @property
    def position(self) -> datetime:
        """Return its place in a feed: its date, or first seen where that is earlier (R13)."""
        date = self.published or self.modified
        return min(date, self.first_seen) if date else self.first_seen


class ArticleRow(Struct, frozen=True, gc=False):
    """A new version of an article as the store takes it; `feeds.rows` makes it, also in a worker process.

    Times are microseconds since 1970; texts can be encoded in UTF-8.
    """

    source_id: str
    upstream_id: str
    published_id: str  # as proposed
    minted_id: str
    first_seen: int
    updated: int
    position: int  # of a new article
    story_digest: str
    url: str | None
    link_key: str
    link_mark: int | None  # digests of what twins are found by
    title_mark: int | None
    tags: str  # in lower case, one a line
    body: bytes  # all fields without a column, as JSON
    html: bytes
    is_dated_by_update: bool  # a new article is called published when the source says that it was updated


# ── outcomes: the result of a visit ───────────────────────────────────────────────────────────────────────────────────


class StoryVisit(Struct, frozen=True):
    """A story that is not whole yet: its page becomes a visit of its own."""

    upstream_id: str
    url: str
    story: Story
    story_digest: str  # of the story as the listing has it, without what `story` takes from the listing as a whole


class Harvest(Struct, frozen=True):
    """New and changed articles, story pages to visit, and every id that was listed."""

    articles: tuple[ArticleRow, ...]
    listed_ids: tuple[str, ...]
    title: str | None = None  # what the source calls itself
    link: str | None = None
    hub: str | None = None  # "" for a listing that names none; None if that is not known
    self_url: str | None = None
    story_visits: tuple[StoryVisit, ...] = ()
    warnings: tuple[str, ...] = ()
    identity: str = "id"
    outlines: tuple[Outline, ...] = ()  # of an OPML list
    removed_ids: tuple[str, ...] = ()  # upstream ids that their source took back
    changed: int = 0  # how many of the articles were known before
    is_first: bool = False  # the first listing of the source
    renamed_ids: Mapping[str, str] = {}  # upstream id → the one that its source lists in its place from now on
    # Of stored stories whose page is not visited: upstream id → the digest to store in place of another version's.
    new_digests: Mapping[str, str] = {}


class Failure(Struct, frozen=True, omit_defaults=True):
    """What went wrong, in one sentence for the operator. `stage` names the stage, such as `fetch`."""

    stage: str
    sentence: str
    kind: FailureKind = FailureKind.OTHER
    status: int | None = None
    retry_after: float | None = None
    host: str | None = None  # that answered so, where it is not the host of the visit


Result = Harvest | NotModified | Failure


class Outcome(Struct, frozen=True):
    """The result of a visit, exactly one for each, with the state that the next visit starts from."""

    visit: Visit
    at: datetime
    due_at: datetime
    result: Result
    state: VisitState
    host: HostState
    redirect_host: HostState | None = None  # where redirects led, if that is another host
    status: int | None = None  # of HTTP, of the last response
    size: int = 0  # of all bodies, decoded, in bytes
    seconds: float = 0.0  # that the visit took


# ── editions: what we publish ─────────────────────────────────────────────────────────────────────────────────────────


class EntryState(StrEnum):
    """Whether a feed holds an article, or why it doesn't.

    It has taken it back, has dropped it with the archive document it was in, or shows another one in its place.
    """

    PUBLISHED = "published"
    RETRACTED = "retracted"
    EXPIRED = "expired"
    MERGED = "merged"


class LedgerEntry(Struct, frozen=True):
    """One article as a feed last published it; the digest of a retracted or merged one is empty."""

    digest: str
    first_published: datetime
    archive: int | None = None  # number of its archive document
    state: EntryState = EntryState.PUBLISHED
    merged_into: int | None = None  # the key of the article that stands for a merged one


class PublishedTwin(Struct, frozen=True):
    """The identity of the entry that a feed published first of a story; its article may be gone."""

    key: int
    published_id: str
    first_published: datetime


class PublishedFile(Struct, frozen=True, omit_defaults=True):
    """A file as its target held it once it was written; older versions recorded the path alone.

    `size` is in bytes, `modified_ns` in nanoseconds since 1970; `mode` are the permissions, where a target has any.
    `store` is the address of the object store that it was put into, and `etag` what that called it.
    """

    path: str
    digest: str = ""  # of its bytes
    size: int | None = None
    modified_ns: int | None = None
    mode: int | None = None
    store: str = ""
    etag: str | None = None


class Archives(Struct, frozen=True):
    """The archive documents of a feed: the numbers of the oldest and the newest (0: there are none), and its files."""

    oldest: int = 1
    newest: int = 0
    files: tuple[PublishedFile, ...] = ()  # of the newest, the only one that additions rewrite


class Ledger(Struct, frozen=True):
    """What a feed has already published. `changed` is the highest change number among its articles."""

    feed_id: str
    fingerprint: str = ""
    changed: int = 0
    updated: datetime | None = None
    entries: Mapping[int, LedgerEntry] = {}  # by article key
    files: tuple[PublishedFile, ...] = ()
    edition: str = ""  # digest of the edition that the files hold
    original_id: str | None = None  # of a renamed feed: the id that it was first published under
    archives: Archives = Archives()
    article_count: int | None = None  # of its edition; None: not known of an older version
    drops: Mapping[str, int] = {}  # kind of step → number of articles that it did not pass on


class Edition(Struct, frozen=True):
    """A feed at one moment: the chosen articles in order; `updated` never goes backwards.

    With a number, `archive`, it is one of the archive documents, which hold what has left the subscription document.
    `prev_archive` is the number of the newest archive document that is older (RFC 5005 §4). `as_stored`: no step may
    have changed an article, so that its key and its change number tell it from all others and from what it was before.
    """

    feed: Feed
    site: Site
    articles: tuple[Article, ...]
    updated: datetime
    changed: int
    digest: str = ""  # equal for the same articles, unchanged and in the same order
    original_id: str | None = None  # of a renamed feed: the id that it was first published under
    archive: int | None = None
    prev_archive: int | None = None
    as_stored: bool = False


class StoryNeighbours(Struct, frozen=True):
    """The stories that the page of a story leads to: those published next and before it, and the newest others."""

    newer: Article | None = None
    older: Article | None = None
    others: tuple[Article, ...] = ()


class SearchResults(Struct, frozen=True):
    """One page of the stories that a reader searched for, best first or newest first.

    `count` are all that were found, `is_cut` that there are more. `problem`: why there are none, or not all.
    """

    query: str
    articles: tuple[Article, ...] = ()
    count: int = 0
    is_cut: bool = False
    page: int = 1  # from 1
    page_count: int = 1
    newest_first: bool = False
    problem: Literal["", "incomplete", "too_slow"] = ""


class Frame(Struct, frozen=True):
    """What stands in a document before its entries, after them, and between two of them."""

    head: bytes
    tail: bytes
    separator: bytes = b""

    def join(self, entries: Sequence[bytes]) -> bytes:
        """Return the document with these entries."""
        if not entries:
            return self.head + self.tail
        parts = [*entries]
        parts[0] = self.head + parts[0]
        parts[-1] += self.tail
        return self.separator.join(parts)  # once: documents are large


class NewEntries(Struct, frozen=True):
    """The entries of a document in a format that no document held before, by the digest of their article.

    `sample` is the document with no others. Where it passes the quick check, the document does: the others stood in
    documents that did.
    """

    format_name: str
    entries: Mapping[bytes, bytes]
    sample: bytes


class Document(Struct, frozen=True):
    """The bytes of one published file; `path` is relative to the public folder, with forward slashes.

    `new`: which of its entries are new; None where it is not known to be made of entries.
    """

    path: str
    body: bytes
    media_type: str
    new: NewEntries | None = None


class Event(Struct, frozen=True):
    """One difference between two published editions. `item` is the JSON Feed item, none for a retraction.

    `is_news`: an article that is worth a notification; see `compose.Change`.
    """

    kind: Literal["article", "retract"]
    feed_id: str
    article_key: int
    published_id: str
    item: str | None = None
    is_news: bool = False


NumberedEvent = tuple[int, Event]  # with its number in the outbox


# ── notifications: what a browser is told of news ─────────────────────────────────────────────────────────────────────


class PushSubscription(Struct, frozen=True):
    """Where the notifications for one browser go, and the keys by which only it can read them (RFC 8291)."""

    endpoint: str  # a secret: whoever knows it can unsubscribe
    p256dh: str  # base64url without padding, as `auth`
    auth: str
    service: str  # the push service, by its name in `push.push_services`


class News(Struct, frozen=True):
    """An article that is news, as a notification shows it."""

    number: int  # of its event
    published_id: str
    title: str
    url: str | None = None
    source: str = ""
    summary: str = ""


class Notice(Struct, frozen=True):
    """That a subscription wants the news of a feed ("": of all feeds) that came after event `delivered`."""

    subscription_key: int
    subscription: PushSubscription
    feed_id: str
    delivered: int
    wanted: int  # the number of the newest event
    attempts: int = 0


class NoticeResult(Struct, frozen=True):
    """What became of a notice: it is done with, until `due`; failed, and is due again; or its subscription is gone."""

    notice: Notice
    state: Literal["done", "failed", "gone"]
    due: datetime


class Issue(Struct, frozen=True):
    """One edition gone live: what is written to the ledger and the outbox in one transaction.

    `archives`: number → files of each archive document that was written. `oldest_archive`: those before it are dropped.
    `drops`: kind of step → number of articles that it did not pass on; not of `limit`, which lets no more be read.
    """

    edition: Edition
    entries: Mapping[int, LedgerEntry]
    files: tuple[PublishedFile, ...]
    events: tuple[Event, ...]
    archives: Mapping[int, tuple[PublishedFile, ...]] = {}
    oldest_archive: int | None = None
    drops: Mapping[str, int] = {}


class WebhookDelivery(Struct, frozen=True):
    """What one request to a webhook tells: path → digest of the files that changed, and the paths of removed ones.

    A receiver that gets a `number` twice has seen it.
    """

    number: int
    at: datetime
    changed: Mapping[str, str] = {}
    removed: tuple[str, ...] = ()


class PublicationNumbers(Struct, frozen=True):
    """By what a process sees that something was published, or told, by another one.

    `files` counts the changes of the published files, `webhook` how often the state of the webhook was stored; `event`
    is the newest event, `announced` the one up to which an external hub was told of all.
    """

    files: int
    event: int
    announced: int
    webhook: int


class WebhookState(Struct, frozen=True):
    """What the webhook was told: path → digest of every file, the number of the last delivery, and the next one.

    While it fails: how often since when, why, and when it is tried again. `version` counts how often it was stored.
    """

    told: Mapping[str, str] = {}
    number: int = 0
    pending: WebhookDelivery | None = None
    failures: int = 0
    failing_since: datetime | None = None
    due_at: datetime | None = None
    error: str = ""
    version: int = 0


# ── status ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class StoredDeclaration(Struct, frozen=True):
    """What is stored of the declaration of a source; `enabled` is False also where it is no longer declared."""

    source_id: str
    enabled: bool
    address: str
    fingerprint: str


class PublishingStatus(Struct, frozen=True):
    """Whether a feed is published: `waiting_since` is the time of its oldest change that is not, None when all are."""

    feed_id: str
    waiting_since: datetime | None = None
    failed_at: datetime | None = None  # the last attempt, if that failed
    error: str | None = None


class SourceStatus(Struct, frozen=True, gc=False):
    """The status of one source; `failure` is the last one, none once a visit has worked again."""

    source_id: str
    url: str
    due_at: datetime
    articles: int
    title: str | None = None
    last_at: datetime | None = None
    worked_at: datetime | None = None
    failures: int = 0
    failing_since: datetime | None = None
    failure: Failure | None = None
    newest: datetime | None = None
    move: Move | None = None
    warnings: tuple[str, ...] = ()
    pending: int = 0  # story pages still to be visited
    pushed_until: datetime | None = None  # the end of the lease of a hub that pushes all that is new


class VisitResult(StrEnum):
    """What came of a visit of a source, in one letter: it had new or changed stories, or none, or it failed."""

    NEWS = "n"
    NO_NEWS = "u"
    NOT_MODIFIED = "m"
    FAILED = "f"


class PastVisit(Struct, frozen=True, gc=False):
    """A visit that was made, to the minute."""

    at: datetime
    result: VisitResult


class ListedArticle(Struct, frozen=True):
    """What a list of stored articles shows of one; `retracted_at`: when the operator took it out, if so."""

    published_id: str
    source_id: str
    title: str
    url: str | None
    position: datetime
    retracted_at: datetime | None = None


class FeedStatus(Struct, frozen=True):
    """What is published of a feed: the size of each file by path (None: it is missing), and what waits.

    `title` is None for files that are no feed: the pages of our own stories, the list of feeds and style sheets.
    """

    feed_id: str
    title: str | None
    files: Mapping[str, int | None] = {}
    newest: datetime | None = None  # when the newest of its articles was published or updated
    written_at: datetime | None = None
    publishing: PublishingStatus | None = None  # None: it never waited
    articles: int | None = None  # that it holds; None: not known
    drops: Mapping[str, int] = {}  # kind of step → number of articles that it did not pass on


class OrphanedSource(Struct, frozen=True):
    """A source that is no longer declared, or listed by its OPML list, whose articles are stored and in no feed."""

    source_id: str
    articles: int


class WorkerStatus(Struct, frozen=True):
    """A process that visits and issues beside others: what it works on, and when it last gave a sign of life."""

    name: str
    role: str  # daemon, worker, or command
    version: str  # of this program
    seen_at: datetime
    shards: tuple[str, ...] = ()  # numbers, or the ids of sources of our own files
    feeds: tuple[str, ...] = ()  # ids


class WaitingJobs(Struct, frozen=True):
    """The jobs of one kind that wait for a process: `pull` visits a shard, `issue` publishes a feed."""

    kind: str
    count: int
    since: datetime  # of the first


class InstallationStatus(Struct, frozen=True):
    """The status of everything at one time: sources and feeds sorted by id; `created` is the first start, if any.

    `sources` are those that are enabled, with the outlines of OPML lists; `articles` of all sources, by source id.
    `workers` and `waiting_jobs` are those of an installation on several machines.
    """

    created: datetime | None = None
    sources: tuple[SourceStatus, ...] = ()
    feeds: tuple[FeedStatus, ...] = ()
    orphans: tuple[OrphanedSource, ...] = ()
    articles: Mapping[str, int] = {}
    workers: tuple[WorkerStatus, ...] = ()
    waiting_jobs: tuple[WaitingJobs, ...] = ()
