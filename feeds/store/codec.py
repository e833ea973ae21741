"""Records ↔ text: the body of an article, the story a page visit carries, and the small facts kept as JSON.

What has a column of its own is not in the text. A member is left out when it has the record's default; one that
a record grows later is read from old text as its default. `VERSION` counts the changes that this cannot carry.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import TypeVar, cast

from ..errors import FailureKind, StoreError
from ..model import (
    Article,
    Attachment,
    Author,
    Category,
    Comments,
    Failure,
    Hints,
    Link,
    Media,
    Move,
    Origin,
    Outline,
    Person,
    Story,
    StoryFile,
    StoryPage,
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
class _Form:
    """How a value that is not plain is written, where JSON has no word for it, and read."""

    write: Callable[[object], object] | None
    read: Callable[[object], object]


@dataclass(frozen=True, slots=True)
class _Shape:
    """How one type of record is written: its fields, each with its default and form, and how it is made again."""

    make: Callable[..., object]
    values: Callable[[object], tuple[object, ...]]
    defaults: tuple[tuple[str, object], ...]
    writers: Mapping[str, Callable[[object], object]]
    readers: Mapping[str, Callable[[object], object]]

    def pack(self, record: object) -> Plain:
        """The fields of a record, without those that have their default."""
        pairs = zip(self.defaults, self.values(record), strict=True)
        plain = {key: value for (key, default), value in pairs if value is not default and value != default}
        for key, write in self.writers.items():
            if key in plain:
                plain[key] = write(plain[key])
        return plain

    def unpack(self, plain: object) -> object:
        """The record that was written from these values."""
        values = cast(Plain, plain)
        for key, read in self.readers.items():
            if key in values:
                values[key] = read(values[key])
        return self.make(**values)


def _shape(kind: type, left_out: Container[str] = (), /, **forms: _Form) -> _Shape:
    specs = [spec for spec in fields(kind) if spec.name not in left_out]
    return _Shape(
        kind,
        attrgetter(*(spec.name for spec in specs)),
        tuple((spec.name, _default(spec)) for spec in specs),
        {name: form.write for name, form in forms.items() if form.write},
        {name: form.read for name, form in forms.items()},
    )


def _default(spec: Field[object]) -> object:
    """The value that is left out; a field without a default is always written."""
    return spec.default_factory() if spec.default_factory is not MISSING else spec.default


def _one(shape: _Shape) -> _Form:
    return _Form(shape.pack, shape.unpack)


def _many(shape: _Shape) -> _Form:
    pack, unpack = shape.pack, shape.unpack
    return _Form(
        lambda records: [pack(record) for record in cast(Iterable[object], records)],
        lambda plain: tuple([unpack(value) for value in cast(list[object], plain)]),
    )


def _write_moment(moment: object) -> object:
    return None if moment is None else cast(datetime, moment).isoformat()


def _read_moment(plain: object) -> object:
    return None if plain is None else datetime.fromisoformat(cast(str, plain))


_TUPLE = _Form(None, lambda plain: tuple(cast(list[object], plain)))
_MOMENT = _Form(_write_moment, _read_moment)

_TEXT, _LINK, _CATEGORY, _MEDIA = (_shape(kind) for kind in (Text, Link, Category, Media))
_MOVE = _shape(Move, since=_MOMENT)
_FAILURE = _shape(Failure)
_HINTS = _shape(Hints, skip_hours=_TUPLE, skip_days=_TUPLE)
_OUTLINE = _shape(Outline, tags=_TUPLE)
_PAGE = _shape(StoryPage, beside=_many(_shape(StoryFile)))
_STORY = _shape(
    Story,
    links=_many(_LINK),
    title=_one(_TEXT),
    summary=_one(_TEXT),
    content=_many(_TEXT),
    people=_many(_shape(Person)),
    categories=_many(_CATEGORY),
    media=_many(_MEDIA),
    image=_one(_LINK),
    rights=_one(_TEXT),
    origin=_one(_shape(Origin)),
    comments=_one(_shape(Comments)),
)

# `default`: a mapping that is not a dict. What holds itself cannot be among frozen records, so nobody looks for it.
_compact = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"), default=dict).encode
_ascii = json.JSONEncoder(check_circular=False, separators=(",", ":"), default=dict).encode
_decode = json.JSONDecoder().decode

# ── the body of an article ──────────────────────────────────────────────────────────────────────────────────────────

# Fields with a column of their own, and the two numbers that only the store gives.
_KEYS = ("source_id", "upstream_id", "published_id", "story_key", "story_digest", "key", "changed")
COLUMNS = frozenset((*_KEYS, "url", "html", "updated", "first_seen"))
UNKEPT = frozenset(("found", "reader"))  # how a document was read: shown where one is, and nothing is made of it later

_ARTICLE = _shape(
    Article,
    COLUMNS | UNKEPT,
    published=_MOMENT,
    modified=_MOMENT,
    authors=_many(_shape(Author)),
    tags=_TUPLE,
    categories=_many(_CATEGORY),
    attachments=_many(_shape(Attachment)),
    media=_many(_MEDIA),
    comments=_one(_shape(Comments)),
    origin=_one(_shape(Origin)),
    page=_one(_PAGE),
)


def article_body(article: Article) -> str:
    """All of an article that is kept and has no column of its own."""
    return dump({"v": VERSION, **_ARTICLE.pack(article)})


def article_of(body: str, **columns: object) -> Article:
    """The article that `article_body` wrote, with what stood in columns."""
    try:
        plain = cast(Plain, load(body))
        version = plain.pop("v")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"the body of an article cannot be read: {error}") from error
    if version != VERSION:
        raise StoreError(f"an article is written in version {version}, this program reads version {VERSION}")
    return cast(Article, _ARTICLE.unpack(plain | columns))


def _text_of(shape: _Shape, record: object, default: object = None) -> str | None:
    return None if record is None or record == default else dump(shape.pack(record))


def _record_of(shape: _Shape, kind: type[T], text: str | None) -> T | None:
    return cast(T, shape.unpack(load(text))) if text else None


def page_of(text: str) -> StoryPage:
    """The page that stands in an article's body."""
    return cast(StoryPage, _PAGE.unpack(load(text)))


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
    failure = _record_of(_FAILURE, Failure, text)
    return failure and replace(failure, kind=FailureKind(failure.kind))


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
