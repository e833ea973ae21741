"""The reader of our own stories: Markdown, HTML and plain text files, with or without YAML front matter.

A file that cannot be read is left out with a warning; it never spoils the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from ...errors import ParseError
from ...model import (
    Category,
    Channel,
    Fetched,
    Link,
    Parsed,
    Person,
    PublicationWindow,
    Source,
    SourceFile,
    Story,
    Text,
)
from ..charset import decode
from ..document import is_included
from . import html, markdown, plain_text
from .front_matter import Unreadable, read_front_matter

# How a file ends → who reads it. What is not here is no story of ours.
WRITTEN: Mapping[str, Callable[[str], Story]] = {
    ".md": markdown.read,
    ".markdown": markdown.read,
    ".mdown": markdown.read,
    ".html": html.read,
    ".htm": html.read,
    ".xhtml": html.read,
    ".txt": plain_text.read,
    ".text": plain_text.read,
    "": plain_text.read,
}
# Media types of a story that comes by itself.
TEXT_SUFFIXES = {"text/plain": ".txt", "text/markdown": ".md", "text/x-markdown": ".md"}
Told = Mapping[str, object]
Written = tuple[Story, PublicationWindow | None]


def read(fetched: Fetched, source: Source) -> Parsed:
    """The stories of a folder, drafts left out."""
    stories: dict[str, Story] = {}
    windows: dict[str, PublicationWindow] = {}
    warnings: list[str] = []
    parts = tuple(part for part in fetched.files if is_included(part.name, source))
    newest = _newest(parts, source.max_items)
    taken = {part.name for part in newest}
    unread = [*fetched.unreadable, *(part.name for part in parts if part.name not in taken)]
    for part in newest:
        try:
            written = _story(part)
        except Unreadable as error:
            warnings.append(f"{part.name}: {error}")
            unread.append(part.name)
            continue
        if written is None or (story := written[0]).id is None:
            continue
        if story.id in stories:
            warnings.append(f"{part.name}: another file has the id {story.id!r} as well; this one is left out")
            continue
        stories[story.id] = story
        if written[1]:
            windows[story.id] = written[1]
    if len(parts) > source.max_items:
        warnings.append(f"only {source.max_items} of {len(parts)} files are read")
    base = fetched.url if "://" in fetched.url else None
    return Parsed(
        "files",
        base,
        stories=tuple(stories.values()),
        warnings=tuple(warnings),
        unreadable=tuple(unread),
        windows=windows,
    )


def read_text(fetched: Fetched) -> Parsed:
    """One document of text that came by itself."""
    name = PurePosixPath(fetched.url).name or "story"
    try:
        written = _written(decode(fetched.body, fetched.charset).text, TEXT_SUFFIXES[fetched.media_type])
    except Unreadable as error:
        raise ParseError(f"This is no story: {error}.", kind="not_a_feed") from error
    if written is None:
        return Parsed(reader="files", base=fetched.url or None)
    story = replace(written[0], id=(id := written[0].id or fetched.url or name))
    windows = {id: written[1]} if written[1] else {}
    channel = Channel(title=story.title)
    return Parsed("files", fetched.url or None, channel, stories=(story,), windows=windows)


def _newest(parts: tuple[SourceFile, ...], most: int) -> tuple[SourceFile, ...]:
    if len(parts) <= most:
        return parts
    kept = sorted(parts, key=lambda part: part.modified, reverse=True)[:most]
    return tuple(part for part in parts if part in kept)


def _story(part: SourceFile) -> Written | None:
    suffix = PurePosixPath(part.name).suffix.lower()
    if suffix not in WRITTEN:
        raise Unreadable(f"stories are Markdown, HTML or plain text, not `{suffix}`")
    if b"\0" in part.body[:4] or part.body.count(b"\0") > len(part.body) // 2 + 1:
        raise Unreadable("this is no text")
    charset = html.find_charset(part.body) if WRITTEN[suffix] is html.read else None
    written = _written(decode(part.body, charset).text, suffix)
    if written is None:
        return None
    story, window = written
    return replace(story, id=story.id or part.name, file=part.name), window


def _written(text: str, suffix: str) -> Written | None:
    """The story of a text and when it may be published; none where its front matter holds it back."""
    front = read_front_matter(text)
    if front.held:
        return None
    if not front.body.strip() and not front.values:
        raise Unreadable("the file is empty")
    return _overruled(WRITTEN[suffix](front.body), front.values), front.window


def _overruled(story: Story, told: Told) -> Story:
    """The story with what its front matter says, which counts more than what was found in the text."""
    title, summary = _word(told, "title"), _word(told, "summary")
    changes: dict[str, object] = {
        "id": _word(told, "id"),
        "title": Text(title, "text") if title else None,
        "summary": Text(summary, "text") if summary else None,
        "published": _word(told, "date"),
        "updated": _word(told, "updated"),
        "language": _word(told, "language"),
        "people": tuple(filter(None, map(_person, _many(told.get("author"))))),
        "categories": tuple(Category(term) for term in _terms(told.get("tags"))),
        "image": Link(image, "image") if (image := _word(told, "image")) else None,
        "links": tuple(_links(told)),
    }
    kept = {name: value for name, value in changes.items() if value}
    found = {**story.found, **dict.fromkeys(kept, "front matter")}
    return replace(story, **kept, found=found)  # type: ignore[arg-type]


def _links(told: Told) -> Iterator[Link]:
    if link := _word(told, "link"):
        yield Link(link)
    for file in filter(None, map(_plain, _many(told.get("enclosure")))):
        yield Link(file, "enclosure")


def _word(told: Told, name: str) -> str | None:
    return _plain(told.get(name))


def _plain(value: object) -> str | None:
    """A scalar as text; YAML has made dates of some."""
    if value is None or isinstance(value, bool | list | dict | set):
        return None
    return " ".join(str(value).split()) or None


def _many(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _terms(value: object) -> list[str]:
    terms = value.split(",") if isinstance(value, str) else _many(value)
    return list(dict.fromkeys(filter(None, (_plain(term) for term in terms))))


def _person(value: object) -> Person | None:
    if isinstance(value, dict):
        name, email, url = (_plain(value.get(key)) for key in ("name", "email", "url"))
        return Person(name, email, url) if name or email else None
    name = _plain(value)
    return Person(name) if name else None
