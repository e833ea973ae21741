"""An article and its row: columns of their own, and a body that holds all other fields as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b
from operator import attrgetter, itemgetter

import msgspec
from msgspec.structs import FieldInfo

from ..model import NOTHING, Article, ArticleRow, replace
from ..revision import first_version
from .values import (
    decode_html,
    decode_time,
    encode_html,
    encode_json,
    encode_text,
    encode_time,
    sanitize_id,
    sanitize_text,
)

# ── body ────────────────────────────────────────────────────────────────────────────────────────────────────────────

# Fields with a column of their own, and those that are not stored: how a document was read, which only `preview` shows,
# and what the steps of a feed put in.
COLUMN_FIELDS = (
    *("source_id", "upstream_id", "published_id", "story_digest", "link_key", "key", "changed"),
    *("first_seen", "updated", "url", "html", "is_addition", "story_key"),
)
_TRANSIENT_FIELDS = {"found": NOTHING, "reader": "", "title_key": "", "also_at": ()}
_BODY_FIELDS = [
    field for field in msgspec.structs.fields(Article) if field.name not in (*COLUMN_FIELDS, *_TRANSIENT_FIELDS)
]


def _with_default(field: FieldInfo) -> tuple[str, object] | tuple[str, object, object]:
    """Return the field as `defstruct` takes it."""
    if field.required:
        return field.name, field.type
    return field.name, field.type, {} if field.default is msgspec.NODEFAULT else field.default


_ArticleBody = msgspec.defstruct("ArticleBody", map(_with_default, _BODY_FIELDS), frozen=True, omit_defaults=True)
_BODY = msgspec.json.Decoder(_ArticleBody)
_BODY_VALUES = attrgetter(*(field.name for field in _BODY_FIELDS))
# The arguments of Article, out of the columns followed by the values of a body.
_ARTICLE_VALUES = itemgetter(
    *(
        [*COLUMN_FIELDS, *(field.name for field in _BODY_FIELDS), *_TRANSIENT_FIELDS].index(name)
        for name in Article.__struct_fields__
    )
)


def encode_body(article: Article) -> bytes:
    """Return the fields of an article that are stored and have no column of their own, as JSON."""
    return encode_json(_ArticleBody(*_BODY_VALUES(article)))


def decode_body(body: bytes, columns: tuple[object, ...]) -> Article:
    """Return the article of a body and the values of `COLUMN_FIELDS`."""
    return Article(
        *_ARTICLE_VALUES((*columns, *msgspec.structs.astuple(_BODY.decode(body)), *_TRANSIENT_FIELDS.values()))
    )


def is_same_body(body: bytes, other: bytes) -> bool:
    """Return whether two bodies hold the same: one may spell out what the other leaves out as a default."""
    return body == other or _BODY.decode(body) == _BODY.decode(other)


# ── row ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def encode_article(article: Article, clean: Callable[[Article], Article] | None = None) -> ArticleRow:
    """Return the row of a new article, after `clean` has removed what must not be stored."""
    if clean is not None:
        article = clean(article)
    stored = first_version(article)
    return ArticleRow(
        source_id=article.source_id,
        upstream_id=sanitize_id(article.upstream_id),
        published_id=sanitize_id(article.published_id),
        minted_id=sanitize_id(article.minted_id),
        first_seen=encode_time(article.first_seen),
        updated=encode_time(article.updated),
        position=encode_time(stored.position),
        story_digest=article.story_digest,
        url=None if article.url is None else sanitize_text(article.url),
        link_key=article.link_key,
        link_mark=make_link_mark(article.link_key),
        title_mark=make_mark(article.title_key),
        tags=tag_lines(article.tags),
        body=encode_body(stored),
        html=encode_html(article.html),
        is_dated_by_update=stored is not article,
    )


def decode_article(row: ArticleRow) -> Article:
    """Return the article of a row as its source tells it now, whatever it is dated by when it is new."""
    ids = row.source_id, row.upstream_id, row.published_id, row.story_digest, row.link_key
    times = decode_time(row.first_seen), decode_time(row.updated)
    article = decode_body(row.body, (*ids, 0, 0, *times, row.url, decode_html(row.html), False, ""))
    return replace(article, published=None) if row.is_dated_by_update else article


def tag_lines(tags: Iterable[str]) -> str:
    """Return tags in lower case, one a line, with a line end before and after."""
    return sanitize_text("\n".join(("", *tags, "")).casefold())


def make_link_mark(link_key: str) -> int | None:
    """Return a digest of a canonical link, whichever of `www.` and a last slash it has.

    It is None for the address of a front page, which is not that of a story.
    """
    address = link_key.partition("://")[2].removeprefix("www.").rstrip("/")
    return make_mark(address) if "/" in address or "?" in address else None


def make_mark(key: str) -> int | None:
    """Return a digest of a text as a signed integer of 64 bits; None for an empty one."""
    return int.from_bytes(blake2b(encode_text(key), digest_size=8).digest(), signed=True) if key else None
