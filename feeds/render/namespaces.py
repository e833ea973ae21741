"""Elements of other namespaces in RSS and Atom (media, podcasts, comments), and how to add elements to a document."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from lxml import etree

from ..iri import is_absolute_iri, uri
from ..model import Article, Attachment, Comments, Media, Podcast
from ..podcast_categories import SEPARATOR
from .formatting import UNKNOWN_MEDIA_TYPE

XmlElement = etree._Element

# Every document declares all of them, whatever it holds, so that an article never changes the first line.
NAMESPACES: Mapping[str, str] = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "media": "http://search.yahoo.com/mrss/",
    "podcast": "https://podcastindex.org/namespace/1.0",
    "slash": "http://purl.org/rss/1.0/modules/slash/",
    "wfw": "http://wellformedweb.org/CommentAPI/",
}
HISTORY_NAMESPACE = "http://purl.org/syndication/history/1.0"  # RFC 5005; of archive documents alone
ATOM_LINK = "{http://www.w3.org/2005/Atom}link"
ATOM_UPDATED = "{http://www.w3.org/2005/Atom}updated"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


# ── elements ────────────────────────────────────────────────────────────────────────────────────────────────────────


def qualified_name(prefix: str, name: str) -> str:
    """Return the name of an element with its namespace, as lxml takes it."""
    return f"{{{NAMESPACES[prefix]}}}{name}"


def add_text_element(parent: XmlElement, name: str, text: str | None) -> None:
    """Append an element with a text, unless the text is empty."""
    if text:
        etree.SubElement(parent, name).text = text


def add_element(parent: XmlElement, name: str, **attributes: str | None) -> XmlElement:
    """Append an element with those of the attributes that have a value."""
    element = etree.SubElement(parent, name)
    for key, value in attributes.items():  # one by one: lxml takes a whole mapping more slowly
        if value is not None:
            element.set(key, value)
    return element


def set_text(parent: XmlElement, name: str, text: str | None) -> None:
    """Replace the text of the child elements of that name."""
    for element in parent.findall(name):
        element.text = text


def remove_elements(parent: XmlElement, name: str) -> None:
    """Remove the child elements of that name."""
    for element in parent.findall(name):
        parent.remove(element)


# ── modules ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_MEDIA_CONTENT = qualified_name("media", "content")
_MEDIA_THUMBNAIL = qualified_name("media", "thumbnail")
_MEDIA_TITLE = qualified_name("media", "title")
_COMMENT_FEED = qualified_name("wfw", "commentRss")
_COMMENT_COUNT = qualified_name("slash", "comments")
_PODCAST_IMAGE = qualified_name("itunes", "image")
_PLAYABLE = ("audio/", "video/")


def _spell_text(limit: int) -> Callable[[str], str]:
    """Return how a text of at most so many characters is spelled: on one line, cut between words."""

    def spell(text: str) -> str:
        line = " ".join(text.split())
        return line if len(line) <= limit else line[: limit - 1].rpartition(" ")[0] + "…"

    return spell


def _spell_word(words: Mapping[str, str]) -> Callable[[str], str | None]:
    """Return how one of the words is spelled that mean the same to publishers."""
    return lambda text: words.get(text.strip().lower())


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


_DURATION = re.compile(r"(?![0:.]*\Z)(\d{1,9}(?::[0-5]\d){0,2})(?:\.\d+)?", re.ASCII)
_NUMBER = re.compile(r"0{0,9}([1-9]\d{0,17})", re.ASCII)
_TRUE, _FALSE = ("true", "yes", "explicit", "1"), ("false", "no", "clean", "0")

# Key of `Article.podcast`, in small letters without `_` → the iTunes element and how it spells the fact, in the order
# of writing. What readers of podcasts do not take is left out.
_PODCAST_ELEMENTS: Mapping[str, tuple[str, Callable[[str], str | None]]] = {
    name.lower(): (qualified_name("itunes", name), spell)
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


def add_module_elements(parent: XmlElement, article: Article) -> None:
    """Append what an article holds beyond RSS and Atom themselves."""
    if article.comments:
        _add_comments(parent, article.comments)
    if article.image or article.media:
        _add_images_and_media(parent, article)
    if article.podcast:
        _add_podcast(parent, article)


def add_attachment(parent: XmlElement, attachment: Attachment) -> None:
    """Append an attachment as Media RSS, where the format has no element left for it (R29)."""
    content = add_element(
        parent,
        _MEDIA_CONTENT,
        url=attachment.url,
        type=attachment.media_type or UNKNOWN_MEDIA_TYPE,
        fileSize=None if attachment.size is None else str(attachment.size),
        duration=None if attachment.duration is None else f"{attachment.duration:.0f}",
    )
    add_text_element(content, _MEDIA_TITLE, attachment.title)


def find_unstated_durations(article: Article, attachments: Iterable[Attachment]) -> Iterator[Attachment]:
    """Yield those of the attachments whose duration no podcast element states: it states that of the first."""
    stated = article.attachments[:1] if article.podcast else ()
    return (attachment for attachment in attachments if attachment.duration and attachment not in stated)


def _add_comments(parent: XmlElement, comments: Comments) -> None:
    add_text_element(parent, _COMMENT_FEED, comments.feed)
    if comments.count and comments.count.isdecimal():
        add_text_element(parent, _COMMENT_COUNT, comments.count)


def _add_images_and_media(parent: XmlElement, article: Article) -> None:
    """Append the lead image and the other media, each address once."""
    urls = {attachment.url for attachment in article.attachments}
    if article.image:
        add_element(parent, _MEDIA_THUMBNAIL, url=article.image)
    for medium in article.media:
        if medium.url not in urls and not (medium.role == "thumbnail" and medium.url == article.image):
            urls.add(medium.url)
            _add_medium(parent, medium)


def _spell_pattern(pattern: str) -> Callable[[str], str | None]:
    """Return how a value of that pattern is spelled: as it is."""
    match = re.compile(pattern, re.ASCII).fullmatch
    return lambda text: text if match(text) else None


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


def _add_medium(parent: XmlElement, medium: Media) -> None:
    if medium.role == "thumbnail":
        width, height = (_spell_number(size or "") for size in (medium.width, medium.height))
        add_element(parent, _MEDIA_THUMBNAIL, url=medium.url, width=width, height=height)
        return
    values = {name: spell(getattr(medium, field) or "") for name, (field, spell) in _MEDIA_ATTRIBUTES.items()}
    content = add_element(parent, _MEDIA_CONTENT, url=medium.url, **values)
    add_text_element(content, _MEDIA_TITLE, medium.title)


def _add_podcast(parent: XmlElement, article: Article) -> None:
    values = {name.lower().replace("_", ""): value for name, value in article.podcast.items()}
    if article.attachments and article.attachments[0].duration and not _spell_duration(values.get("duration", "")):
        values["duration"] = f"{article.attachments[0].duration:.0f}"
    if article.show and article.show.explicit:
        values.setdefault("explicit", "true")
    for name, (element_name, spell) in _PODCAST_ELEMENTS.items():
        if value := values.get(name):
            add_text_element(parent, element_name, spell(value))
    for name, types in _PODCAST_FILES.items():
        if (address := uri(values.get(name, ""))) and is_absolute_iri(address):
            media_type = types.get(address.rpartition(".")[2].lower(), next(iter(types.values())))
            add_element(parent, qualified_name("podcast", name), url=address, type=media_type)
    is_episode = bool(article.attachments) and article.attachments[0].media_type.startswith(_PLAYABLE)
    _add_cover(parent, values.get("image") or (article.image if is_episode else None))


def _add_cover(parent: XmlElement, address: str | None) -> None:
    if address and is_absolute_iri(address := uri(address)):
        add_element(parent, _PODCAST_IMAGE, href=address)


def add_show_elements(parent: XmlElement, podcast: Podcast) -> None:
    """Append what directories of podcasts ask of a show."""
    add_text_element(parent, qualified_name("itunes", "author"), podcast.author)
    for path in podcast.category:
        element = parent
        for name in path.split(SEPARATOR):
            element = add_element(element, qualified_name("itunes", "category"), text=name)
    add_text_element(parent, qualified_name("itunes", "explicit"), "true" if podcast.explicit else "false")
    if podcast.owner:
        owner = add_element(parent, qualified_name("itunes", "owner"))
        add_text_element(owner, qualified_name("itunes", "name"), podcast.author)
        add_text_element(owner, qualified_name("itunes", "email"), podcast.owner)
    add_text_element(parent, qualified_name("itunes", "type"), podcast.type)
    _add_cover(parent, podcast.image)
