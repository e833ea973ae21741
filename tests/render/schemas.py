"""What the schemas say of a document: RELAX NG for Atom, types for JSON Feed, spellings that validators ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
from lxml import etree
from msgspec import UNSET, Meta, Struct, UnsetType

RELAX_NG = etree.RelaxNG(etree.parse(Path(__file__).parent.parent / "data" / "render" / "atom.rng"))

# ── JSON Feed 1.1, https://www.jsonfeed.org/version/1.1/ ────────────────────────────────────────────────────────────

Text = Annotated[str, Meta(min_length=1)]
Url = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:(?:[!#$&-;=?-Z_a-z~\[\]]|%[0-9A-Fa-f]{2})+$")]
Date = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")]
Language = Annotated[str, Meta(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$")]
MediaType = Annotated[str, Meta(pattern=r"^[^\s/]+/[^\s/]+$")]


class JsonAuthor(Struct, forbid_unknown_fields=True):
    """An author, in a document or an item."""

    name: Text | UnsetType = UNSET
    url: Url | UnsetType = UNSET
    avatar: Url | UnsetType = UNSET


class JsonAttachment(Struct, forbid_unknown_fields=True):
    """A file of an item."""

    url: Url
    mime_type: MediaType
    title: Text | UnsetType = UNSET
    size_in_bytes: int | UnsetType = UNSET
    duration_in_seconds: float | UnsetType = UNSET


class JsonHub(Struct, forbid_unknown_fields=True):
    """A hub of a document."""

    type: Text
    url: Url


class JsonItem(Struct, forbid_unknown_fields=True):
    """An item."""

    id: Text
    url: Url | UnsetType = UNSET
    external_url: Url | UnsetType = UNSET
    title: Text | UnsetType = UNSET
    content_html: Text | UnsetType = UNSET
    content_text: str | UnsetType = UNSET
    summary: Text | UnsetType = UNSET
    image: Url | UnsetType = UNSET
    banner_image: Url | UnsetType = UNSET
    date_published: Date | UnsetType = UNSET
    date_modified: Date | UnsetType = UNSET
    authors: list[JsonAuthor] | UnsetType = UNSET
    author: JsonAuthor | UnsetType = UNSET
    tags: list[Text] | UnsetType = UNSET
    language: Language | UnsetType = UNSET
    attachments: list[JsonAttachment] | UnsetType = UNSET
    _feeds: dict[str, Any] | UnsetType = UNSET


class JsonDocument(Struct, forbid_unknown_fields=True):
    """A whole JSON Feed."""

    version: Url
    title: Text
    items: list[JsonItem]
    home_page_url: Url | UnsetType = UNSET
    feed_url: Url | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    next_url: Url | UnsetType = UNSET
    icon: Url | UnsetType = UNSET
    favicon: Url | UnsetType = UNSET
    authors: list[JsonAuthor] | UnsetType = UNSET
    author: JsonAuthor | UnsetType = UNSET
    language: Language | UnsetType = UNSET
    expired: bool | UnsetType = UNSET
    _feeds: dict[str, Any] | UnsetType = UNSET
    hubs: list[JsonHub] | UnsetType = UNSET


def _json_errors(body: bytes) -> Iterator[str]:
    try:
        document = msgspec.json.decode(body, type=JsonDocument)
    except msgspec.ValidationError as error:
        yield str(error)
        return
    for item in document.items:
        if item.date_published is UNSET and item.date_modified is UNSET:
            yield f"no date: {item.id}"
        if item.content_html is not UNSET and (address := _ODD_ADDRESS.search(item.content_html)):
            yield address[0]


# ── RSS and Atom ────────────────────────────────────────────────────────────────────────────────────────────────────

_ODD_ADDRESS = re.compile(r' (?:href|src|poster)="[^"]*[^!-~][^"]*"')
_ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[!#$%&'()*+,\-./0-9:;=?@A-Z_a-z~]|\[[0-9A-Fa-f:.]+\])+")
_SPELLINGS = {
    "explicit": "true|false",
    "block": "yes|no",
    "duration": r"\d+(:[0-5]\d){0,2}",
    "season": r"[1-9]\d*",
    "episode": r"[1-9]\d*",
    "episodeType": "full|trailer|bonus",
    "subtitle": r".{1,255}",
    "summary": r"(?s:.{1,4000})",
}
_DATED = {"item": ("pubDate",), "{http://www.w3.org/2005/Atom}entry": ("{http://www.w3.org/2005/Atom}updated",)}


def _xml_errors(root: etree._Element) -> Iterator[str]:
    for element in root.iter(etree.Element):
        name = str(element.tag)
        addresses = [value for key, value in element.items() if key in ("href", "url")]
        if name in ("link", "comments", "url") and element.text:
            addresses.append(element.text)
        yield from (f"no URL: {address}" for address in addresses if not _URL.fullmatch(address))
        spelling = _SPELLINGS.get(name.removeprefix(_ITUNES)) if name.startswith(_ITUNES) else None
        if spelling and not re.fullmatch(spelling, element.text or ""):
            yield f"{name}: {element.text}"
        if any(element.find(date) is None for date in _DATED.get(name, ())):
            yield f"no date: {etree.tostring(element)[:200]!r}"
        if name.endswith(("content", "description", "encoded")) and (
            address := _ODD_ADDRESS.search(element.text or "")
        ):
            yield address[0]


def schema_errors(suffix: str, body: bytes) -> list[str]:
    """Return what the schema of a format finds wrong in a document."""
    if suffix == "json":
        return list(_json_errors(body))
    if suffix == "html":
        return []  # no schema is whole, the validator has the rules
    root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    errors = list(_xml_errors(root))
    if suffix == "atom" and not RELAX_NG.validate(root):
        errors += [str(error) for error in RELAX_NG.error_log]
    return errors
