"""Pictures on a page: which address of an element is the real and largest one, and which picture leads the story."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from lxml import etree

from . import boilerplate, json_ld
from .html_tree import LONGEST_ADDRESS, Element, WebPage, joined, squeezed, words_of

NO_PICTURE = re.compile(
    r"(?:^|[/_.-])(?:spacer|blank|pixel|placeholder|transparent|loading|loader|lazy|dummy|empty|1x1|logos?|icons?|favicon|sprite"
    r"|avatars?|gravatar|authors?|emoji|badge|button|share|tracking|default-(?:image|thumb))(?:[/_.-]|\d|$)|\.svg(?:$|\?)",
    re.I,
)
AVATAR = re.compile(r"avatar|author|profile|gravatar|byline|logo|icon|emoji|badge", re.I)
ADDRESS = re.compile(r"(?:https?:)?//|/|[\w.-]+/|[\w.%-]+\.(?:jpe?g|png|webp|gif)", re.I)
CANDIDATE = re.compile(r"\s*(\S*[^\s,])(?:\s+([\d.]+)([wxh])(?:\s+[\d.]+h)?)?\s*(?:,|$)")
LEAST = 100  # of the sides of a picture
MANY = 60
# What only the addresses of one picture have: a long number or code, or a long name.
CODE = re.compile(r"(?=[a-z]*\d)[a-z0-9]{6,}")
NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_+ ][a-z0-9]+){2,}")
DATE = re.compile(r"(?:19|20)\d{2}[01]\d(?:[0-3]\d)?|\d{2,4}x\d{2,4}")


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a page: its best address, all its addresses, its words; `sure` when it is of this story."""

    url: str
    all: tuple[str, ...]
    alt: str = ""
    caption: str = ""
    sure: bool = True


def picture_of(element: Element, base: str, *, sure: bool = True) -> Picture | None:
    """The picture of an `img`, `picture` or `figure`; none where it only fills a place."""
    image = element if element.tag == "img" else next(element.iter("img"), None)
    if image is not None and _is_small(image):
        return None
    found = (_usable(address, base) for address in _addresses(element, image))
    urls = list(dict.fromkeys(url for url in found if url))
    if not urls:
        return None
    alt = squeezed(image.get("alt") or "") if image is not None else ""
    caption = next((words_of(one) for one in element.iter("figcaption")), "")
    return Picture(urls[0], tuple(urls), alt[:500], caption[:500], sure)


def _is_small(image: Element) -> bool:
    if AVATAR.search(image.get("class") or ""):
        return True
    if image.get("srcset"):
        return False
    sizes = [size for name in ("width", "height") if (size := _number(image.get(name)))]
    return bool(sizes) and max(sizes) < LEAST


def _number(text: str | None) -> float | None:
    match = re.match(r"\s*(\d{1,5})(?:px)?\s*$", text or "")
    return float(match[1]) if match else None


def _addresses(element: Element, image: Element | None) -> Iterator[str]:
    """All addresses, the best first: the largest of the image's own sets, its own, then those of its sources."""
    if image is not None:
        yield from _own(image)
    holder = image.getparent() if image is not None and element.tag == "img" else element
    if holder is not None and holder.tag in ("picture", "source"):
        holder = next((one for one in holder.iterancestors("picture")), holder)
    if holder is not None and (holder.tag == "picture" or element.tag != "img"):
        sources = [one for one in holder.iter("source") if "video" not in (one.get("type") or "")]
        for source in sorted(sources, key=lambda one: "avif" in (one.get("type") or "")):
            yield from _own(source)


def _own(element: Element) -> Iterator[str]:
    """The addresses in an element's attributes; a page may keep the real one in any `data-…src…` until it is needed."""
    named = [(str(name), str(value)) for name, value in element.attrib.items() if "src" in str(name)]
    for name, value in named:
        if "srcset" in name:
            yield from _largest(value)
    for name, value in sorted(named, key=lambda one: one[0] == "src"):
        if "srcset" not in name:
            yield value.strip()
    yield from (element.get(name) or "" for name in ("data-original", "data-lazy", "data-url", "data-image"))


def _largest(value: str) -> list[str]:
    """The addresses of a set, the largest first."""
    found = [(float(size or 1), address) for address, size, _ in CANDIDATE.findall(value[:20_000]) if _is_number(size)]
    return [address for _, address in sorted(found, key=lambda one: -one[0])]


def _is_number(size: str) -> bool:
    return size.count(".") < 2 and size != "."


def _usable(address: str, base: str) -> str | None:
    if len(address) > LONGEST_ADDRESS or not ADDRESS.match(address) or NO_PICTURE.search(_path(unquote(address))):
        return None
    return joined(base, address)


def _path(address: str) -> str:
    try:
        return urlsplit(address).path
    except ValueError:
        return address


# ── which one leads ─────────────────────────────────────────────────────────────────────────────────────────────────


def find(page: WebPage, story: json_ld.JsonLdNode, shown: list[Picture]) -> tuple[str, str] | None:
    """The address of the lead image, and where it was found.

    `shown` are the pictures of the story in their order. What the head names for social networks is often cut for them
    or carries their lettering: where the same picture is shown in the story, that address counts.
    """
    told = list(_told(page, story))
    pictures = [*shown, *_preloaded(page)]
    common = _common(shown)
    for address, where in told:
        marks = _marks(address) - common
        for picture in pictures:
            if address in picture.all or any(marks & _marks(url) for url in picture.all[:3]):
                return picture.url, f"{where}, as shown"
    sure = [picture for picture in shown if picture.sure]
    if sure:
        return sure[0].url, "first picture"
    return told[0] if told else None


def shown_in(region: Element, place: Element, base: str) -> list[Picture]:
    """The pictures from the headline to the end of the story."""
    found: list[Picture] = []
    others = 0
    walk = etree.iterwalk(region, events=("start", "end"))
    for event, element in walk:
        of_others = element is not region and element is not place and boilerplate.is_of_others(element)
        if event == "end":
            others -= of_others
            if element is place or len(found) >= MANY:
                break
            continue
        others += of_others
        if element.tag in ("img", "picture"):
            walk.skip_subtree()
            if picture := picture_of(element, base, sure=not others):
                found.append(picture)
        elif element.tag in ("nav", "footer", "script", "noscript"):
            walk.skip_subtree()
    return found


def _told(page: WebPage, story: json_ld.JsonLdNode) -> Iterator[tuple[str, str]]:
    for name in ("og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src"):
        for address in page.meta.get(name, ())[:1]:
            if url := _usable(address, page.base):
                yield url, f"meta {name}"
    for value in [*json_ld.several(story.get("image"))[:3], *json_ld.several(story.get("thumbnailUrl"))[:1]]:
        value = page.data.resolved(value)
        if isinstance(value, dict):
            value = value.get("url") or value.get("contentUrl") or value.get("@id")
        told = json_ld.text(value)
        usable = _usable(told, page.base) if told else None
        if usable:
            yield usable, "json-ld image"


def _preloaded(page: WebPage) -> Iterator[Picture]:
    """What the head asks browsers to load first."""
    for link in page.root.iter("link"):
        if link.get("as") == "image" and "preload" in (link.get("rel") or ""):
            found = [*_largest(link.get("imagesrcset") or ""), link.get("href") or ""]
            if urls := [url for address in found if (url := _usable(address, page.base))]:
                yield Picture(urls[0], tuple(urls), sure=False)


def _marks(address: str) -> set[str]:
    """What only this picture's addresses have."""
    path = unquote(unquote(address)).lower().partition("://")[2].partition("/")[2].partition("?")[0]
    return {mark for mark in (*CODE.findall(path), *NAME.findall(path)) if len(mark) > 5 and not DATE.fullmatch(mark)}


def _common(pictures: list[Picture]) -> set[str]:
    """Marks that are no marks, because many pictures have them."""
    counts = Counter(mark for url in {picture.url for picture in pictures} for mark in _marks(url))
    return {mark for mark, count in counts.items() if count > max(3, len(pictures) // 3)}
