"""Versions of an article: whether a reader notices that one differs from the next, and which dates stay (R11)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import unescape
from urllib.parse import urlsplit

from .iri import is_tracking
from .model import Article, replace

# Raised when the same document is read otherwise. Each stored article then takes the new reading at the next visit that
# fetches its document, and no date of it moves; no visit is made for it.
READER_VERSION = 4

FEED_READERS = ("xml", "json", "feedparser")

_SESSION_PARAMETERS = frozenset((
    "_sid", "cfid", "cftoken", "jsessionid", "oscsid", "phpsessid", "s_sid", "sess", "sessid", "session", "session_id",
    "sessionid", "sid", "zenid",
))  # fmt: skip
_PATH_SESSION = re.compile(r";jsessionid=[^/;?#]*", re.IGNORECASE)
_FILE_NAME = re.compile(r"/[^/]+\.[A-Za-z0-9]{2,5}$")
_SIGNATURE = re.compile(
    r"expir(?:es|y)|sign(?:ature)?|sig|token|hmac|policy|key-pair-id|googleaccessid|awsaccesskeyid|ossaccesskeyid"
    r"|oh|oe|_nc_\w+|(?:x-amz|x-goog|x-oss)-[\w-]+",
    re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r' ([\w-]+)="([^"]*)"')
_TAG = re.compile(r'\s*(</?\w+)((?: [\w-]+="[^"]*")*)\s*(/?>)\s*')


def sign_digest(digest: str) -> str:
    """Return the digest of a story with the version that read it."""
    return f"{READER_VERSION}:{digest}"


def is_same_reader(digest: str, other: str) -> bool:
    """Return whether two digests of a story, as `sign_digest` returns them, are of one version."""
    return digest.rpartition(":")[0] == other.rpartition(":")[0]


def first_version(article: Article) -> Article:
    """Return a new article as it is stored: an entry of a feed that only says `updated` is published then (DESIGN §3).

    A page's "last updated" stamp is never called a date of publication.
    """
    if article.published is None and article.modified is not None and article.reader in FEED_READERS:
        return replace(article, published=article.modified)
    return article


def next_version(article: Article, stored: Article) -> Article:
    """Return a new version of a stored article: a date that readers were shown stays when the source drops it."""
    published, modified = article.published or stored.published, article.modified or stored.modified
    if (published, modified) == (article.published, article.modified):
        return article
    return replace(article, published=published, modified=modified)


def reread_version(article: Article, stored: Article) -> Article:
    """Return what another version reads of a stored article: its dates stay as readers were shown them."""
    return replace(article, published=stored.published, modified=stored.modified)


def is_noticeable(article: Article, stored: Article) -> bool:
    """Return whether a reader notices a change.

    Nobody notices another order of tags or authors, white space between the blocks of a text, nor in an address another
    scheme, session, signature, tracking parameter or, of a file, another host.
    """
    return _facts(article) != _facts(stored)


def _facts(article: Article) -> tuple[object, ...]:
    return (
        *(article.title, _text(article.summary), _TAG.sub(_tag_key, article.html.strip())),
        *(article.published, article.modified),
        *(page_key(article.url), page_key(article.external_url), _file_key(article.image)),
        {author.name for author in article.authors},
        {tag.casefold() for tag in article.tags},
        {_file_key(attachment.url) for attachment in article.attachments},
        {(_file_key(medium.url), medium.role) for medium in article.media},
        article.comments and page_key(article.comments.url),
        {name: _text(value) for facts in (article.podcast, article.extra) for name, value in facts.items()},
    )


def _text(text: str) -> str:
    """Return a text with the addresses in it as keys: an excerpt may show one."""
    return " ".join(page_key(word) or "" if "://" in word else word for word in text.split())


def _tag_key(tag: re.Match[str]) -> str:
    """Return a tag without white space around it, its attributes in one order."""
    attributes = sorted(_attribute_key(name, unescape(value)) for name, value in _ATTRIBUTE.findall(tag[2]))
    return f"{tag[1]}{''.join(attributes)}{tag[3]}"


def _attribute_key(name: str, value: str) -> str:
    if name == "srcset":
        value = " ".join(_file_key(word) or "" for word in value.split())
    elif name in ("src", "poster"):
        value = _file_key(value) or ""
    elif name == "href":
        value = page_key(value) or ""
    return f" {name}={value}"


def page_key(url: str | None) -> str | None:
    """Return an address without scheme, session and tracking; that of a file, as a file."""
    if not url:
        return url
    if _FILE_NAME.search(urlsplit(url).path) and not url.rstrip("/").endswith((".html", ".htm", ".php", ".aspx")):
        return _file_key(url)
    parts = urlsplit(_PATH_SESSION.sub("", url))
    scheme = "" if parts.scheme in ("http", "https") else parts.scheme
    host, path = parts.netloc.lower().removeprefix("www."), parts.path.rstrip("/")
    return f"{scheme}//{host}{path}?{_filter(parts.query.split('&'))}#{parts.fragment}"


def _file_key(url: str | None) -> str | None:
    """Return the address of a file without host, signature and, where its path names it, query."""
    if not url:
        return url
    parts = urlsplit(url)
    if _FILE_NAME.search(parts.path):
        return parts.path
    return f"{parts.path}?{_filter(pair for pair in parts.query.split('&') if not _SIGNATURE.fullmatch(_name(pair)))}"


def _filter(pairs: Iterable[str]) -> str:
    """Return the parameters that say what is shown."""
    names = ((pair, _name(pair).lower()) for pair in pairs)
    return "&".join(pair for pair, name in names if name not in _SESSION_PARAMETERS and not is_tracking(name))


def _name(pair: str) -> str:
    return pair.partition("=")[0]
