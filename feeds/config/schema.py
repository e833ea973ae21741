"""The JSON Schema of the YAML, for editors: completion, and mistakes underlined while they are made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, WithJsonSchema, model_validator
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic.types import JsonValue
from pydantic_core.core_schema import NullableSchema, WithDefaultSchema

from . import value_types as f
from .problems import listed, meant
from .values import SLUG

KINDS = ("feed", "page", "sitemap", "files", "opml")
SELECTORS = ("stories", "title", "content", "date", "author", "image", "remove")
STEPS = ("keep", "drop", "limit")

SHORT = "(short)"


class YamlMapping(BaseModel):
    """A mapping whose keys are all known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _given(cls, data: object) -> object:
        """A known key with nothing behind it is not given."""
        if not isinstance(data, dict) or None not in data.values():
            return data
        return {key: value for key, value in data.items() if value is not None or key not in keys(cls)}


def keys(shape: type[YamlMapping]) -> list[str]:
    """The keys of a shape as they are written."""
    return [field.alias or name for name, field in shape.model_fields.items()]


def _form(long: str) -> Discriminator:
    """Where a value may be short (one text) or long (a mapping): which it is. The tag names the shape in errors."""

    def choose(value: object) -> str:
        return long if isinstance(value, (Mapping, YamlMapping)) else SHORT

    return Discriminator(choose)


# ── site, server, hosts ─────────────────────────────────────────────────────────────────────────────────────────────


class SiteShape(YamlMapping):
    """Who publishes."""

    title: f.LineValue = Field(description="What the whole is called.")
    url: f.BaseUrlValue = Field(description="Where readers reach the files; every address of ours begins with it.")
    description: f.LineValue | None = Field(default=None, description="One sentence about it.")
    language: f.LanguageValue | None = Field(default=None, description="The language of the feeds, such as en.")
    timezone: f.ZoneValue = Field(
        default="UTC", description="Where cron expressions are at home, such as Europe/Berlin."
    )
    contact: f.ContactValue | None = Field(
        default=None, description="An e-mail or web address; goes into the User-Agent."
    )


class ServerShape(YamlMapping):
    """Where the built-in server listens."""

    listen: f.EndpointValue = Field(default=("127.0.0.1", 8080), description="HOST:PORT of the published files.")
    admin: f.EndpointValue = Field(default=("127.0.0.1", 8081), description="HOST:PORT of health details and metrics.")
    trusted_proxies: f.NetworksValue = Field(default=(), description="Networks whose X-Forwarded-For is believed.")


class HostsShape(YamlMapping):
    """Manners towards any one host name."""

    gap: f.GapValue = Field(default=1.0, description="Time between two requests, such as 1s.")
    at_once: f.WholeValue = Field(default=2, description="Requests at the same time.")


# ── steps ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class ConditionsShape(YamlMapping):
    """Tests on the fields of an article; all must hold."""

    title: f.PatternValue | None = None
    summary: f.PatternValue | None = None
    text: f.PatternValue | None = None
    url: f.PatternValue | None = None
    author: f.PatternValue | None = None
    tag: f.PatternValue | None = None
    language: f.PatternValue | None = None
    source: f.PatternValue | None = None
    any: f.PatternValue | None = Field(default=None, description="Title, summary and text.")

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.model_fields_set:
            raise ValueError('no condition stands here, expected such as {title: "(?i)sponsored"}')
        return self


class LimitShape(YamlMapping):
    """How many articles a feed keeps."""

    count: f.WholeValue = Field(default=50, description="At least so many of the newest.")
    hours: f.HoursValue = Field(default=48.0, description="And all first seen in the last so many hours of the data.")


Conditions = Annotated[
    Annotated[f.PatternValue, Tag(SHORT)] | Annotated[ConditionsShape, Tag("(conditions)")], _form("(conditions)")
]
LimitValue = Annotated[Annotated[f.WholeValue, Tag(SHORT)] | Annotated[LimitShape, Tag("(limit)")], _form("(limit)")]


class StepShape(YamlMapping):
    """One step: exactly one of these keys."""

    keep: Conditions | None = Field(default=None, description="Keep an article when all conditions hold.")
    drop: Conditions | None = Field(default=None, description="Drop an article when all conditions hold.")
    limit: LimitValue | None = Field(default=None, description="Keep the newest; 50 when nothing is said.")

    @model_validator(mode="before")
    @classmethod
    def _given(cls, data: object) -> object:
        """A step with nothing behind it is that step as it comes."""
        return {key: {} if value is None else value for key, value in data.items()} if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("a step is one key, expected each step as an item of its own: `- drop: …`")
        return self


def _bare(name: str) -> StepShape:
    if name == "limit":
        return StepShape(limit=LimitShape())
    if name in STEPS:
        raise ValueError(f"the step `{name}` has no condition, expected such as {name}: {{title: breaking}}")
    raise ValueError(f"there is no step `{name}`, expected {listed(STEPS)}{meant(name, STEPS)}")


BareStep = Annotated[StepShape, f.reading(_bare, "a step"), WithJsonSchema({"const": "limit"})]
Steps = tuple[Annotated[Annotated[BareStep, Tag(SHORT)] | Annotated[StepShape, Tag("(step)")], _form("(step)")], ...]

# ── sources ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class AutoShape(YamlMapping):
    """An interval that follows the source, between two bounds."""

    auto: f.BoundsValue = Field(description="The shortest and the longest interval, such as [15m, 24h].")


class AuthShape(YamlMapping):
    """Who we are to a source."""

    basic: f.PairValue | None = Field(default=None, description='User and password, such as [me, "${PASSWORD}"].')
    bearer: f.HeaderValue | None = Field(default=None, description='A token, such as "${TOKEN}".')


Every = Annotated[Annotated[f.DurationValue, Tag(SHORT)] | Annotated[AutoShape, Tag("(auto)")], _form("(auto)")]


class SettingsShape(YamlMapping):
    """What can be said of any source, and of all in `defaults:`."""

    every: Every = Field(default=3600.0, description="How often to look, such as 15m, 1h or {auto: [15m, 24h]}.")
    cron: f.CronValue | None = Field(default=None, description="When to look instead, such as */10 7-20 * * mon-fri.")
    tags: f.TagsValue = Field(default=(), description="Added to every article.")
    full_text: f.SwitchValue = Field(default=False, description="Follow each story to its page.")
    read_as: f.ReadAsValue | None = Field(default=None, alias="as", description="What is there: story, list or feed.")
    stories: f.TextValue | None = Field(default=None, description="CSS or XPath of the links to the stories of a page.")
    title: f.TextValue | None = Field(default=None, description="CSS or XPath of a story page's title.")
    content: f.TextValue | None = Field(default=None, description="CSS or XPath of a story page's text.")
    date: f.TextValue | None = Field(default=None, description="CSS or XPath of a story page's date.")
    author: f.TextValue | None = Field(default=None, description="CSS or XPath of a story page's author.")
    image: f.TextValue | None = Field(default=None, description="CSS or XPath of a story page's image.")
    remove: f.TextValue | None = Field(default=None, description="CSS or XPath of what is cut out of a story page.")
    include: f.ExpressionValue | None = Field(
        default=None, description="Only stories whose address or file this finds."
    )
    exclude: f.ExpressionValue | None = Field(default=None, description="No stories whose address or file this finds.")
    headers: dict[f.HeaderNameValue, f.HeaderValue] = Field(default={}, description="Sent with every request.")
    auth: AuthShape | None = Field(default=None, description="Who we are to the source.")
    private: f.SwitchValue = Field(default=False, description="Its addresses never appear in output, logs or metrics.")
    proxy: f.UrlValue | None = Field(default=None, description="The HTTP proxy to go through.")
    timeout: f.DurationValue = Field(default=30.0, description="For a whole visit, such as 30s.")
    max_bytes: f.SizeValue = Field(default=15_000_000, description="The largest answer, such as 15MB.")
    max_items: f.WholeValue = Field(default=1000, description="The most stories of one visit.")
    allow_private: f.AllowancesValue = Field(
        default=(), description="Private networks it may live in, such as 10.0.0.0/8."
    )
    language: f.LanguageValue | None = Field(default=None, description="The language of articles that name none.")
    timezone: f.ZoneValue = Field(default="UTC", description="Of its dates without a zone.")
    steps: Steps = Field(default=(), description="In order, on its articles alone.")
    enabled: f.SwitchValue = Field(default=True, description="Whether it is visited.")


class SourceShape(SettingsShape):
    """Where stories come from: exactly one of feed, page, sitemap, files and opml, and any settings."""

    feed: f.AddressValue | None = Field(
        default=None, description="URL or path of an RSS, Atom, JSON Feed or CDF document."
    )
    page: f.UrlValue | None = Field(default=None, description="URL of a web page that lists stories.")
    sitemap: f.UrlValue | None = Field(default=None, description="URL of a sitemap.")
    files: f.TextValue | None = Field(default=None, description="Our own stories, such as stories/*.md.")
    opml: f.AddressValue | None = Field(
        default=None, description="URL or path of an OPML list; each outline is a source."
    )
    was: f.SlugsValue = Field(default=(), description="Earlier ids.")


SourceEntry = Annotated[Annotated[f.UrlValue, Tag(SHORT)] | Annotated[SourceShape, Tag("(source)")], _form("(source)")]

# ── feeds, and the whole ────────────────────────────────────────────────────────────────────────────────────────────


class FeedShape(YamlMapping):
    """What is published."""

    title: f.LineValue | None = Field(default=None, description="What readers see; the id when left out.")
    description: f.LineValue | None = Field(default=None, description="One sentence about it.")
    sources: f.SourceRefsValue = Field(default=(), description="Ids of sources; all when left out.")
    tags: f.TagsValue = Field(default=(), description="Any of these; with sources, both must hold.")
    steps: Steps = Field(default=(), description="In order: keep, drop, limit.")
    author: f.LineValue | None = Field(default=None, description="Who publishes it.")
    link: f.UrlValue | None = Field(default=None, description="The page it belongs to.")
    image: f.UrlValue | None = Field(default=None, description="A picture for it.")
    icon: f.UrlValue | None = Field(default=None, description="A small square picture.")
    language: f.LanguageValue | None = Field(default=None, description="Its language, where it is not the site's.")
    was: f.SlugsValue = Field(default=(), description="Earlier ids.")


FeedEntry = Annotated[FeedShape, BeforeValidator(lambda value: {} if value is None else value)]

_IDS: dict[str, JsonValue] = {"propertyNames": {"pattern": SLUG}}


class FileShape(YamlMapping):
    """A configuration of feeds."""

    site: SiteShape
    data: f.TextValue = Field(default="../data", description="The store, keys and locks; relative to this file.")
    public: f.TextValue = Field(default="../public", description="The published files; relative to this file.")
    server: ServerShape = Field(default=ServerShape(), description="Where the built-in server listens.")
    hosts: HostsShape = Field(default=HostsShape(), description="Manners towards any one host name.")
    defaults: SettingsShape = Field(default=SettingsShape(), description="Of every source that says nothing else.")
    sources: dict[f.SlugValue, SourceEntry] = Field(
        default={}, description="Id → where stories come from.", json_schema_extra=_IDS
    )
    feeds: dict[f.FeedSlugValue, FeedEntry] = Field(
        default={}, description="Id → what is published.", json_schema_extra=_IDS
    )


# The shape that a part of an error's location stands for.
SHAPES: Mapping[str, type[YamlMapping]] = {
    "": FileShape,
    "site": SiteShape,
    "server": ServerShape,
    "hosts": HostsShape,
    "defaults": SettingsShape,
    "auth": AuthShape,
    "feeds": FeedShape,
    "(source)": SourceShape,
    "(auto)": AutoShape,
    "(step)": StepShape,
    "(conditions)": ConditionsShape,
    "(limit)": LimitShape,
}


# ── The JSON Schema of the YAML, for editors: completion, and mistakes underlined while they are made ─────────────────


DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, object]:
    """The schema, as `feeds schema` prints it and as it lies beside the sample."""
    body = FileShape.model_json_schema(by_alias=True, schema_generator=_ForEditors)
    return {"$schema": DIALECT, **body, "title": "feeds.yaml"}


class _ForEditors(GenerateJsonSchema):
    """Without defaults (ours are seconds and bytes, nothing one would write) and without `null` beside every value."""

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def nullable_schema(self, schema: NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: object) -> bool:
        """No titles: they would only repeat the keys."""
        return False
