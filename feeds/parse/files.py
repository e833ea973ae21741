"""The reader of our own stories: Markdown, HTML and plain text files, with or without YAML front matter.

A file that cannot be read is left out with a warning; it never spoils the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

# The library lets YAML's own error through; YAML itself belongs to config.
from frontmatter.default_handlers import YAMLHandler, yaml  # type: ignore[attr-defined]

from ..errors import ParseError
from ..model import Category, Channel, Fetched, Link, Parsed, Part, Person, Source, Story, Text
from . import htmlpage, markdown, plaintext
from .charset import decode

FIELDS = frozenset(
    ("id", "title", "date", "updated", "author", "tags", "image", "draft", "summary", "language", "link", "enclosure")
)
# The word a writer used → ours.
SYNONYMS = {
    "authors": "author",
    "published": "date",
    "modified": "updated",
    "lastmod": "updated",
    "categories": "tags",
    "keywords": "tags",
    "description": "summary",
    "excerpt": "summary",
    "lang": "language",
    "cover": "image",
    "url": "link",
    "canonical": "link",
    "guid": "id",
    "enclosures": "enclosure",
    "attachments": "enclosure",
    "audio": "enclosure",
}
# How a file ends → who reads it. What is not here is no story of ours.
WRITTEN: Mapping[str, Callable[[str], Story]] = {
    ".md": markdown.read,
    ".markdown": markdown.read,
    ".mdown": markdown.read,
    ".html": htmlpage.read,
    ".htm": htmlpage.read,
    ".xhtml": htmlpage.read,
    ".txt": plaintext.read,
    ".text": plaintext.read,
    "": plaintext.read,
}
# Media types of a story that comes by itself.
TEXTS = {"text/plain": ".txt", "text/markdown": ".md", "text/x-markdown": ".md"}
PREAMBLE = 65_536
Told = Mapping[str, object]


class Unreadable(Exception):
    """Why one file is no story."""


def read(fetched: Fetched, source: Source) -> Parsed:
    """The stories of a folder, drafts left out."""
    stories: dict[str, Story] = {}
    warnings: list[str] = []
    newest = _newest(fetched.parts, source.max_items)
    taken = {part.name for part in newest}
    unread = [*fetched.unread, *(part.name for part in fetched.parts if part.name not in taken)]
    for part in newest:
        try:
            story = _story(part)
        except Unreadable as error:
            warnings.append(f"{part.name}: {error}")
            unread.append(part.name)
            continue
        if story is None or story.id is None:
            continue
        if story.id in stories:
            warnings.append(f"{part.name}: another file has the id {story.id!r} as well; this one is left out")
            continue
        stories[story.id] = story
    if len(fetched.parts) > source.max_items:
        warnings.append(f"only {source.max_items} of {len(fetched.parts)} files are read")
    base = fetched.url if "://" in fetched.url else None
    return Parsed("files", base, stories=tuple(stories.values()), warnings=tuple(warnings), unread=tuple(unread))


def read_one(fetched: Fetched) -> Parsed:
    """One document of text that came by itself."""
    name = PurePosixPath(fetched.url).name or "story"
    try:
        story = _written(decode(fetched.body, fetched.charset).text, TEXTS[fetched.media_type])
    except Unreadable as error:
        raise ParseError(f"This is no story: {error}.", kind="not_a_feed") from error
    title = story.title if story else None
    stories = (replace(story, id=story.id or fetched.url or name),) if story else ()
    return Parsed(reader="files", base=fetched.url or None, channel=Channel(title=title), stories=stories)


def _newest(parts: tuple[Part, ...], most: int) -> tuple[Part, ...]:
    if len(parts) <= most:
        return parts
    kept = sorted(parts, key=lambda part: part.modified, reverse=True)[:most]
    return tuple(part for part in parts if part in kept)


def _story(part: Part) -> Story | None:
    suffix = PurePosixPath(part.name).suffix.lower()
    if suffix not in WRITTEN:
        raise Unreadable(f"stories are Markdown, HTML or plain text, not `{suffix}`")
    if b"\0" in part.body[:4] or part.body.count(b"\0") > len(part.body) // 2 + 1:
        raise Unreadable("this is no text")
    charset = htmlpage.charset(part.body) if WRITTEN[suffix] is htmlpage.read else None
    story = _written(decode(part.body, charset).text, suffix)
    return replace(story, id=story.id or part.name, file=part.name) if story else None


def _written(text: str, suffix: str) -> Story | None:
    """The story of a text; none where it is a draft."""
    told, body = _front_matter(text.lstrip("\ufeff"))
    if told.get("draft") is True or str(told.get("draft", "")).lower() in ("true", "yes", "1"):
        return None
    if not body.strip() and not told:
        raise Unreadable("the file is empty")
    return _overruled(WRITTEN[suffix](body), told)


def _front_matter(text: str) -> tuple[Told, str]:
    """What the preamble says, by our names, and the text below it. Only plain YAML is understood (S23)."""
    handler = YAMLHandler()
    if not handler.detect(text):
        return {}, text
    try:
        preamble, body = handler.split(text)
        if len(preamble) > PREAMBLE:
            raise Unreadable("its front matter is too long")
        told = handler.load(preamble)
    except yaml.YAMLError as error:
        raise Unreadable(f"its front matter is not YAML: {_shortly(error)}") from error
    except (ValueError, RecursionError):  # a line of dashes, and no second one
        return {}, text
    if not isinstance(told, dict):
        return {}, text
    names = {str(name).strip().lower(): value for name, value in told.items()}
    ours = {SYNONYMS.get(name, name): value for name, value in reversed(names.items())}
    return {name: value for name, value in ours.items() if name in FIELDS}, body


def _shortly(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


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
