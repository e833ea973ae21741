"""Pictures on a page: the real and largest URL of each, and the lead image of the story."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from lxml import etree

from ...model import FieldCandidate
from ..document import MAX_REFERENCE_LENGTH, resolve_http_url
from . import boilerplate, json_ld
from .html_tree import Element, WebPage, collapse_spaces, get_path, get_text

NON_PICTURE_PATH = re.compile(
    r"(?:^|[/_.-])(?:spacer|blank|pixel|placeholder|transparent|loading|loader|lazy|dummy|empty|1x1|logos?|icons?|favicon|sprite"
    r"|avatars?|gravatar|authors?|emoji|badge|button|share|tracking|default-(?:image|thumb))(?:[/_.-]|\d|$)|\.svg(?:$|\?)",
    re.I,
)
# Words in the name of a file that only counts visitors, in camel case too: `renderTimingPixel.png`.
COUNTER_WORDS = frozenset(
    ("pixel", "piwik", "matomo", "beacon", "tracker", "tracking", "counter", "spacer", "blank", "transparent")
)
NON_PICTURE_CLASS = re.compile(r"avatar|author|profile|gravatar|byline|logo|icon|emoji|badge", re.I)
PICTURE_URL = re.compile(r"(?:https?:)?//|/|[\w.-]+/|[\w.%-]+\.(?:jpe?g|png|webp|gif)", re.I)
SRCSET_CANDIDATE = re.compile(r"\s*(\S*[^\s,])(?:\s+([\d.]+)([wxh])(?:\s+[\d.]+h)?)?\s*(?:,|$)")
ZOOM_ATTRIBUTE = re.compile(r"full|zoom")
MIN_SIDE = 100  # pixels of the longer side
MAX_PICTURES = 60
MAX_CANDIDATES = 8
# What identifies a picture in its URLs: a long number or code, or a long name.
PICTURE_CODE = re.compile(r"(?=[a-z]*\d)[a-z0-9]{6,}")
PICTURE_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_+ ][a-z0-9]+){2,}")
DATE_OR_SIZE = re.compile(r"(?:19|20)\d{2}[01]\d(?:[0-3]\d)?|\d{2,4}x\d{2,4}")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a page: its best URL and all its URLs; `is_own` when it belongs to this story."""

    url: str
    urls: tuple[str, ...]
    alt: str = ""
    caption: str = ""
    is_own: bool = True


def parse_picture(element: Element, base_url: str, *, is_own: bool = True) -> Picture | None:
    """Return the picture of an `img`, `picture` or `figure`; None for an icon, an avatar or a placeholder."""
    image = element if element.tag == "img" else next(element.iter("img"), None)
    if image is not None and _is_small(image):
        return None
    urls = _resolve_urls(_iter_urls(element, image), base_url)
    if not urls:
        return None
    alt = collapse_spaces(image.get("alt") or "") if image is not None else ""
    caption = next((get_text(caption) for caption in element.iter("figcaption")), "")
    return Picture(urls[0], urls, alt[:500], caption[:500], is_own)


def _is_small(image: Element) -> bool:
    if NON_PICTURE_CLASS.search(image.get("class") or ""):
        return True
    if image.get("srcset"):
        return False
    sides = [side for name in ("width", "height") if (side := _parse_pixels(image.get(name)))]
    return bool(sides) and max(sides) < MIN_SIDE


def _parse_pixels(text: str | None) -> float | None:
    match = re.match(r"\s*(\d{1,5})(?:px)?\s*$", text or "")
    return float(match[1]) if match else None


def _iter_urls(element: Element, image: Element | None) -> Iterator[str]:
    """Yield all URLs, the best first: the largest of the image's own sets, its own, then those of its sources."""
    if image is not None:
        yield from _iter_attribute_urls(image)
    holder = image.getparent() if image is not None and element.tag == "img" else element
    if holder is not None and holder.tag in ("picture", "source"):
        holder = next(holder.iterancestors("picture"), holder)
    if holder is not None and (holder.tag == "picture" or element.tag != "img"):
        sources = [source for source in holder.iter("source") if "video" not in (source.get("type") or "")]
        for source in sorted(sources, key=lambda source: "avif" in (source.get("type") or "")):
            yield from _iter_attribute_urls(source)


def _iter_attribute_urls(element: Element) -> Iterator[str]:
    """Yield the URLs in an element's attributes; a lazy page keeps the real one in any `data-…src…`.

    What is loaded to look at a picture in full may be huge, and comes last.
    """
    attributes = [(str(name), str(value)) for name, value in element.attrib.items() if "src" in str(name)]
    for name, value in attributes:
        if "srcset" in name:
            yield from _parse_srcset(value)
    for name, value in sorted(
        attributes, key=lambda pair: (ZOOM_ATTRIBUTE.search(pair[0]) is not None, pair[0] == "src")
    ):
        if "srcset" not in name:
            yield value.strip()
    yield from (element.get(name) or "" for name in ("data-original", "data-lazy", "data-url", "data-image"))


def _parse_srcset(value: str) -> list[str]:
    """Return the URLs of a `srcset`, the largest first."""
    candidates = [
        (float(size or 1), url)
        for url, size, _ in SRCSET_CANDIDATE.findall(value[:20_000])
        if size.count(".") < 2 and size != "."
    ]
    return [url for _, url in sorted(candidates, key=lambda candidate: -candidate[0])]


def _resolve_urls(references: Iterable[str], base_url: str) -> tuple[str, ...]:
    """Return the references that may be pictures as absolute URLs, each once."""
    return tuple(dict.fromkeys(url for reference in references if (url := _resolve_picture_url(reference, base_url))))


def _resolve_picture_url(reference: str, base_url: str) -> str | None:
    if len(reference) > MAX_REFERENCE_LENGTH or not PICTURE_URL.match(reference):
        return None
    plain = unquote(reference)
    path = get_path(plain, plain)
    is_counter = not COUNTER_WORDS.isdisjoint(boilerplate.split_names(path.rpartition("/")[2]))
    return None if is_counter or NON_PICTURE_PATH.search(path) else resolve_http_url(base_url, reference)


# ── the lead image ──────────────────────────────────────────────────────────────────────────────────────────────────


def find_lead_image(page: WebPage, story: json_ld.JsonLdNode, pictures: list[Picture]) -> tuple[str, str] | None:
    """Return the URL of the lead image, and where it was found.

    `pictures` are those around the story in their order. What the head names for social networks is often cut for them
    or carries their lettering: where the same picture is shown with the story, that URL counts.
    """
    declared = list(_find_declared_images(page, story))
    for url, where in declared:
        marks = _find_marks(url)
        for picture in pictures:
            if url in picture.urls or any(marks & _find_marks(other) for other in picture.urls[:3]):
                return picture.url, f"{where}, as shown"
    own = next((picture for picture in pictures if picture.is_own), None)
    if own:
        return own.url, "first picture"
    return declared[0] if declared else None


def list_image_candidates(page: WebPage, story: json_ld.JsonLdNode, pictures: list[Picture]) -> list[FieldCandidate]:
    """Return what may be the lead image: what the page declares, then the pictures of the story."""
    declared = (FieldCandidate("image", url, where) for url, where in _find_declared_images(page, story))
    shown = (FieldCandidate("image", picture.url, "picture") for picture in pictures if picture.is_own)
    return [*declared, *shown][:MAX_CANDIDATES]


def find_pictures(region: Element, text_element: Element, base_url: str) -> list[Picture]:
    """Return the pictures from the headline to the end of the story."""
    pictures: list[Picture] = []
    depth_of_others = 0
    walk = etree.iterwalk(region, events=("start", "end"))
    for event, element in walk:
        is_other = element is not region and element is not text_element and boilerplate.is_other_content(element)
        if event == "end":
            depth_of_others -= is_other
            if element is text_element or len(pictures) >= MAX_PICTURES:
                break
            continue
        depth_of_others += is_other
        if element.tag in ("img", "picture"):
            walk.skip_subtree()
            if picture := parse_picture(element, base_url, is_own=not depth_of_others):
                pictures.append(picture)
        elif element.tag in ("nav", "footer", "script", "noscript"):
            walk.skip_subtree()
    return pictures


def _find_declared_images(page: WebPage, story: json_ld.JsonLdNode) -> Iterator[tuple[str, str]]:
    """Yield the images that the meta elements and the JSON-LD name, and where."""
    for name in ("og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src"):
        for content in page.meta.get(name, ())[:1]:
            if url := _resolve_picture_url(content, page.base_url):
                yield url, f"meta {name}"
    for value in [*json_ld.as_list(story.get("image"))[:3], *json_ld.as_list(story.get("thumbnailUrl"))[:1]]:
        image = page.json_ld.resolve(value)
        if isinstance(image, dict):
            image = image.get("url") or image.get("contentUrl") or image.get("@id")
        reference = json_ld.as_text(image)
        url = _resolve_picture_url(reference, page.base_url) if reference else None
        if url:
            yield url, "json-ld image"


def _find_marks(url: str) -> set[str]:
    """Return what only the URLs of one picture share: long numbers, codes and names in the path."""
    path = unquote(unquote(url)).lower().partition("://")[2].partition("/")[2].partition("?")[0]
    marks = (*PICTURE_CODE.findall(path), *PICTURE_NAME.findall(path))
    return {mark for mark in marks if len(mark) > 5 and not DATE_OR_SIZE.fullmatch(mark)}
