"""Conversion of times and records to column values: microseconds and JSON.

What has a column of its own is not in the JSON. A member is left out when it has the record's default; one that
a record grows later is read from old JSON as its default. `BODY_VERSION` counts the changes that this cannot carry.
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
    PublishedFile,
    Story,
    StoryFile,
    StoryPage,
    Text,
)

BODY_VERSION = 1

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_Members = dict[str, object]
T = TypeVar("T")


def encode_time(time: datetime) -> int:
    """Return the time as whole microseconds since 1970."""
    span = time - EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def encode_optional_time(time: datetime | None) -> int | None:
    """Return the time as whole microseconds since 1970; None for None."""
    return None if time is None else encode_time(time)


def decode_time(value: int) -> datetime:
    """Return the time that `encode_time` encoded."""
    return EPOCH + timedelta(microseconds=value)


def decode_optional_time(value: int | None) -> datetime | None:
    """Return the time that `encode_time` encoded; None for None."""
    return None if value is None else decode_time(value)


def dump_json(value: object) -> str:
    """Return the value as JSON that SQLite can store: what UTF-8 cannot encode (lone surrogates) is escaped."""
    text = _dump_unicode(value)
    return text if text.isascii() or is_utf8_encodable(text) else _dump_ascii(value)


def load_json(text: str) -> object:
    """Return the value of a JSON text."""
    return _load(text)


def load_strings(text: str | None) -> tuple[str, ...]:
    """Return the strings of a JSON array; () for None."""
    return tuple(cast(list[str], _load(text))) if text else ()


def is_utf8_encodable(text: str) -> bool:
    """Return whether the text can be encoded in UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def sanitize_id(id: str) -> str:
    """Return the id as SQLite can compare it: without NUL (its JSON functions stop there) and lone surrogates."""
    if id.isascii() and "\0" not in id:
        return id
    return sanitize_text(id.replace("\0", "\ufffd"))


def sanitize_text(text: str) -> str:
    """Return the text as SQLite can store it: without lone surrogates."""
    return text if text.isascii() or is_utf8_encodable(text) else text.encode("utf-8", "replace").decode()


# ── records ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _FieldCodec:
    """How a value that JSON has no type for is written (None: as it is) and read."""

    write: Callable[[object], object] | None
    read: Callable[[object], object]


@dataclass(frozen=True, slots=True)
class _RecordCodec:
    """How one type of record is written to a JSON object and read from it."""

    build: Callable[..., object]
    values: Callable[[object], tuple[object, ...]]
    defaults: tuple[tuple[str, object], ...]
    writers: Mapping[str, Callable[[object], object]]
    readers: Mapping[str, Callable[[object], object]]

    def pack(self, record: object) -> _Members:
        """Return the fields of a record, without those that have their default."""
        pairs = zip(self.defaults, self.values(record), strict=True)
        members = {key: value for (key, default), value in pairs if value is not default and value != default}
        for key, write in self.writers.items():
            if key in members:
                members[key] = write(members[key])
        return members

    def unpack(self, value: object) -> object:
        """Return the record of a JSON object, which is changed."""
        members = cast(_Members, value)
        for key, read in self.readers.items():
            if key in members:
                members[key] = read(members[key])
        return self.build(**members)


def _record_codec(kind: type, omitted_fields: Container[str] = (), /, **codecs: _FieldCodec) -> _RecordCodec:
    specs = [spec for spec in fields(kind) if spec.name not in omitted_fields]
    return _RecordCodec(
        kind,
        attrgetter(*(spec.name for spec in specs)),
        tuple((spec.name, _default(spec)) for spec in specs),
        {name: codec.write for name, codec in codecs.items() if codec.write},
        {name: codec.read for name, codec in codecs.items()},
    )


def _default(spec: Field[object]) -> object:
    """Return the value that is left out; a field without a default is always written."""
    return spec.default_factory() if spec.default_factory is not MISSING else spec.default


def _single(codec: _RecordCodec) -> _FieldCodec:
    return _FieldCodec(codec.pack, codec.unpack)


def _tuple_of(codec: _RecordCodec) -> _FieldCodec:
    pack, unpack = codec.pack, codec.unpack
    return _FieldCodec(
        lambda records: [pack(record) for record in cast(Iterable[object], records)],
        lambda values: tuple([unpack(value) for value in cast(list[object], values)]),
    )


def _write_time(time: object) -> object:
    return None if time is None else cast(datetime, time).isoformat()


def _read_time(value: object) -> object:
    return None if value is None else datetime.fromisoformat(cast(str, value))


_TUPLE = _FieldCodec(None, lambda values: tuple(cast(list[object], values)))
_TIME = _FieldCodec(_write_time, _read_time)

_TEXT, _LINK, _CATEGORY, _MEDIA = (_record_codec(kind) for kind in (Text, Link, Category, Media))
_MOVE = _record_codec(Move, since=_TIME)
_FAILURE = _record_codec(Failure)
_HINTS = _record_codec(Hints, skip_hours=_TUPLE, skip_days=_TUPLE)
_OUTLINE = _record_codec(Outline, tags=_TUPLE)
_FILE = _record_codec(PublishedFile)
_PAGE = _record_codec(StoryPage, beside=_tuple_of(_record_codec(StoryFile)))
_STORY = _record_codec(
    Story,
    links=_tuple_of(_LINK),
    title=_single(_TEXT),
    summary=_single(_TEXT),
    content=_tuple_of(_TEXT),
    people=_tuple_of(_record_codec(Person)),
    categories=_tuple_of(_CATEGORY),
    media=_tuple_of(_MEDIA),
    image=_single(_LINK),
    rights=_single(_TEXT),
    origin=_single(_record_codec(Origin)),
    comments=_single(_record_codec(Comments)),
)

# `default`: a mapping that is not a dict. Frozen records hold no reference cycle, so none is checked for.
_dump_unicode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"), default=dict).encode
_dump_ascii = json.JSONEncoder(check_circular=False, separators=(",", ":"), default=dict).encode
_load = json.JSONDecoder().decode

# ── the body of an article ──────────────────────────────────────────────────────────────────────────────────────────

# Fields with a column of their own, and the two numbers that only the store assigns.
_KEY_FIELDS = ("source_id", "upstream_id", "published_id", "story_key", "story_digest", "key", "changed")
COLUMN_FIELDS = frozenset((*_KEY_FIELDS, "url", "html", "updated", "first_seen"))
TRANSIENT_FIELDS = frozenset(("found", "reader"))  # how a document was read: shown by `preview`, used nowhere later

_ARTICLE = _record_codec(
    Article,
    COLUMN_FIELDS | TRANSIENT_FIELDS,
    published=_TIME,
    modified=_TIME,
    authors=_tuple_of(_record_codec(Author)),
    tags=_TUPLE,
    categories=_tuple_of(_CATEGORY),
    attachments=_tuple_of(_record_codec(Attachment)),
    media=_tuple_of(_MEDIA),
    comments=_single(_record_codec(Comments)),
    origin=_single(_record_codec(Origin)),
    page=_single(_PAGE),
)


def encode_article(article: Article) -> str:
    """Return the fields of an article that are stored and have no column of their own, as JSON."""
    return dump_json({"v": BODY_VERSION, **_ARTICLE.pack(article)})


def decode_article(body: str, **columns: object) -> Article:
    """Return the article of a body and the values of its columns; a wrong body raises StoreError."""
    try:
        members = cast(_Members, load_json(body))
        version = members.pop("v")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"the body of an article cannot be read: {error}") from error
    if version != BODY_VERSION:
        raise StoreError(f"an article is written in version {version}, this program reads version {BODY_VERSION}")
    return cast(Article, _ARTICLE.unpack(members | columns))


def _encode(codec: _RecordCodec, record: object, default: object = None) -> str | None:
    return None if record is None or record == default else dump_json(codec.pack(record))


def _decode_optional(codec: _RecordCodec, kind: type[T], text: str | None) -> T | None:
    return cast(T, codec.unpack(load_json(text))) if text else None


def decode_page(text: str) -> StoryPage:
    """Return the page that is a member of an article's body."""
    return cast(StoryPage, _PAGE.unpack(load_json(text)))


def encode_story(story: Story | None) -> str | None:
    """Return the story of a story page's visit as JSON."""
    return _encode(_STORY, story)


def decode_story(text: str | None) -> Story | None:
    """Return the story that `encode_story` encoded."""
    return _decode_optional(_STORY, Story, text)


def encode_failure(failure: Failure | None) -> str | None:
    """Return a failure as JSON."""
    return _encode(_FAILURE, failure)


def decode_failure(text: str | None) -> Failure | None:
    """Return the failure that `encode_failure` encoded."""
    failure = _decode_optional(_FAILURE, Failure, text)
    return failure and replace(failure, kind=FailureKind(failure.kind))


def encode_move(move: Move | None) -> str | None:
    """Return a permanent redirect under observation as JSON."""
    return _encode(_MOVE, move)


def decode_move(text: str | None) -> Move | None:
    """Return the redirect that `encode_move` encoded."""
    return _decode_optional(_MOVE, Move, text)


def encode_outlines(outlines: Iterable[Outline]) -> str:
    """Return the outlines of an OPML list as JSON."""
    return dump_json([_OUTLINE.pack(outline) for outline in outlines])


def decode_outlines(text: str | None) -> tuple[Outline, ...]:
    """Return the outlines that `encode_outlines` encoded; () for None."""
    values = cast(list[object], load_json(text)) if text else []
    return tuple(cast(Outline, _OUTLINE.unpack(value)) for value in values)


def encode_files(files: Iterable[PublishedFile]) -> str:
    """Return the files of a ledger as JSON."""
    return dump_json([_FILE.pack(file) for file in files])


def decode_files(text: str) -> tuple[PublishedFile, ...]:
    """Return the files that `encode_files` encoded."""
    return tuple(cast(PublishedFile, _FILE.unpack(value)) for value in cast(list[object], load_json(text)))


def encode_hints(hints: Hints) -> str | None:
    """Return a publisher's hints as JSON; None when there are none."""
    return _encode(_HINTS, hints, Hints())


def decode_hints(text: str | None) -> Hints:
    """Return the hints that `encode_hints` encoded."""
    return _decode_optional(_HINTS, Hints, text) or Hints()
