"""Sitemaps (sitemaps.org 0.9), with the fields of Google News and images: stories, or further sitemaps.

F33: sizes are capped, entries of other hosts are left out, and a lastmod that tells nothing is not believed.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from io import BytesIO
from urllib.parse import urljoin, urlsplit

from lxml import etree

from ..errors import ParseError
from ..model import Category, Channel, Fetched, Link, Parsed, Shape, Source, Story, Text
from .document import is_included

MOST = 50_000  # entries of one file, as the format has it
LARGEST = 50_000_000  # bytes when unpacked, as the format has it
CHILDREN = 200
GZIP = b"\x1f\x8b"
SAME = 10  # entries with one lastmod before it is called meaningless
MAX_ITEMS = 1000
DATE = re.compile(r"\s*(\d{4})-?(\d\d)?-?(\d\d)?(.*)")


def read_sitemap(fetched: Fetched, source: Source | None = None) -> Parsed:
    """The stories of a sitemap, newest first; for an index, its children as links of the channel with rel `sitemap`."""
    body = _unpacked(fetched.body)
    kind, entries, warnings = _read(body, fetched.url)
    host = _host(fetched.url)
    here = [entry for entry in entries if _host(entry["loc"]) == host]
    if len(here) < len(entries):
        warnings.append(f"{len(entries) - len(here)} addresses of other hosts are left out")
    if kind == "sitemapindex":
        newest = sorted(here, key=lambda entry: entry.get("lastmod", ""), reverse=True)
        if len(newest) > CHILDREN:
            warnings.append(f"{len(newest)} sitemaps are listed; only the newest {CHILDREN} are followed")
        links = tuple(Link(entry["loc"], "sitemap") for entry in newest[:CHILDREN])
        return Parsed("sitemap", fetched.url, Channel(links=links), (), tuple(warnings), shape=Shape.SITEMAP)
    return Parsed(
        "sitemap",
        fetched.url,
        Channel(),
        _stories(_wanted(here, source), source, warnings),
        tuple(warnings),
        shape=Shape.SITEMAP,
    )


def _unpacked(body: bytes) -> bytes:
    if not body.startswith(GZIP):
        return body
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(body, LARGEST)
    except zlib.error as error:
        raise ParseError(
            f"The sitemap is no gzip file although it begins like one: {error}.", kind="not_a_sitemap"
        ) from error
    if unpacker.unconsumed_tail:
        raise ParseError("The sitemap is larger than 50 MB when unpacked.", kind="too_large")
    return plain


SitemapEntry = dict[str, str]


def _read(body: bytes, url: str) -> tuple[str, list[SitemapEntry], list[str]]:
    """What kind of document it is, its entries, and what was wrong."""
    text = body.lstrip(b"\xef\xbb\xbf \t\r\n\0")
    if not text.startswith(b"<"):
        return _plain(text, url)
    kind, entries = "", []
    warnings: list[str] = []
    try:
        for name, element in _elements(text):
            kind = kind or name
            if name in ("url", "sitemap"):
                entries.append(_entry(element, url))
                element.clear()
            if len(entries) >= MOST:
                warnings.append(f"only the first {MOST} entries are read")
                break
    except etree.LxmlError as error:
        if not entries:
            raise ParseError(f"This is not a sitemap: {error}.", kind="not_a_sitemap") from error
        warnings.append("the XML is broken; what stands before the break is read")
    if kind not in ("urlset", "sitemapindex"):
        raise ParseError("This is not a sitemap: it is neither `urlset` nor `sitemapindex`.", kind="not_a_sitemap")
    return kind, [entry for entry in entries if entry.get("loc")], warnings


def _elements(text: bytes) -> Iterator[tuple[str, etree._Element]]:
    """The root when it opens, entries when they close; no entities, no network."""
    events = etree.iterparse(
        BytesIO(text), events=("start", "end"), recover=True, resolve_entities=False, no_network=True, huge_tree=False
    )
    first = True
    for event, element in events:
        name = _local(element)
        if first:
            first = False
            yield name, element
        elif event == "end" and name in ("url", "sitemap"):
            yield name, element
            while element.getprevious() is not None:
                del element.getparent()[0]


def _plain(text: bytes, url: str) -> tuple[str, list[SitemapEntry], list[str]]:
    """A sitemap of one address a line."""
    lines = text[:LARGEST].decode("utf-8", "replace").split()[:MOST]
    entries = [{"loc": line} for line in lines if line.startswith(("http://", "https://"))]
    if not entries or len(entries) < len(lines):
        raise ParseError("This is not a sitemap: neither XML nor one address a line.", kind="not_a_sitemap")
    return "urlset", entries, []


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2].lower() if isinstance(element.tag, str) else ""


def _entry(element: etree._Element, url: str) -> SitemapEntry:
    """The fields of an entry; `news:title` is `title`, `image:loc` is `image`."""
    found: SitemapEntry = {}
    for inner in element.iterdescendants(etree.Element):
        name, value = _local(inner), (inner.text or "").strip()
        above = inner.getparent()
        if name == "loc" and above is not element:
            name = "image" if above is not None and _local(above) == "image" else ""
        elif name == "title" and above is not None and _local(above) in ("image", "video"):
            name = ""
        if name == "link" and inner.get("hreflang"):
            continue
        if name and value:
            found.setdefault(name, value[:2000])
    if "loc" in found:
        found["loc"] = _joined(url, found["loc"])
    return found


def _joined(url: str, reference: str) -> str:
    try:
        address = urljoin(url, reference)
        return address if urlsplit(address).scheme in ("http", "https") and urlsplit(address).hostname else ""
    except ValueError:
        return ""


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower().removeprefix("www.")
    except ValueError:
        return ""


# ── its stories ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _wanted(entries: list[SitemapEntry], source: Source | None) -> list[SitemapEntry]:
    seen: set[str] = set()
    wanted = []
    for entry in entries:
        address = entry["loc"]
        if address in seen or not is_included(address, source):
            continue
        seen.add(address)
        wanted.append(entry)
    return wanted


def _stories(entries: list[SitemapEntry], source: Source | None, warnings: list[str]) -> tuple[Story, ...]:
    meaningless = _meaningless(entries)
    most = source.max_items if source else MAX_ITEMS
    newest = sorted(entries, key=lambda entry: _order(entry, meaningless), reverse=True)
    if len(newest) > most:
        warnings.append(f"{len(newest)} addresses are listed; only the newest {most} are read")
    return tuple(_story(entry, meaningless) for entry in newest[:most])


def _meaningless(entries: list[SitemapEntry]) -> bool:
    """Whether all have one lastmod: the moment the file was made, not that of a change."""
    told = [entry["lastmod"] for entry in entries if entry.get("lastmod")]
    return len(told) >= SAME and len({text[:16] for text in told}) == 1


def _order(entry: SitemapEntry, meaningless: bool) -> str:
    told = entry.get("publication_date") or ("" if meaningless else entry.get("lastmod", ""))
    match = DATE.match(told)
    return "-".join(part or "" for part in match.groups()) if match else ""


def _story(entry: Mapping[str, str], meaningless: bool) -> Story:
    lastmod = None if meaningless else entry.get("lastmod")
    title = entry.get("title")
    terms = [term.strip() for term in entry.get("keywords", "").split(",") if term.strip()][:40]
    told = {
        "links": "loc",
        "title": "news:title" if title else "",
        "published": "news:publication_date" if "publication_date" in entry else "",
    }
    return Story(
        links=(Link(entry["loc"]),),
        title=Text(title, "text") if title else None,
        published=entry.get("publication_date"),
        updated=lastmod,
        language=entry.get("language"),
        categories=tuple(map(Category, terms)),
        image=Link(image, "image") if (image := entry.get("image")) else None,
        found={name: where for name, where in told.items() if where} | ({"updated": "lastmod"} if lastmod else {}),
    )
