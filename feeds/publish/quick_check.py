"""The quick check of a document before it replaces the last good one, and of what stands in the target."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Annotated, Any, NamedTuple

import msgspec
from lxml import etree
from msgspec import UNSET, Meta, Struct, UnsetType

MAX_FAULTS = 5  # of one document
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)


def is_checked(path: str) -> bool:
    """Return whether there is a check of the format that the name of a file ends with."""
    return path.rpartition(".")[2] in _CHECKS


def check_document(path: str, body: bytes) -> list[str]:
    """Return what readers of a document could not take, in words that follow its name; [] for one of no known format.

    The path ends with the name of the format. Secrets are removed before (see the publication gate).
    """
    check = _CHECKS.get(path.rpartition(".")[2])
    if check is None:
        return []
    try:
        return list(islice(check(body), MAX_FAULTS))
    except (etree.XMLSyntaxError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        return [f"cannot be parsed: {error}"]


def _find_repeated(ids: Iterable[str]) -> Iterator[str]:
    return (f"holds {id} twice" for id, count in Counter(ids).items() if count > 1)


# ── XML ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

_NAMESPACES = {"a": "http://www.w3.org/2005/Atom"}
_RFC3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
_RFC822 = r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000"
_ADDRESS = r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+"


# Most of a document is texts, and to parse them takes half of the time: those that are legal are left out.
_LEGAL = rb"[^<>&\x00-\x08\x0b\x0c\x0e-\x1f]*+"
_LEGAL_TEXT = re.compile(
    rb"<(description|summary|content|content:encoded)(?: [^<>]*)?>"
    rb"(?>(?:" + _LEGAL + rb"&(?:lt|gt|amp|quot|#\d{1,6}|#x[0-9A-Fa-f]{1,5});)*)" + _LEGAL + rb"</\1>"
)


def _parse(body: bytes) -> etree._Element:
    """Return the root of a document without its long texts; raise XMLSyntaxError or UnicodeDecodeError."""
    body.decode()
    return etree.fromstring(_LEGAL_TEXT.sub(rb"<\1/>", body), _PARSER)


def _select(path: str) -> Callable[[etree._Element], list[Any]]:
    return etree.XPath(path, namespaces=_NAMESPACES, smart_strings=False)  # type: ignore[return-value]


class _XmlRules(NamedTuple):
    """`incomplete`: what an element is found to be → such elements. `id` is the child that names an item."""

    incomplete: Mapping[str, Callable[[etree._Element], list[Any]]]
    id: str
    ids: Callable[[etree._Element], list[Any]]
    dates: tuple[Callable[[etree._Element], list[Any]], ...]
    date_pattern: re.Pattern[str]
    addresses: tuple[Callable[[etree._Element], list[Any]], ...]

    def check(self, body: bytes) -> Iterator[str]:
        """Yield the faults of a document."""
        root = _parse(body)
        for fault, select in self.incomplete.items():
            for element in select(root):
                name = element.findtext(self.id, "", _NAMESPACES) or etree.QName(element).localname
                yield f"{fault} ({name})"
        yield from _find_repeated(self.ids(root))
        dates = chain.from_iterable(select(root) for select in self.dates)
        yield from (f"holds the date {date}" for date in dates if not self.date_pattern.fullmatch(date))
        addresses = chain.from_iterable(select(root) for select in self.addresses)
        yield from (f"holds the address {url}" for url in addresses if not _ABSOLUTE.fullmatch(url))


_ABSOLUTE = re.compile(_ADDRESS)
_RSS = _XmlRules(
    incomplete={
        "has no channel with title, link and description": _select(
            "/*[not(self::rss/channel[title/text() and link/text() and description])]"
        ),
        "holds an item without title and description": _select("/rss/channel/item[not(title or description)]"),
        "holds an item without guid": _select("/rss/channel/item[not(guid/text())]"),
        "holds an item without date": _select("/rss/channel/item[not(pubDate)]"),
        "holds an enclosure without url, length or type": _select(
            "/rss/channel/item[enclosure[not(@url and @length and @type)]]"
        ),
    },
    id="guid",
    ids=_select("/rss/channel/item/guid/text()"),
    dates=tuple(map(_select, ("/rss/channel/lastBuildDate/text()", "/rss/channel/item/pubDate/text()"))),
    date_pattern=re.compile(_RFC822, re.ASCII),
    addresses=tuple(map(_select, ("//@url", "//@href", "/rss/channel/link/text()", "/rss/channel/item/link/text()"))),
)
_ATOM = _XmlRules(
    incomplete={
        "is no feed with id, title and updated": _select(
            "/*[not(self::a:feed[a:id/text() and a:title and a:updated])]"
        ),
        "holds an entry without id, title or updated": _select(
            "/a:feed/a:entry[not(a:id/text() and a:title and a:updated)]"
        ),
        "holds an entry without author": _select("/a:feed[not(a:author)]/a:entry[not(a:author)]"),
        "holds an entry without content and link": _select("/a:feed/a:entry[not(a:content or a:link)]"),
    },
    id="a:id",
    ids=_select("/a:feed/a:entry/a:id/text()"),
    dates=tuple(map(_select, ("//a:updated/text()", "//a:published/text()"))),
    date_pattern=re.compile(_RFC3339, re.ASCII),
    addresses=(_select("//@href"),),
)


def _check_well_formed(body: bytes) -> Iterator[str]:
    _parse(body)
    return iter(())


# ── JSON Feed ───────────────────────────────────────────────────────────────────────────────────────────────────────

_Text = Annotated[str, Meta(min_length=1)]
_Url = Annotated[str, Meta(pattern=f"^{_ADDRESS}$")]
_Date = Annotated[str, Meta(pattern=f"^{_RFC3339}$")]


class _JsonAttachment(Struct):
    url: _Url
    mime_type: _Text


class _JsonItem(Struct):
    id: _Text
    url: _Url | UnsetType = UNSET
    external_url: _Url | UnsetType = UNSET
    image: _Url | UnsetType = UNSET
    content_html: str | UnsetType = UNSET
    content_text: str | UnsetType = UNSET
    date_published: _Date | UnsetType = UNSET
    date_modified: _Date | UnsetType = UNSET
    attachments: tuple[_JsonAttachment, ...] = ()


class _JsonDocument(Struct):
    version: _Url
    title: _Text
    items: tuple[_JsonItem, ...]
    feed_url: _Url | UnsetType = UNSET
    home_page_url: _Url | UnsetType = UNSET


def _check_json(body: bytes) -> Iterator[str]:
    items = msgspec.json.decode(body, type=_JsonDocument).items
    yield from _find_repeated(item.id for item in items)
    for item in items:
        if item.content_html is UNSET and item.content_text is UNSET:
            yield f"holds an item without content ({item.id})"
        if item.date_published is UNSET and item.date_modified is UNSET:
            yield f"holds an item without date ({item.id})"


# Name of the format → what yields the faults of a document.
_CHECKS: Mapping[str, Callable[[bytes], Iterator[str]]] = {
    "rss": _RSS.check,
    "atom": _ATOM.check,
    "json": _check_json,
    "opml": _check_well_formed,
}
