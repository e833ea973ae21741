"""The kinds of value a key can have: how each is read, and what an editor is told about its spelling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

from pydantic import PlainValidator, WithJsonSchema

from ..model import Interval
from . import units, values
from .patterns import Regexp, regexp
from .problems import kind_of

T = TypeVar("T")


def reading(parse: Callable[[str], object], expected: str) -> PlainValidator:
    """A validator that hands the text to `parse`, and says what was expected where there is no text."""

    def check(value: object) -> object:
        if not isinstance(value, str):
            raise ValueError(f"{kind_of(value)} stands here, expected {expected}")
        return parse(value)

    return PlainValidator(check)


def each(parse: Callable[[str], T], expected: str) -> PlainValidator:
    """A validator for a list of such texts; one text alone is a list of one, nothing is an empty list."""

    def check(value: object) -> tuple[T, ...]:
        items = [] if value is None else value if isinstance(value, (list, tuple)) else [value]
        found: list[T] = []
        for item in items:
            if not isinstance(item, str):
                raise ValueError(f"{kind_of(item)} stands here, expected {expected}")
            found.append(parse(item))
        return tuple(found)

    return PlainValidator(check)


def _schema(kind: str, spelling: str | None = None, **more: object) -> WithJsonSchema:
    """The JSON Schema of a text with a spelling; a `${…}` is welcome everywhere."""
    if kind == "string":
        return WithJsonSchema({"type": "string", **({"pattern": rf"{spelling}|\$\{{"} if spelling else {}), **more})
    return WithJsonSchema({"anyOf": [{"type": kind, **more}, {"type": "string", "pattern": r"\$\{"}]})


def _texts(spelling: str | None = None) -> WithJsonSchema:
    item: dict[str, object] = {"type": ["string", "number"]} if spelling is None else {"type": "string"}
    item |= {} if spelling is None else {"pattern": spelling}
    return WithJsonSchema({"anyOf": [item, {"type": "array", "items": item}]})


_PATTERN = {
    "anyOf": [{"type": "string", "format": "regex"}, {"type": "array", "items": {"type": ["string", "number"]}}]
}
_WEB = r"^https?://"

TextValue = Annotated[str, reading(values.text, "text"), WithJsonSchema({"type": ["string", "number"]})]
LineValue = Annotated[str, reading(values.one_line, "text"), WithJsonSchema({"type": ["string", "number"]})]
SlugValue = Annotated[str, reading(values.slug, "an id"), _schema("string")]
FeedSlugValue = Annotated[str, reading(values.feed_slug, "an id"), _schema("string")]
SourceRefsValue = Annotated[tuple[str, ...], each(values.source_ref, "the id of a source"), _texts("")]
SlugsValue = Annotated[tuple[str, ...], each(values.source_ref, "an id"), _texts("")]
TagsValue = Annotated[tuple[str, ...], each(values.one_line, "a tag"), _texts()]
AllowancesValue = Annotated[tuple[str, ...], each(units.allowance, "a network such as 10.0.0.0/8"), _texts("")]
NetworksValue = Annotated[tuple[str, ...], each(units.network, "a network such as 10.0.0.0/8"), _texts("")]
LanguageValue = Annotated[str, reading(values.language, "a language tag such as en"), _schema("string")]
ZoneValue = Annotated[str, reading(values.timezone, "a time zone such as Europe/Berlin"), _schema("string")]
SwitchValue = Annotated[bool, reading(values.switch, "true or false"), _schema("boolean")]
WholeValue = Annotated[int, reading(values.whole, "a whole number"), _schema("integer", minimum=1)]
HoursValue = Annotated[float, reading(values.hours, "a number of hours"), _schema("number", minimum=0)]
UrlValue = Annotated[str, reading(values.url, "a URL"), _schema("string", _WEB)]
BaseUrlValue = Annotated[str, reading(values.base_url, "a URL"), _schema("string", _WEB)]
AddressValue = Annotated[str, reading(values.address, "a URL or a path"), _schema("string")]
GapValue = Annotated[float, reading(values.gap, "a length of time such as 1s"), _schema("string", units.DURATION)]
DurationValue = Annotated[
    float, reading(values.interval, "a length of time such as 15m"), _schema("string", units.DURATION)
]
CronValue = Annotated[str, reading(values.cron, "a cron expression"), _schema("string")]
SizeValue = Annotated[int, reading(values.byte_count, "a size such as 15MB"), _schema("string", units.SIZE)]
EndpointValue = Annotated[tuple[str, int], reading(units.endpoint, "HOST:PORT"), _schema("string", r":\d+$")]
ExpressionValue = Annotated[Regexp, reading(regexp, "a regular expression"), WithJsonSchema(_PATTERN["anyOf"][0])]
PatternValue = Annotated[Regexp, PlainValidator(values.pattern), WithJsonSchema(_PATTERN)]
HeaderNameValue = Annotated[str, reading(values.header_name, "a header's name"), _schema("string")]
HeaderValue = Annotated[
    str, reading(values.header_value, "a header's value"), WithJsonSchema({"type": ["string", "number"]})
]
ContactValue = Annotated[str, reading(values.contact, "an e-mail or web address"), _schema("string")]
ReadAsValue = Annotated[
    Literal["story", "list", "feed"],
    reading(values.one_of("story", "list", "feed"), "story, list or feed"),
    _schema("string", "^(story|list|feed)$"),
]
BoundsValue = Annotated[
    Interval,
    PlainValidator(values.bounds),
    WithJsonSchema({"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2}),
]
PairValue = Annotated[
    tuple[str, str],
    PlainValidator(values.pair),
    WithJsonSchema({"type": "array", "items": {"type": ["string", "number"]}, "minItems": 2, "maxItems": 2}),
]
