"""What an entry of RSS or Atom holds beyond what feedgen writes, as text: links, media, podcasts, comments.

feedgen 1.0 knows one enclosure, drops rel, type and length on the links of Atom entries, and has no related links.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from ..iri import is_absolute_iri, uri
from ..model import Article, Attachment, Comments, Media
from .formatting import UNKNOWN_MEDIA_TYPE
from .xml_text import element, empty_element, parent_element

_PLAYABLE = ("audio/", "video/")


def related_links(name: str, article: Article) -> str:
    """Return links to the page that a link post is about, and to the story at other sources."""
    link = empty_element(name, rel="related", href=article.external_url) if article.external_url else ""
    return link + "".join(
        empty_element(name, rel="related", href=twin.url, title=twin.title) for twin in article.also_at
    )


def attachment_elements(attachments: Iterable[Attachment]) -> str:
    """Return attachments as Media RSS, where the format has no element left for them (R29)."""
    return "".join(
        parent_element(
            "media:content",
            element("media:title", attachment.title),
            url=attachment.url,
            type=attachment.media_type or UNKNOWN_MEDIA_TYPE,
            fileSize=None if attachment.size is None else str(attachment.size),
            duration=None if attachment.duration is None else f"{attachment.duration:.0f}",
        )
        for attachment in attachments
    )


def find_unstated_durations(article: Article, attachments: Iterable[Attachment]) -> Iterator[Attachment]:
    """Yield those of the attachments whose duration no podcast element states: it states that of the first."""
    stated = article.attachments[:1] if article.podcast else ()
    return (attachment for attachment in attachments if attachment.duration and attachment not in stated)


def module_elements(article: Article) -> str:
    """Return what an article holds beyond RSS and Atom themselves."""
    comments = _comments(article.comments) if article.comments else ""
    media = _images_and_media(article) if article.image or article.media else ""
    return comments + media + (_podcast(article) if article.podcast else "")


def _comments(comments: Comments) -> str:
    count = comments.count if comments.count and comments.count.isdecimal() else None
    return element("wfw:commentRss", comments.feed) + element("slash:comments", count)


# ── media ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _spell_duration(text: str) -> str | None:
    """Return whole seconds, or H:MM:SS."""
    match = _DURATION.fullmatch(text.strip())
    return match[1] if match else None


def _spell_seconds(text: str) -> str | None:
    """Return whole seconds."""
    parts = (_spell_duration(text) or "0").split(":")
    return str(sum(int(part) * 60**power for power, part in enumerate(reversed(parts)))) if parts != ["0"] else None


def _spell_number(text: str) -> str | None:
    """Return a whole number above zero."""
    match = _NUMBER.fullmatch(text.strip())
    return match[1] if match else None


def _spell_pattern(pattern: str) -> Callable[[str], str | None]:
    """Return how a value of that pattern is spelled: as it is."""
    match = re.compile(pattern, re.ASCII).fullmatch
    return lambda text: text if match(text) else None


_DURATION = re.compile(r"(?![0:.]*\Z)(\d{1,9}(?::[0-5]\d){0,2})(?:\.\d+)?", re.ASCII)
_NUMBER = re.compile(r"0{0,9}([1-9]\d{0,17})", re.ASCII)

# Attribute of `media:content` → the field of a medium, and how its value is spelled; others are left out.
_MEDIA_ATTRIBUTES: Mapping[str, tuple[str, Callable[[str], str | None]]] = {
    "type": ("type", _spell_pattern(r"[\w.+-]+/[\w.+-]+")),
    "medium": ("medium", _spell_pattern("image|audio|video|document|executable")),
    "fileSize": ("length", _spell_number),
    "width": ("width", _spell_number),
    "height": ("height", _spell_number),
    "duration": ("duration", _spell_seconds),
    "lang": ("language", _spell_pattern(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")),
}


def _images_and_media(article: Article) -> str:
    """Return the lead image and the other media, each address once."""
    elements = [empty_element("media:thumbnail", url=article.image)] if article.image else []
    urls = {attachment.url for attachment in article.attachments}
    for medium in article.media:
        if medium.url not in urls and not (medium.role == "thumbnail" and medium.url == article.image):
            urls.add(medium.url)
            elements.append(_medium(medium))
    return "".join(elements)


def _medium(medium: Media) -> str:
    if medium.role == "thumbnail":
        width, height = (_spell_number(size or "") for size in (medium.width, medium.height))
        return empty_element("media:thumbnail", url=medium.url, width=width, height=height)
    values = {name: spell(getattr(medium, field) or "") for name, (field, spell) in _MEDIA_ATTRIBUTES.items()}
    return parent_element("media:content", element("media:title", medium.title), url=medium.url, **values)


# ── podcasts ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _spell_text(limit: int) -> Callable[[str], str]:
    """Return how a text of at most so many characters is spelled: on one line, cut between words."""

    def spell(text: str) -> str:
        line = " ".join(text.split())
        return line if len(line) <= limit else line[: limit - 1].rpartition(" ")[0] + "…"

    return spell


def _spell_word(words: Mapping[str, str]) -> Callable[[str], str | None]:
    """Return how one of the words is spelled that mean the same to publishers."""
    return lambda text: words.get(text.strip().lower())


_TRUE, _FALSE = ("true", "yes", "explicit", "1"), ("false", "no", "clean", "0")

# Key of `Article.podcast`, in small letters without `_` → the iTunes element and how it spells the fact, in the order
# of writing. What readers of podcasts do not take is left out.
_PODCAST_ELEMENTS: Mapping[str, tuple[str, Callable[[str], str | None]]] = {
    name.lower(): (f"itunes:{name}", spell)
    for name, spell in (
        ("title", _spell_text(255)),
        ("author", _spell_text(255)),
        ("subtitle", _spell_text(255)),
        ("summary", _spell_text(4_000)),
        ("duration", _spell_duration),
        ("season", _spell_number),
        ("episode", _spell_number),
        ("episodeType", _spell_word({word: word for word in ("full", "trailer", "bonus")})),
        ("explicit", _spell_word(dict.fromkeys(_TRUE, "true") | dict.fromkeys(_FALSE, "false"))),
        ("block", _spell_word(dict.fromkeys(_TRUE, "yes") | dict.fromkeys(_FALSE, "no"))),
        ("keywords", _spell_text(255)),
    )
}
# Key of `Article.podcast` → the types of the file that it names, by the end of its address; the first is the usual one.
_PODCAST_FILES: Mapping[str, Mapping[str, str]] = {
    "transcript": {"vtt": "text/vtt", "srt": "application/srt", "json": "application/json", "html": "text/html"},
    "chapters": {"json": "application/json+chapters"},
}


def _podcast(article: Article) -> str:
    values = {name.lower().replace("_", ""): value for name, value in article.podcast.items()}
    if article.attachments and article.attachments[0].duration and not _spell_duration(values.get("duration", "")):
        values["duration"] = f"{article.attachments[0].duration:.0f}"
    if article.show and article.show.explicit:
        values.setdefault("explicit", "true")
    elements = [
        element(element_name, spell(value))
        for name, (element_name, spell) in _PODCAST_ELEMENTS.items()
        if (value := values.get(name))
    ]
    for name, types in _PODCAST_FILES.items():
        if (address := uri(values.get(name, ""))) and is_absolute_iri(address):
            media_type = types.get(address.rpartition(".")[2].lower(), next(iter(types.values())))
            elements.append(empty_element(f"podcast:{name}", url=address, type=media_type))
    is_episode = bool(article.attachments) and article.attachments[0].media_type.startswith(_PLAYABLE)
    if cover := cover_address(values.get("image") or (article.image if is_episode else None)):
        elements.append(empty_element("itunes:image", href=cover))
    return "".join(elements)


def cover_address(address: str | None) -> str | None:
    """Return the address of the cover of a podcast or an episode, if it is one."""
    spelled = uri(address) if address else ""
    return spelled if is_absolute_iri(spelled) else None
