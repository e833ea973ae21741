"""Records ↔ text: the body of an article, the story a page visit carries, and the small facts kept as JSON.

What has a column of its own is not in the text. A member is left out when it has the record's default; one that
a record grows later is read from old text as its default. `VERSION` counts the changes that this cannot carry.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import TypeVar, cast

from ..errors import StoreError
from ..model import (
    Article,
    Attachment,
    Author,
    Beside,
    Category,
    Comments,
    Failure,
    Hints,
    Link,
    Media,
    Move,
    Origin,
    Outline,
    Page,
    Person,
    Story,
    Text,
)

VERSION = 1

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Plain = dict[str, object]
T = TypeVar("T")


def ticks(moment: datetime) -> int:
    """The moment as whole microseconds since 1970."""
    span = moment - EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def optional_ticks(moment: datetime | None) -> int | None:
    """The moment as whole microseconds since 1970, or nothing."""
    return None if moment is None else ticks(moment)


def moment(value: int) -> datetime:
    """The moment that `ticks` wrote."""
    return EPOCH + timedelta(microseconds=value)


def optional_moment(value: int | None) -> datetime | None:
    """The moment that `ticks` wrote, or nothing."""
    return None if value is None else moment(value)


def dump(value: object) -> str:
    """JSON that SQLite can hold: what UTF-8 cannot say (lone surrogates) is escaped."""
    text = _compact(value)
    return text if text.isascii() or storable(text) else _ascii(value)


def load(text: str) -> object:
    """The value that `dump` wrote."""
    return _decode(text)


def strings(text: str | None) -> tuple[str, ...]:
    """The strings of a JSON array; none for no text."""
    return tuple(cast(list[str], _decode(text))) if text else ()


def storable(text: str) -> bool:
    """Whether the text can be said in UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def name(text: str) -> str:
    """An identity as SQLite can compare it: without NUL (its JSON functions stop there) and lone surrogates."""
    if text.isascii() and "\0" not in text:
        return text
    return prose(text.replace("\0", "\ufffd"))


def prose(text: str) -> str:
    """The text as SQLite can hold it: without lone surrogates."""
    return text if text.isascii() or storable(text) else text.encode("utf-8", "replace").decode()


# ── records ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Shape:
    """How one type of record is written: its fields with their defaults, and how those that are not plain are read."""

    make: Callable[..., object]
    values: Callable[[object], tuple[object, ...]]
    defaults: tuple[tuple[str, object], ...]
    readers: Mapping[str, Callable[[object], object]]

    def pack(self, record: object) -> Plain:
        """The fields of a record, without those that have their default."""
        pairs = zip(self.defaults, self.values(record), strict=True)
        return {key: value for (key, default), value in pairs if value is not default and value != default}

    def unpack(self, plain: object) -> object:
        """The record that was written from these values."""
        values = cast(Plain, plain)
        for key, read in self.readers.items():
            if key in values:
                values[key] = read(values[key])
        return self.make(**values)


def _shape(kind: type, **readers: Callable[[object], object]) -> _Shape:
    defaults = tuple((spec.name, _default(spec)) for spec in fields(kind))
    return _Shape(kind, attrgetter(*(name for name, _ in defaults)), defaults, readers)


def _default(spec: Field[object]) -> object:
    """The value that is left out; a field without a default is always written."""
    return spec.default_factory() if spec.default_factory is not MISSING else spec.default


def _many(shape: _Shape) -> Callable[[object], object]:
    return lambda plain: tuple(shape.unpack(value) for value in cast(list[object], plain))


def _tuple(plain: object) -> object:
    return tuple(cast(list[object], plain))


def _read_moment(plain: object) -> object:
    return datetime.fromisoformat(cast(str, plain)) if plain is not None else None


_TEXT, _LINK, _ORIGIN, _COMMENTS = _shape(Text), _shape(Link), _shape(Origin), _shape(Comments)
_CATEGORY, _MEDIA, _PERSON = _shape(Category), _shape(Media), _shape(Person)
_AUTHOR, _ATTACHMENT = _shape(Author), _shape(Attachment)
_FAILURE = _shape(Failure)
_MOVE = _shape(Move, since=_read_moment)
_BESIDE = _shape(Beside)
_PAGE = _shape(Page, beside=_many(_BESIDE))
_OUTLINE = _shape(Outline, tags=_tuple)
_HINTS = _shape(Hints, skip_hours=_tuple, skip_days=_tuple)
_STORY = _shape(
    Story,
    links=_many(_LINK),
    title=_TEXT.unpack,
    summary=_TEXT.unpack,
    content=_many(_TEXT),
    people=_many(_PERSON),
    categories=_many(_CATEGORY),
    media=_many(_MEDIA),
    image=_LINK.unpack,
    rights=_TEXT.unpack,
    origin=_ORIGIN.unpack,
    comments=_COMMENTS.unpack,
)
_ARTICLE = _shape(
    Article,
    published=_read_moment,
    modified=_read_moment,
    authors=_many(_AUTHOR),
    tags=_tuple,
    categories=_many(_CATEGORY),
    attachments=_many(_ATTACHMENT),
    media=_many(_MEDIA),
    comments=_COMMENTS.unpack,
    origin=_ORIGIN.unpack,
    page=_PAGE.unpack,
)

_SHAPES = {
    cast(type, shape.make): shape
    for shape in (_TEXT, _LINK, _ORIGIN, _COMMENTS, _CATEGORY, _MEDIA, _PERSON, _AUTHOR, _ATTACHMENT, _BESIDE, _PAGE)
}


def _plain(value: object) -> object:
    """What JSON has no word for: a moment, a record inside a record, a mapping that is not a dict."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    return _SHAPES[type(value)].pack(value)


_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode
_ascii = json.JSONEncoder(separators=(",", ":"), default=_plain).encode
_decode = json.JSONDecoder().decode

# ── the body of an article ──────────────────────────────────────────────────────────────────────────────────────────

# Fields with a column of their own, and the two numbers that only the store gives.
_KEYS = ("source_id", "upstream_id", "published_id", "story_key", "story_digest", "key", "changed")
COLUMNS = frozenset((*_KEYS, "url", "html", "updated", "first_seen"))
_IN_BODY = tuple(spec.name for spec in fields(Article) if spec.name not in COLUMNS)
_values = attrgetter(*_IN_BODY)
_REQUIRED: Plain = {"published": None, "modified": None}


def article_body(article: Article) -> str:
    """All of an article that has no column of its own."""
    pairs = zip(_IN_BODY, _values(article), strict=True)
    return dump({"v": VERSION} | {name: value for name, value in pairs if value or value == ""})


def article_of(body: str, **columns: object) -> Article:
    """The article that `article_body` wrote, with what stood in columns."""
    try:
        plain = cast(Plain, load(body))
        version = plain.pop("v")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"the body of an article cannot be read: {error}") from error
    if version != VERSION:
        raise StoreError(f"an article is written in version {version}, this program reads version {VERSION}")
    return cast(Article, _ARTICLE.unpack(_REQUIRED | plain | columns))


def _text_of(shape: _Shape, record: object, default: object = None) -> str | None:
    return None if record is None or record == default else dump(shape.pack(record))


def _record_of(shape: _Shape, kind: type[T], text: str | None) -> T | None:
    return cast(T, shape.unpack(load(text))) if text else None


def page_of(text: str) -> Page:
    """The page that stands in an article's body."""
    return cast(Page, _PAGE.unpack(load(text)))


def story_text(story: Story | None) -> str | None:
    """A carried story as JSON."""
    return _text_of(_STORY, story)


def story_of(text: str | None) -> Story | None:
    """The story that `story_text` wrote."""
    return _record_of(_STORY, Story, text)


def failure_text(failure: Failure | None) -> str | None:
    """A failure as JSON."""
    return _text_of(_FAILURE, failure)


def failure_of(text: str | None) -> Failure | None:
    """The failure that `failure_text` wrote."""
    return _record_of(_FAILURE, Failure, text)


def move_text(move: Move | None) -> str | None:
    """A permanent redirect under observation as JSON."""
    return _text_of(_MOVE, move)


def move_of(text: str | None) -> Move | None:
    """The redirect that `move_text` wrote."""
    return _record_of(_MOVE, Move, text)


def outlines_text(outlines: Iterable[Outline]) -> str:
    """The outlines of a list as JSON."""
    return dump([_OUTLINE.pack(outline) for outline in outlines])


def outlines_of(text: str | None) -> tuple[Outline, ...]:
    """The outlines that `outlines_text` wrote; none for no text."""
    plain = cast(list[object], load(text)) if text else []
    return tuple(cast(Outline, _OUTLINE.unpack(one)) for one in plain)


def hints_text(hints: Hints) -> str | None:
    """A publisher's wishes as JSON; none when there are none."""
    return _text_of(_HINTS, hints, Hints())


def hints_of(text: str | None) -> Hints:
    """The wishes that `hints_text` wrote."""
    return _record_of(_HINTS, Hints, text) or Hints()
