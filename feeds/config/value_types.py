"""The types of the values of keys: the parser of each, and the JSON Schema of its spelling for editors."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Annotated, Literal, TypeVar

from pydantic import PlainValidator, WithJsonSchema

from ..codings import CODING_NAMES
from ..model import Interval
from ..steps import Age
from . import units, values
from .patterns import Regexp, compile_pattern, parse_pattern
from .problems import describe_value, did_you_mean, join_with_or

T = TypeVar("T")


def text_validator(parse: Callable[[str], object], expected: str) -> PlainValidator:
    """Return a validator that passes a text to `parse`, and says what was expected where there is no text."""

    def validate(value: object) -> object:
        if not isinstance(value, str):
            raise ValueError(f"{describe_value(value)} stands here, expected {expected}")
        return parse(value)

    return PlainValidator(validate)


def list_validator(parse: Callable[[str], T], expected: str) -> PlainValidator:
    """Return a validator for a list of such texts; one text alone is a list of one, none is an empty list."""

    def validate(value: object) -> tuple[T, ...]:
        texts = [] if value is None else value if isinstance(value, (list, tuple)) else [value]
        items: list[T] = []
        for text in texts:
            if not isinstance(text, str):
                raise ValueError(f"{describe_value(text)} stands here, expected {expected}")
            items.append(parse(text))
        return tuple(items)

    return PlainValidator(validate)


def choice_value(names: Collection[str], *, several: bool) -> object:
    """Return the type of a value that is one of some names, or (`several`) a list of them."""
    schema: dict[str, object] = {"enum": [*names]}

    def parse(text: str) -> str:
        if text not in names:
            raise ValueError(f"`{text}` stands here, expected {join_with_or(names)}{did_you_mean(text, names)}")
        return text

    expected = join_with_or(names)
    if several:
        forms = {"anyOf": [schema, {"type": "array", "items": schema}]}
        return Annotated[tuple[str, ...], list_validator(parse, expected), WithJsonSchema(forms)]
    return Annotated[str, text_validator(parse, expected), WithJsonSchema(schema)]


def _schema(kind: str, spelling: str | None = None, **more: object) -> WithJsonSchema:
    """Return the JSON Schema of a text with a spelling; a `${…}` may stand everywhere."""
    if kind == "string":
        return WithJsonSchema({"type": "string", **({"pattern": rf"{spelling}|\$\{{"} if spelling else {}), **more})
    return WithJsonSchema({"anyOf": [{"type": kind, **more}, {"type": "string", "pattern": r"\$\{"}]})


def _list_schema(spelling: str | None = None) -> WithJsonSchema:
    item: dict[str, object] = {"type": ["string", "number"]} if spelling is None else {"type": "string"}
    item |= {} if spelling is None else {"pattern": spelling}
    return WithJsonSchema({"anyOf": [item, {"type": "array", "items": item}]})


_TEXT_OR_NUMBER: dict[str, object] = {"type": ["string", "number"]}
_TEXT = WithJsonSchema(_TEXT_OR_NUMBER)
_PAIR = {"minItems": 2, "maxItems": 2}
_CODING: dict[str, object] = {"enum": [*CODING_NAMES]}
_EXPRESSION: dict[str, object] = {"type": "string", "format": "regex"}
_WEB = r"^https?://"
_STORE = r"^postgres(ql)?://"

TextValue = Annotated[str, text_validator(values.parse_text, "text"), _TEXT]
PublicValue = Annotated[str, text_validator(values.parse_public, "a folder or an address"), _TEXT]
BucketValue = Annotated[
    str,
    text_validator(values.parse_bucket, "an address such as s3://bucket/prefix"),
    _schema("string", f"^({'|'.join(values.BUCKET_SCHEMES)})://"),
]
SelectorValue = Annotated[str, text_validator(values.parse_selector, "a CSS selector or an XPath"), _TEXT, "selector"]
LineValue = Annotated[str, text_validator(values.parse_line, "text"), _TEXT]
SlugValue = Annotated[str, text_validator(values.parse_slug, "an id"), _schema("string")]
FeedSlugValue = Annotated[str, text_validator(values.parse_feed_slug, "an id"), _schema("string")]
SourceRefsValue = Annotated[
    tuple[str, ...], list_validator(values.parse_source_ref, "the id of a source"), _list_schema("")
]
SlugsValue = Annotated[tuple[str, ...], list_validator(values.parse_source_ref, "an id"), _list_schema("")]
LinesValue = Annotated[tuple[str, ...], list_validator(values.parse_line, "text"), _list_schema()]
TagsValue = Annotated[tuple[str, ...], list_validator(values.parse_line, "a tag"), _list_schema()]
AllowancesValue = Annotated[
    tuple[str, ...],
    PlainValidator(values.parse_allowances),
    WithJsonSchema(
        {"anyOf": [{"type": ["boolean", "string"]}, {"type": "array", "items": {"type": "string", "pattern": ""}}]}
    ),
]
NetworksValue = Annotated[
    tuple[str, ...], list_validator(values.parse_network, "a network such as 10.0.0.0/8"), _list_schema("")
]
LanguageValue = Annotated[str, text_validator(values.parse_language, "a language tag such as en"), _schema("string")]
ZoneValue = Annotated[
    str, text_validator(values.parse_timezone, "a time zone such as Europe/Berlin"), _schema("string")
]
SwitchValue = Annotated[bool, text_validator(values.parse_switch, "true or false"), _schema("boolean")]
WholeValue = Annotated[int, text_validator(values.parse_whole_number, "a whole number"), _schema("integer", minimum=1)]
WholeOrNoneValue = Annotated[
    int | None,
    text_validator(values.parse_whole_number_or_none, "a whole number or none"),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": r"^none$|\$\{"}]}),
]
WorkersValue = Annotated[
    int,
    text_validator(values.parse_worker_count, "a whole number"),
    _schema("integer", minimum=0, maximum=values.MAX_WORKERS),
]
NumberValue = Annotated[float, text_validator(values.parse_number, "a number"), _schema("number", minimum=0)]
UrlValue = Annotated[str, text_validator(values.parse_url, "a URL"), _schema("string", _WEB)]
HubValue = Annotated[
    str, text_validator(values.parse_hub, "own, none or a URL"), _schema("string", f"^own$|^none$|{_WEB}")
]
ProxyValue = Annotated[str, text_validator(values.parse_proxy, "a URL"), _schema("string", _WEB)]
StoreValue = Annotated[str, text_validator(values.parse_store, "the address of a database"), _schema("string", _STORE)]
BaseUrlValue = Annotated[str, text_validator(values.parse_base_url, "a URL"), _schema("string", _WEB)]
AddressValue = Annotated[str, text_validator(values.parse_address, "a URL or a path"), _schema("string")]
GapValue = Annotated[
    float, text_validator(units.parse_duration, "a length of time such as 1s"), _schema("string", units.DURATION)
]
DurationValue = Annotated[
    float, text_validator(units.parse_interval, "a length of time such as 15m"), _schema("string", units.DURATION)
]
RetentionValue = Annotated[
    float | None,
    text_validator(units.parse_retention, "a length of time such as 90d, or forever"),
    _schema("string", rf"^forever$|{units.DURATION}"),
]
BoundsValue = Annotated[
    Interval,
    PlainValidator(units.parse_bounds),
    WithJsonSchema({"type": "array", "items": {"type": "string"}, **_PAIR}),
]
CronValue = Annotated[str, text_validator(values.parse_cron, "a cron expression"), _schema("string")]
SizeValue = Annotated[int, text_validator(units.parse_byte_limit, "a size such as 15MB"), _schema("string", units.SIZE)]
EndpointValue = Annotated[
    tuple[str, int], text_validator(values.parse_endpoint, "HOST:PORT"), _schema("string", r":\d+$")
]
AdminTokenValue = Annotated[str, text_validator(values.parse_admin_token, "a text"), _schema("string")]
ExpressionValue = Annotated[
    Regexp, text_validator(compile_pattern, "a regular expression"), WithJsonSchema(_EXPRESSION)
]
PatternValue = Annotated[
    Regexp,
    PlainValidator(parse_pattern),
    WithJsonSchema({"anyOf": [_EXPRESSION, {"type": "array", "items": _TEXT_OR_NUMBER}]}),
]
HeaderNameValue = Annotated[str, text_validator(values.parse_header_name, "a header's name"), _schema("string")]
HeaderValue = Annotated[str, text_validator(values.parse_header_value, "a header's value"), _TEXT]
AgeValue = Annotated[Age, text_validator(units.parse_age, "a length of time such as 30d"), _schema("string", units.AGE)]
CommandValue = Annotated[
    tuple[str, ...],
    PlainValidator(values.parse_command),
    WithJsonSchema({"type": "array", "items": _TEXT_OR_NUMBER, "minItems": 1}),
]
VariableNameValue = Annotated[str, text_validator(values.parse_variable_name, "a name"), _schema("string")]
VariableValue = Annotated[str, text_validator(values.parse_variable, "a text"), _TEXT]
ReplacementValue = Annotated[str, text_validator(values.parse_replacement, "a text"), _TEXT]
ContactValue = Annotated[str, text_validator(values.parse_contact, "an e-mail or web address"), _schema("string")]
EmailValue = Annotated[str, text_validator(values.parse_email, "an e-mail address"), _schema("string", "@")]
PodcastCategoriesValue = Annotated[
    tuple[str, ...], list_validator(values.parse_podcast_category, "a category of Apple's list"), _list_schema("")
]
CodingsValue = Annotated[
    tuple[str, ...],
    list_validator(values.parse_coding, join_with_or(CODING_NAMES)),
    WithJsonSchema({"anyOf": [_CODING, {"type": "array", "items": _CODING}]}),
]
ReadAsValue = Annotated[
    Literal["story", "list", "feed"],
    text_validator(values.parse_read_as, "story, list or feed"),
    _schema("string", f"^({'|'.join(values.READ_AS)})$"),
]
EachValue = Annotated[
    Literal["source", "tag"],
    text_validator(values.parse_each, "source or tag"),
    _schema("string", f"^({'|'.join(values.EACH)})$"),
]
CredentialsValue = Annotated[
    tuple[str, str],
    PlainValidator(values.parse_credentials),
    WithJsonSchema({"type": "array", "items": _TEXT_OR_NUMBER, **_PAIR}),
]
