"""The reader of sitemaps (sitemaps.org 0.9) with the fields of Google News and images: stories, or further sitemaps.

F33: sizes are limited, entries of other hosts are left out, and a lastmod that all entries share is ignored.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from io import BytesIO
from urllib.parse import urlsplit

from lxml import etree

from ..errors import FailureKind, ParseError
from ..model import Category, Channel, Fetched, Link, Parsed, Shape, Source, Story, Text
from .document import MAX_ITEMS, is_included, resolve_http_url

MAX_ENTRIES = 50_000  # of one file, a limit of the format
MAX_BYTES = 50_000_000  # when unpacked, a limit of the format
MAX_CHILD_SITEMAPS = 200
MAX_VALUE_LENGTH = 2_000
MAX_KEYWORDS = 40
MIN_EQUAL_LASTMODS = 10  # so many entries with one lastmod make it meaningless
GZIP_MAGIC = b"\x1f\x8b"
GZIP_WBITS = 31
DATE = re.compile(r"\s*(\d{4})-?(\d\d)?-?(\d\d)?(.*)")

SitemapEntry = Mapping[str, str]  # field → value; see `_parse_entry`


def read_sitemap(fetched: Fetched, source: Source | None = None) -> Parsed:
    """Return the stories of a sitemap, newest first; of an index, its sitemaps as channel links with rel `sitemap`.

    Raise ParseError where the document is not a sitemap or is too large.
    """
    kind, entries, warnings = _read_entries(_unpack(fetched.body), fetched.url)
    host = _host(fetched.url)
    own_entries = [entry for entry in entries if _host(entry["loc"]) == host]
    if len(own_entries) < len(entries):
        warnings.append(f"{len(entries) - len(own_entries)} addresses of other hosts are left out")
    if kind == "sitemapindex":
        newest = sorted(own_entries, key=lambda entry: entry.get("lastmod", ""), reverse=True)
        if len(newest) > MAX_CHILD_SITEMAPS:
            warnings.append(f"{len(newest)} sitemaps are listed; only the newest {MAX_CHILD_SITEMAPS} are followed")
        links = tuple(Link(entry["loc"], "sitemap") for entry in newest[:MAX_CHILD_SITEMAPS])
        return Parsed("sitemap", fetched.url, Channel(links=links), (), tuple(warnings), shape=Shape.SITEMAP)
    stories = _build_stories(_select_entries(own_entries, source), source, warnings)
    return Parsed("sitemap", fetched.url, Channel(), stories, tuple(warnings), shape=Shape.SITEMAP)


# ── its entries ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _unpack(body: bytes) -> bytes:
    if not body.startswith(GZIP_MAGIC):
        return body
    decompressor = zlib.decompressobj(wbits=GZIP_WBITS)
    try:
        unpacked = decompressor.decompress(body, MAX_BYTES)
    except zlib.error as error:
        raise ParseError(f"The sitemap is not valid gzip: {error}.", kind=FailureKind.NOT_A_SITEMAP) from error
    if decompressor.unconsumed_tail:
        raise ParseError("The sitemap is larger than 50 MB when unpacked.", kind=FailureKind.TOO_LARGE)
    return unpacked


def _read_entries(body: bytes, url: str) -> tuple[str, list[SitemapEntry], list[str]]:
    """Return the name of the root element, the entries, and warnings."""
    text = body.lstrip(b"\xef\xbb\xbf \t\r\n\0")
    if not text.startswith(b"<"):
        return "urlset", _read_plain_entries(text), []
    kind, entries = "", []
    warnings: list[str] = []
    try:
        for name, element in _iterate_elements(text):
            kind = kind or name
            if name in ("url", "sitemap"):
                entries.append(_parse_entry(element, url))
                element.clear()
            if len(entries) >= MAX_ENTRIES:
                warnings.append(f"only the first {MAX_ENTRIES} entries are read")
                break
    except etree.LxmlError as error:
        if not entries:
            raise ParseError(f"This is not a sitemap: {error}.", kind=FailureKind.NOT_A_SITEMAP) from error
        warnings.append("the XML is broken; only the entries before the error are read")
    if kind not in ("urlset", "sitemapindex"):
        raise ParseError(
            "This is not a sitemap: it is neither `urlset` nor `sitemapindex`.", kind=FailureKind.NOT_A_SITEMAP
        )
    return kind, [entry for entry in entries if entry.get("loc")], warnings


def _iterate_elements(text: bytes) -> Iterator[tuple[str, etree._Element]]:
    """Yield the root when it opens and entries when they close; entities and network are off."""
    events = etree.iterparse(
        BytesIO(text), events=("start", "end"), recover=True, resolve_entities=False, no_network=True, huge_tree=False
    )
    is_root = True
    for event, element in events:
        name = _local_name(element)
        if is_root:
            is_root = False
            yield name, element
        elif event == "end" and name in ("url", "sitemap"):
            yield name, element
            while element.getprevious() is not None:
                del element.getparent()[0]


def _read_plain_entries(text: bytes) -> list[SitemapEntry]:
    """Return the entries of a sitemap that is one URL a line."""
    lines = text[:MAX_BYTES].decode("utf-8", "replace").split()[:MAX_ENTRIES]
    if not lines or not all(line.startswith(("http://", "https://")) for line in lines):
        raise ParseError("This is not a sitemap: neither XML nor one address a line.", kind=FailureKind.NOT_A_SITEMAP)
    return [{"loc": line} for line in lines]


def _local_name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2].lower() if isinstance(element.tag, str) else ""


def _parse_entry(element: etree._Element, url: str) -> SitemapEntry:
    """Return the fields of an entry by local name; `news:title` is `title`, `image:loc` is `image`."""
    entry: dict[str, str] = {}
    for inner in element.iterdescendants(etree.Element):
        name, value = _local_name(inner), (inner.text or "").strip()
        parent = inner.getparent()
        if name == "loc" and parent is not element:
            name = "image" if parent is not None and _local_name(parent) == "image" else ""
        elif name == "title" and parent is not None and _local_name(parent) in ("image", "video"):
            name = ""
        if name == "link" and inner.get("hreflang"):
            continue
        if name and value:
            entry.setdefault(name, value[:MAX_VALUE_LENGTH])
    if "loc" in entry:
        entry["loc"] = resolve_http_url(url, entry["loc"]) or ""
    return entry


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower().removeprefix("www.")
    except ValueError:
        return ""


# ── its stories ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _select_entries(entries: list[SitemapEntry], source: Source | None) -> list[SitemapEntry]:
    """Return the entries that `include` and `exclude` allow, each address once."""
    selected: dict[str, SitemapEntry] = {}
    for entry in entries:
        if entry["loc"] not in selected and is_included(entry["loc"], source):
            selected[entry["loc"]] = entry
    return list(selected.values())


def _build_stories(entries: list[SitemapEntry], source: Source | None, warnings: list[str]) -> tuple[Story, ...]:
    has_lastmod = not _is_lastmod_meaningless(entries)
    limit = source.max_items if source else MAX_ITEMS
    newest = sorted(entries, key=lambda entry: _sort_key(entry, has_lastmod), reverse=True)
    if len(newest) > limit:
        warnings.append(f"{len(newest)} addresses are listed; only the newest {limit} are read")
    return tuple(_build_story(entry, has_lastmod) for entry in newest[:limit])


def _is_lastmod_meaningless(entries: list[SitemapEntry]) -> bool:
    """Return whether all entries have one lastmod: it is then the time the file was made, not that of a change."""
    values = [entry["lastmod"] for entry in entries if entry.get("lastmod")]
    return len(values) >= MIN_EQUAL_LASTMODS and len({value[: len("2026-01-01T00:00")] for value in values}) == 1


def _sort_key(entry: SitemapEntry, has_lastmod: bool) -> str:
    date = entry.get("publication_date") or (entry.get("lastmod", "") if has_lastmod else "")
    match = DATE.match(date)
    return "-".join(part or "" for part in match.groups()) if match else ""


def _build_story(entry: SitemapEntry, has_lastmod: bool) -> Story:
    title, image = entry.get("title"), entry.get("image")
    lastmod = entry.get("lastmod") if has_lastmod else None
    terms = [term.strip() for term in entry.get("keywords", "").split(",") if term.strip()][:MAX_KEYWORDS]
    found = {
        "links": "loc",
        "title": "news:title" if title else "",
        "published": "news:publication_date" if "publication_date" in entry else "",
        "updated": "lastmod" if lastmod else "",
    }
    return Story(
        links=(Link(entry["loc"]),),
        title=Text(title, "text") if title else None,
        published=entry.get("publication_date"),
        updated=lastmod,
        language=entry.get("language"),
        categories=tuple(map(Category, terms)),
        image=Link(image, "image") if image else None,
        found={field: name for field, name in found.items() if name},
    )
