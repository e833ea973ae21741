"""The keys of the YAML, each written once: its name, type and description; and the JSON Schema made of them.

A record of `feeds.model` takes the value of a key by its own field of that name; defaults are those of the records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Annotated, Any, get_args, get_origin

from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, Tag, TypeAdapter, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic.types import JsonValue
from pydantic_core.core_schema import CoreSchema, NullableSchema, WithDefaultSchema

from ..registry import SourceKind, address_kinds
from . import value_types as v
from .step_shapes import SourceSteps, Steps, StepShape, step_shape
from .values import SLUG, parse_url
from .yaml_mapping import FORM, LONG, SHORT, YamlMapping, key_of_kind, list_keys, optional_key

# ── site, server, hosts ─────────────────────────────────────────────────────────────────────────────────────────────


class SiteShape(YamlMapping):
    """The publisher and the address of the published files."""

    title: v.LineValue = Field(description="The name of the site.", examples=["The Example Wire"])
    url: v.BaseUrlValue = Field(
        description="The address at which readers find the published files; all our addresses begin with it.",
        examples=["https://wire.example.org/"],
    )
    description: v.LineValue | None = optional_key("One sentence about the site.", "What matters, as it happens")
    language: v.LanguageValue | None = optional_key("The language of the feeds and of their pages.", "en")
    timezone: v.ZoneValue = Field(
        default="UTC",
        description="The time zone of `cron`, and of dates in our own stories.",
        examples=["Europe/Berlin"],
    )
    contact: v.ContactValue | None = optional_key(
        "An e-mail or web address, by which operators of sources can reach you; it is sent in the User-Agent.",
        "editor@example.org",
    )
    hub: v.HubValue | None = optional_key(
        "The WebSub hub of the feeds: own (the built-in server), none, or a URL.", "https://hub.example.org/"
    )
    compress: v.CodingsValue | None = optional_key(
        "gzip, br, zstd, or several: a compressed file beside each document, for web servers that send it as it is.",
        "gzip",
    )


class ServerShape(YamlMapping):
    """The built-in server."""

    listen: v.EndpointValue | None = optional_key("HOST:PORT of the published files.", "0.0.0.0:8080")
    admin: v.EndpointValue | None = optional_key(
        "HOST:PORT of the operator's pages, health details and metrics; none when left out.", "127.0.0.1:8081"
    )
    admin_token: v.AdminTokenValue | None = optional_key(
        "What the operator must show there, of at least 16 characters; needed where other machines reach the address.",
        "${ADMIN_TOKEN}",
    )
    trusted_proxies: v.NetworksValue | None = optional_key(
        "Networks of proxies whose X-Forwarded-For names the client.", ["10.0.0.0/8"]
    )
    allow_private: v.AllowancesValue | None = optional_key(
        "Private networks that push services, hubs, callbacks and webhooks may be in; true: all.", ["10.0.0.0/8"]
    )


class HostsShape(YamlMapping):
    """Limits of the requests to each host name."""

    gap: v.GapValue | None = optional_key("The least time between two requests; 1s when left out.", "3s")
    at_once: v.WholeValue | None = optional_key("The most requests at the same time; 2 when left out.", 1)


# ── sources ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class AutoShape(YamlMapping):
    """An interval that follows the source, between two bounds."""

    auto: v.BoundsValue = Field(description="The shortest and the longest interval.", examples=[["15m", "24h"]])


class AuthShape(YamlMapping):
    """The credentials that are sent to a source."""

    basic: v.CredentialsValue | None = optional_key("User and password.", ["me", "${PASSWORD}"])
    bearer: v.HeaderValue | None = optional_key("A token.", "${TOKEN}")


Every = Annotated[Annotated[v.DurationValue, Tag(SHORT)] | Annotated[AutoShape, Tag(LONG)], FORM]


class SettingsShape(YamlMapping):
    """The settings of any source, and of all sources in `defaults:`."""

    every: Every | None = optional_key(
        "The interval between two visits, or bounds between which it follows the source; an hour, or for local files a"
        " minute, when left out. For other people's servers at least 5m.",
        "15m",
    )
    cron: v.CronValue | None = optional_key(
        "The times of the visits in the place of `every`: minute, hour, day, month and weekday, as cron(8) has them.",
        "*/10 7-20 * * mon-fri",
    )
    tags: v.TagsValue | None = optional_key("Tags that are added to every article.", ["world"])
    full_text: v.SwitchValue | None = optional_key("Whether each story is read from its own page.", True)
    read_as: v.ReadAsValue | None = Field(
        default=None,
        alias="as",
        description="What is at the address, where that is not recognised: a story, list or feed.",
        examples=["list"],
    )
    stories: v.SelectorValue | None = optional_key(
        "CSS or XPath of the links to the stories of a page; without it they are found.", "article h2 a"
    )
    title: v.SelectorValue | None = optional_key("CSS or XPath of a story page's title.", "h1.headline")
    content: v.SelectorValue | None = optional_key("CSS or XPath of a story page's text.", "div.story-body")
    date: v.SelectorValue | None = optional_key("CSS or XPath of a story page's date.", "time.published")
    author: v.SelectorValue | None = optional_key("CSS or XPath of a story page's author.", "//p[@class='by']/a")
    image: v.SelectorValue | None = optional_key("CSS or XPath of a story page's image.", "figure.lead img")
    remove: v.SelectorValue | None = optional_key(
        "CSS or XPath of what is cut out of a story page.", "aside, .newsletter"
    )
    include: v.ExpressionValue | None = optional_key(
        "A regular expression: only stories are taken whose address, or name of the file, matches.", "/2026/"
    )
    exclude: v.ExpressionValue | None = optional_key(
        "A regular expression: no stories are taken whose address, or name of the file, matches.", "/(sport|video)/"
    )
    headers: dict[v.HeaderNameValue, v.HeaderValue] | None = optional_key(
        "Headers that are sent with every request.", {"X-Api-Key": "${file:wire.key}"}
    )
    auth: AuthShape | None = optional_key(
        "The credentials that are sent to the source, and to no other host.", {"basic": ["me", "${PASSWORD}"]}
    )
    private: v.SwitchValue | None = optional_key(
        "Whether its addresses appear nowhere, and its stories only in feeds that name it or one of its tags.", True
    )
    proxy: v.ProxyValue | None = optional_key(
        "The http or https proxy of its requests, with its login where it wants one.",
        "http://me:${PASSWORD}@proxy.example:3128",
    )
    timeout: v.DurationValue | None = optional_key("The most time for a whole visit; 30s when left out.", "1m")
    max_bytes: v.SizeValue | None = optional_key("The largest response; 15MB when left out.", "30MB")
    max_items: v.WholeValue | None = optional_key("The most stories of one visit; 1000 when left out.", 200)
    allow_private: v.AllowancesValue | None = optional_key(
        "Private networks that it may be in; true: all. Without it, only public addresses are visited.", ["10.0.0.0/8"]
    )
    language: v.LanguageValue | None = optional_key("The language of articles that name none.", "de")
    timezone: v.ZoneValue | None = optional_key("The time zone of dates that name none.", "Europe/Berlin")
    steps: SourceSteps | None = optional_key(
        "Steps for its articles alone, in order; see steps below.", [{"drop": {"title": "(?i)sponsored"}}]
    )
    enabled: v.SwitchValue | None = optional_key("Whether it is visited; true when left out.", False)


# The keys that select parts of a page.
SELECTORS = tuple(
    name for name, field in SettingsShape.model_fields.items() if field.annotation == v.SelectorValue | None
)


class SourceShape(SettingsShape):
    """Where stories come from: the address under the key of its kind, and any settings."""

    was: v.SlugsValue | None = optional_key(
        "Earlier ids: its articles stay what they are, and none is published twice.", ["old-wire"]
    )
    env: dict[v.VariableNameValue, v.VariableValue] | None = optional_key(
        "Environment variables of a `command`, beside PATH, HOME and LANG.", {"API_KEY": "${file:wire.key}"}
    )
    base: v.UrlValue | None = optional_key(
        "The URL that relative addresses in the output of a `command` begin at.", "https://tides.example.org/"
    )

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema with a key for each kind of source, which are known once the plugins are loaded."""
        return handler.generate_schema(source_shape()) if cls is SourceShape else handler(source)


# What no kind of source can be called.
SOURCE_SETTINGS = frozenset({*list_keys(SourceShape), *dir(SourceShape)})
_ADDRESS_VALUES = {"url": v.UrlValue, "address": v.AddressValue, "text": v.TextValue, "command": v.CommandValue}


@cache
def source_shape() -> type[SourceShape]:
    """Return the shape of a source with a key for each kind."""
    kinds = address_kinds()
    keys: dict[str, Any] = {
        kind.name: (_address_value(kind) | None, key_of_kind(kind.description, kind.example)) for kind in kinds.values()
    }
    *names, last = kinds
    description = f"Where stories come from: exactly one of {', '.join(names)} and {last}, and any settings."
    return create_model("SourceShape", __base__=SourceShape, __doc__=description, **keys)


def _address_value(kind: SourceKind) -> Any:
    value = _ADDRESS_VALUES[kind.value]
    return Annotated[value, AfterValidator(partial(_check_located, kind.locate))] if kind.locate else value


def _check_located(locate: Callable[[str], str], text: str) -> str:
    """Return the text; raise ValueError where it is not the address of a source."""
    parse_url(locate(text))
    return text


SourceEntry = Annotated[Annotated[v.UrlValue, Tag(SHORT)] | Annotated[SourceShape, Tag(LONG)], FORM]
SourceEntries = dict[v.SlugValue, SourceEntry]


@cache
def sources_adapter() -> TypeAdapter[dict[str, str | SourceShape]]:
    """Return what validates entries of `sources:` alone."""
    return TypeAdapter(SourceEntries)


# ── feeds, and the whole ────────────────────────────────────────────────────────────────────────────────────────────


class PodcastShape(YamlMapping):
    """What directories of podcasts ask of a feed."""

    category: v.PodcastCategoriesValue | None = optional_key("Categories of Apple's list.", ["Arts > Books"])
    explicit: v.SwitchValue | None = optional_key("Whether it is for adults only.", True)
    owner: v.EmailValue | None = optional_key("The e-mail address of its owner, for the directories.", "me@example.org")


class FeedShape(YamlMapping):
    """One published feed."""

    title: v.LineValue | None = optional_key(
        "The title that readers see; the id when left out. With `each`, {source} or {tag} stands for the member's.",
        "World news",
    )
    description: v.LineValue | None = optional_key("One sentence about it.", "From all our correspondents")
    sources: v.SourceRefsValue | None = optional_key(
        "Ids of sources, or LIST/NAME for one outline of an OPML list; all sources when left out.", ["wire", "metro"]
    )
    tags: v.TagsValue | None = optional_key(
        "Tags of which an article has any; with `sources`, both must hold.", ["world"]
    )
    steps: Steps | None = optional_key("Steps for its articles, in order; see steps below.", ["dedupe", {"limit": 20}])
    author: v.LineValue | None = optional_key("Who publishes it.", "The Example Wire")
    link: v.UrlValue | None = optional_key(
        "The web page it belongs to; its own page when left out.", "https://wire.example.org/world"
    )
    image: v.UrlValue | None = optional_key("A picture for it.", "https://wire.example.org/logo.png")
    icon: v.UrlValue | None = optional_key("A small square picture.", "https://wire.example.org/icon.png")
    language: v.LanguageValue | None = optional_key("Its language, where it is not the site's.", "de")
    was: v.SlugsValue | None = optional_key("Earlier ids, whose addresses lead to this feed.", ["international"])
    podcast: PodcastShape | None = optional_key(
        "What directories ask of a podcast; without it, what its source says.", {"category": "Arts > Books"}
    )
    each: v.EachValue | None = optional_key(
        "source or tag: not one feed, but one for each of them, as ID/MEMBER.", "source"
    )


FeedEntry = Annotated[FeedShape, BeforeValidator(lambda value: {} if value is None else value)]


class BucketShape(YamlMapping):
    """A place in an object store, and how it is reached; what is left out comes from the environment."""

    url: v.BucketValue = Field(
        description="Its address: s3://BUCKET/PREFIX; or az://CONTAINER/PREFIX, whose account and key come from"
        " AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY.",
        examples=["s3://wire/feeds"],
    )
    endpoint: v.UrlValue | None = optional_key("The server, where it is not Amazon's.", "https://minio.example.org")
    region: v.LineValue | None = optional_key("The region of the bucket.", "eu-central-1")
    access_key: v.HeaderValue | None = optional_key("The name of the key.", "${ACCESS_KEY}")
    secret_key: v.HeaderValue | None = optional_key("The key.", "${SECRET_KEY}")


PublicPlace = Annotated[Annotated[v.PublicValue, Tag(SHORT)] | Annotated[BucketShape, Tag(LONG)], FORM]


class WebhookShape(YamlMapping):
    """A service that is told what was published."""

    url: v.UrlValue = Field(description="Where it is told.", examples=["https://api.example.com/purge"])
    secret: v.HeaderValue | None = optional_key("The key that the requests are signed with.", "${WEBHOOK_SECRET}")
    headers: dict[v.HeaderNameValue, v.HeaderValue] | None = optional_key(
        "Headers that are sent with every request.", {"Authorization": "Bearer ${TOKEN}"}
    )


WebhookPlace = Annotated[Annotated[v.UrlValue, Tag(SHORT)] | Annotated[WebhookShape, Tag(LONG)], FORM]

_IDS: dict[str, JsonValue] = {"propertyNames": {"pattern": SLUG}}


class FileShape(YamlMapping):
    """A configuration of feeds."""

    site: SiteShape = Field(examples=[{"title": "The Example Wire", "url": "https://wire.example.org/"}])
    data: v.TextValue = Field(
        default="../data",
        description="The folder of the store, keys and locks; relative to this file.",
        examples=["/var/lib/feeds"],
    )
    store: v.StoreValue | None = optional_key(
        "The address of a PostgreSQL database for the store, where several machines share it; without it, a file in"
        " `data`.",
        "postgresql://feeds:${PASSWORD}@db.example.org/feeds",
    )
    public: PublicPlace = Field(
        default="../public",
        description="The folder of the published files, which any web server can serve; relative to this file. Or a"
        " place in an object store, such as s3://wire/feeds.",
        examples=["/srv/www/feeds"],
    )
    theme: v.TextValue | None = optional_key(
        "A folder whose templates, style sheets and pictures stand in the place of ours; relative to this file.",
        "theme",
    )
    server: ServerShape = Field(
        default=ServerShape(), description="The built-in server.", examples=[{"listen": "0.0.0.0:8080"}]
    )
    on_publish: WebhookPlace | None = optional_key(
        "A webhook: the address to which the paths of the files that changed are posted, for CDNs and static hosts.",
        "https://api.example.com/purge",
    )
    retain: v.RetentionValue | None = optional_key(
        "How long articles stay in the store and in archives; `forever`, the default, or at least a day.", "90d"
    )
    workers: v.WorkersValue | None = optional_key(
        "The most processes that read new documents beside the program's own, once many wait; 0: none. Without the key,"
        " one for each other core.",
        2,
    )
    allow_commands: v.SwitchValue | None = optional_key(
        "Whether sources may run programs (`command`), with the rights of this one.", True
    )
    hosts: HostsShape = Field(
        default=HostsShape(), description="Limits of the requests to each host name.", examples=[{"gap": "3s"}]
    )
    defaults: SettingsShape = Field(
        default_factory=SettingsShape,
        description="Settings of a source, for all sources that do not have them themselves.",
        examples=[{"every": "30m", "timeout": "20s"}],
    )
    sources: SourceEntries = Field(
        default={},
        description="Id → where stories come from.",
        json_schema_extra=_IDS,
        examples=[{"bbc": "https://feeds.bbci.co.uk/news/rss.xml", "desk": {"files": "stories/*.md"}}],
    )
    feeds: dict[v.FeedSlugValue, FeedEntry] = Field(
        default={},
        description="Id → what is published.",
        json_schema_extra=_IDS,
        examples=[{"all": {"title": "Everything", "steps": ["dedupe"]}}],
    )


# ── keys of shapes ──────────────────────────────────────────────────────────────────────────────────────────────────


def find_shape(path: tuple[str | int, ...]) -> type[YamlMapping]:
    """Return the shape of the mapping that stands at a path of the file, or of the nearest one around it."""
    shape: type[YamlMapping] = FileShape
    is_id = False
    for step in path:
        if is_id or isinstance(step, int):
            is_id = False
            continue
        annotation = next((f.annotation for name, f in shape.model_fields.items() if step in (f.alias, name)), None)
        shape = next(_find_shapes(annotation), shape)
        is_id = get_origin(annotation) is dict
    return shape


def _find_shapes(annotation: object) -> Iterator[type[YamlMapping]]:
    """Yield the shapes that occur in a type, with the keys of all kinds."""
    if isinstance(annotation, type) and issubclass(annotation, YamlMapping):
        complete = {StepShape: step_shape, SourceShape: source_shape}.get(annotation)
        yield complete() if complete else annotation
    for argument in get_args(annotation):
        yield from _find_shapes(argument)


# ── The JSON Schema of the YAML, for editors: completion, and mistakes underlined while they are made ─────────────────


DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, object]:
    """Return the JSON Schema, as `feeds schema` prints it and as it lies beside the sample."""
    body = FileShape.model_json_schema(by_alias=True, schema_generator=_EditorSchema)
    return {"$schema": DIALECT, **body, "title": "feeds.yaml"}


class _EditorSchema(GenerateJsonSchema):
    """The JSON Schema without defaults, which are seconds and bytes here, and without `null` beside every value."""

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def nullable_schema(self, schema: NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: object) -> bool:
        """Leave titles out: they would only repeat the keys."""
        return False
