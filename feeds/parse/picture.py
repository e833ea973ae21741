"""Pictures on a page: which address of an element is the real and largest one, and which picture leads the story."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from lxml import etree

from feeds.parse import jsonld
from feeds.parse.ground import Ground
from feeds.parse.webpage import WebPage, joined, squeezed, words_of

Element = etree._Element

# Where pages put the address while a picture is not loaded yet, the better first.
SETS = ("srcset", "data-srcset", "data-lazy-srcset", "data-original-set", "data-src-set")
LAZY = (
    "data-src", "data-original", "data-lazy-src", "data-lazy", "data-full-src", "data-hi-res-src", "data-url", "data-image",
    "data-img", "data-default-src", "data-large", "data-actualsrc",
)  # fmt: skip
NO_PICTURE = re.compile(
    r"(?:^|[/_.-])(?:spacer|blank|pixel|placeholder|transparent|loading|loader|lazy|dummy|empty|1x1|logo|icon|favicon|sprite"
    r"|avatar|gravatar|emoji|badge|button|share|tracking|default-(?:image|thumb))(?:[/_.-]|\d|$)|\.svg(?:$|\?)",
    re.I,
)
AVATAR = re.compile(r"avatar|author|profile|gravatar|portrait-small|byline|logo|icon|emoji|badge", re.I)
FORMATS = re.compile(r"\.(?:jpe?g|png|webp|gif)(?:$|[?#&])", re.I)
CANDIDATE = re.compile(r"\s*(\S*[^\s,])(?:\s+([\d.]+)([wxh])(?:\s+[\d.]+h)?)?\s*(?:,|$)")
LEAST = 100
# What two addresses of the same picture share: a number or a name that nobody else has.
SHARED = re.compile(r"[a-z0-9][a-z0-9_%-]{7,}", re.I)
COMMON = re.compile(r"[a-z]{1,40}|\d{1,4}(?:[x_-]\d{1,4})+|(?:landscape|image|picture|photo|upload|resize|width|quality)\w*", re.I)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a page: its best address, all its addresses, its words."""

    url: str
    all: tuple[str, ...]
    alt: str = ""
    caption: str = ""


def picture_of(element: Element, base: str) -> Picture | None:
    """The picture of an `img`, `picture` or `figure`; none where it only fills a place."""
    image = element if element.tag == "img" else next(element.iter("img"), None)
    if image is not None and _is_small(image):
        return None
    ranked = [address for address in _addresses(element, image) if address]
    urls = list(dict.fromkeys(url for address in ranked if (url := _usable(address, base))))
    if not urls:
        return None
    alt = squeezed(image.get("alt") or "") if image is not None else ""
    return Picture(urls[0], tuple(urls), alt[:500])


def _is_small(image: Element) -> bool:
    sizes = [size for name in ("width", "height") if (size := _number(image.get(name)))]
    return bool(sizes) and min(sizes) < LEAST or bool(AVATAR.search(image.get("class") or ""))


def _number(text: str | None) -> float | None:
    match = re.match(r"\s*(\d{1,5})(?:px)?\s*$", text or "")
    return float(match[1]) if match else None


def _addresses(element: Element, image: Element | None) -> Iterator[str]:
    """All addresses, the best first: the largest of the image's own set, its own, then those of its sources."""
    if image is not None:
        for name in SETS:
            yield from _largest(image.get(name))
        for name in (*LAZY, "src"):
            yield image.get(name) or ""
    holder = image.getparent() if image is not None and element.tag == "img" else element
    if holder is not None and (holder.tag == "picture" or element.tag != "img"):
        sources = [one for one in holder.iter("source") if "video" not in (one.get("type") or "")]
        for source in sorted(sources, key=lambda one: "avif" in (one.get("type") or "")):
            for name in (*SETS, "src"):
                yield from _largest(source.get(name))


def _largest(value: str | None) -> list[str]:
    """The addresses of a set, the largest first."""
    if not value:
        return []
    found = [(float(size or 1), address) for address, size, _ in CANDIDATE.findall(value[:20_000]) if address]
    return [address for _, address in sorted(found, key=lambda one: -one[0])]


def _usable(address: str, base: str) -> str | None:
    if address.startswith("data:") or NO_PICTURE.search(urlsplit_path(address)):
        return None
    return joined(base, address)


def urlsplit_path(address: str) -> str:
    """The path of an address, whatever it is."""
    try:
        return urlsplit(address).path
    except ValueError:
        return ""


# ── which one leads ─────────────────────────────────────────────────────────────────────────────────────────────────


def find(page: WebPage, story: jsonld.Node, shown: list[Picture]) -> tuple[str, str] | None:
    """The address of the lead image, and where it was found.

    `shown` are the pictures of the story in their order. What the head names for social networks is often cut for them
    or carries their lettering: where the same picture is shown in the story, that address counts.
    """
    told = list(_told(page, story))
    for address, where in told:
        for picture in shown[:12]:
            if _same(address, picture):
                return picture.url, f"{where}, as shown"
    if shown:
        return shown[0].url, "first picture"
    return told[0] if told else None


def _told(page: WebPage, story: jsonld.Node) -> Iterator[tuple[str, str]]:
    for name in ("og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src"):
        for address in page.meta.get(name, ())[:1]:
            if (url := joined(page.base, address)) and not NO_PICTURE.search(urlsplit_path(url)):
                yield url, f"meta {name}"
    for value in jsonld.several(story.get("image"))[:3] + jsonld.several(story.get("thumbnailUrl"))[:1]:
        value = page.data.resolved(value)
        if isinstance(value, dict):
            value = value.get("url") or value.get("contentUrl") or value.get("@id")
        if (address := jsonld.text(value)) and (url := joined(page.base, address)):
            yield url, "json-ld image"


def _same(address: str, picture: Picture) -> bool:
    ours = _marks(address)
    return any(ours & _marks(url) for url in picture.all[:4]) or address in picture.all


def _marks(address: str) -> set[str]:
    """What only this picture's addresses have: long numbers and names."""
    plain = unquote(unquote(address)).lower()
    path = plain.partition("://")[2].partition("/")[2]
    tokens = SHARED.findall(re.sub(r"\.(?:jpe?g|png|webp|gif|avif)\b", " ", path))
    return {token for token in tokens if any(char.isdigit() for char in token) or len(token) > 14}


def shown_in(region: Element, place: Element, ground: Ground, base: str) -> list[Picture]:
    """The pictures from the headline to the end of the story, those of the furniture left out."""
    found: list[Picture] = []
    inside = False
    walk = etree.iterwalk(region, events=("start", "end"))
    for event, element in walk:
        if event == "end":
            if element is place:
                break
            continue
        if element in ground.furniture and element is not place and element.tag != "figure":
            walk.skip_subtree()
        elif element.tag in ("img", "picture"):
            walk.skip_subtree()
            if picture := picture_of(element, base):
                found.append(picture)
    return found
