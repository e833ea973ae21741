"""The reader of sitemaps (sitemaps.org 0.9) with the fields of Google News and images: stories, or further sitemaps.

F33: sizes are limited, entries of other hosts are left out, and a lastmod that all entries share is ignored.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from io import BytesIO
from itertools import islice
from urllib.parse import urlsplit

from lxml import etree

from ..errors import FailureKind, ParseError
from ..model import Category, Channel, Fetched, Link, Parsed, Shape, Source, Story, Text
from . import xml_tree
from .charset import decode
from .document import MAX_ITEMS, is_included, resolve_http_url
from .feed.namespaces import local_name, split_tag
from .feed.text_constructs import get_value, guess_type

MAX_ENTRIES = 50_000  # of one file, a limit of the format
MAX_BYTES = 50_000_000  # when unpacked, a limit of the format
MAX_CHILD_SITEMAPS = 200
MAX_VALUE_LENGTH = 2_000
MAX_KEYWORDS = 40
MIN_EQUAL_LASTMODS = 10  # so many entries with one lastmod make it meaningless
GZIP_MAGIC = b"\x1f\x8b"
GZIP_WBITS = 31
DATE = re.compile(r"\s*(\d{4})-?(\d\d)?-?(\d\d)?(.*)")

NOT_A_SITEMAP = "This is not a sitemap: it is neither `urlset` nor `sitemapindex`."
ROOTS = ("urlset", "sitemapindex")
ROOT = re.compile(r"<(?:[A-Za-z_][\w.-]{0,40}:)?(?:urlset|sitemapindex)(?=[\s>/])", re.I)
NAMES = re.compile(rb"urlset|sitemapindex", re.I)
ENTRY_NAMES = ("url", "sitemap")
# The vocabularies inside an entry: their namespaces, prefixes, and elements around their fields.
VOCABULARY = re.compile(r"sitemap-(news|image|video)\b", re.I)
GROUPS = ("news", "image", "video")
PARENTS = {"publication": "news"}
# Elements that a field of the format itself may stand in: an entry, or a field before it whose end tag is missing.
OWN_NAMES = (*ENTRY_NAMES, "loc", "lastmod", "changefreq", "priority")
# Element → field of an entry. Only the news of an entry are about the page itself; a video has a date of its own.
FIELDS = {
    "loc": "loc",
    "lastmod": "lastmod",
    "title": "title",
    "publication_date": "publication_date",
    "news:title": "title",
    "news:publication_date": "publication_date",
    "news:keywords": "keywords",
    "news:language": "language",
    "image:loc": "image",
    "video:thumbnail_loc": "thumbnail",
}

SitemapEntry = Mapping[str, str]  # field → value; see `FIELDS`


def read_sitemap(fetched: Fetched, source: Source | None = None) -> Parsed:
    """Return the stories of a sitemap, newest first; of an index, its sitemaps as channel links with rel `sitemap`.

    Raise ParseError where the document is not a sitemap or is too large.
    """
    kind, entries, warnings = _read_entries(fetched)
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


def _read_entries(fetched: Fetched) -> tuple[str, list[SitemapEntry], list[str]]:
    """Return the name of the root element, the entries, and warnings."""
    body = _unpack(fetched.body)
    warnings: list[str] = []
    kind, entries = _read_well_formed(body, fetched.url)
    if not kind and (NAMES.search(body) or b"<" not in body or b"\0" in body):
        text = decode(body, fetched.charset).text.lstrip("\ufeff \t\r\n\0")
        if not text.startswith("<") and not ROOT.search(text):
            return "urlset", _read_plain_entries(text), []
        kind, entries = _parse_entries(_iterate_repaired(text), fetched.url)
        warnings.append("the XML is not well-formed and was repaired")
    if not kind:
        raise ParseError(NOT_A_SITEMAP, kind=FailureKind.NOT_A_SITEMAP)
    if len(entries) >= MAX_ENTRIES:
        warnings.append(f"only the first {MAX_ENTRIES} entries are read")
    return kind, [entry for entry in entries if entry.get("loc")], warnings


def _read_well_formed(body: bytes, url: str) -> tuple[str, list[SitemapEntry]]:
    """Return the name of the root and the entries; an empty name where this is no well-formed sitemap."""
    try:
        return _parse_entries(_iterate_elements(body), url)
    except etree.LxmlError:
        return "", []


def _iterate_elements(body: bytes) -> Iterator[etree._Element]:
    """Yield the root of a well-formed sitemap when it opens and entries when they close, one in memory at a time."""
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n\0")
    events = etree.iterparse(
        BytesIO(start), events=("start", "end"), resolve_entities=False, no_network=True, huge_tree=False
    )
    is_root = True
    for event, element in events:
        if is_root or (event == "end" and local_name(element) in ENTRY_NAMES):
            yield element
            while not is_root and element.getprevious() is not None:
                del element.getparent()[0]
            is_root = False


def _iterate_repaired(text: str) -> Iterator[etree._Element]:
    """Yield the root and the entries of a sitemap that is not well-formed, repaired as feeds are."""
    root = ROOT.search(text)
    tree = xml_tree.parse(text[root.start() :]) if root else None
    if tree is not None:
        yield tree.root
        yield from (element for element in tree.root.iter("*") if local_name(element) in ENTRY_NAMES)


def _parse_entries(elements: Iterator[etree._Element], url: str) -> tuple[str, list[SitemapEntry]]:
    """Return the name of the root, the first of the elements, and the entries, which are the others.

    The name is empty where it is none of a sitemap.
    """
    root = next(elements, None)
    if root is None or local_name(root) not in ROOTS:
        return "", []
    return local_name(root), [_parse_entry(element, url) for element in islice(elements, MAX_ENTRIES)]


def _read_plain_entries(text: str) -> list[SitemapEntry]:
    """Return the entries of a sitemap that is one URL a line."""
    lines = text[:MAX_BYTES].split()[:MAX_ENTRIES]
    if not lines or not all(line.startswith(("http://", "https://")) for line in lines):
        raise ParseError("This is not a sitemap: neither XML nor one address a line.", kind=FailureKind.NOT_A_SITEMAP)
    return [{"loc": line} for line in lines]


def _parse_entry(element: etree._Element, url: str) -> SitemapEntry:
    """Return the fields of an entry."""
    entry: dict[str, str] = {}
    for inner in element.iterdescendants("*"):
        if local_name(inner) in ENTRY_NAMES:  # of the next entry, where the end tag of this one is missing
            break
        name = _field_name(str(inner.tag), inner.prefix, _local_name_of_parent(inner))
        if name and (value := get_value(inner)):
            entry.setdefault(name, value[:MAX_VALUE_LENGTH])
    if "loc" in entry:
        entry["loc"] = resolve_http_url(url, entry["loc"]) or ""
    return entry


def _local_name_of_parent(element: etree._Element) -> str:
    parent = element.getparent()
    return "" if parent is None else local_name(parent)


@lru_cache(maxsize=1_000)
def _field_name(tag: str, prefix: str | None, parent: str) -> str | None:
    """Return the field that an element fills: by its namespace, its prefix, or the element around it."""
    namespace, name = split_tag(tag)
    undeclared, _, name = name.rpartition(":")
    vocabulary = VOCABULARY.search(namespace)
    groups = (vocabulary[1] if vocabulary else "", undeclared or prefix or "", PARENTS.get(parent, parent))
    group = next((group.lower() for group in groups if group.lower() in GROUPS), "")
    if not group and parent not in OWN_NAMES:
        return None
    return FIELDS.get(f"{group}:{name.lower()}" if group else name.lower())


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
    title, image = entry.get("title"), entry.get("image") or entry.get("thumbnail")
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
        title=Text(title, guess_type(title)) if title else None,
        published=entry.get("publication_date"),
        updated=lastmod,
        language=entry.get("language"),
        categories=tuple(map(Category, terms)),
        image=Link(image, "image") if image else None,
        found={field: name for field, name in found.items() if name},
    )
