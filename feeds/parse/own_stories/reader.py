"""The reader of our own stories: Markdown, HTML and plain text files, with or without YAML front matter.

A file that cannot be read is left out with a warning; the others are read.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath

from ...errors import FailureKind, ParseError
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
    replace,
)
from ..charset import decode
from ..document import is_included
from . import html, plain_text
from .front_matter import NULL_WORDS, UnreadableFile, read_front_matter, read_typed


def _read_markdown(text: str) -> Story:
    from . import markdown  # its parser is heavy, and feeds need none

    return markdown.read(text)


# Suffix of a file → reader. Files with other suffixes are not stories.
READERS: Mapping[str, Callable[[str], Story]] = {
    ".md": _read_markdown,
    ".markdown": _read_markdown,
    ".mdown": _read_markdown,
    ".html": html.read,
    ".htm": html.read,
    ".xhtml": html.read,
    ".txt": plain_text.read,
    ".text": plain_text.read,
    "": plain_text.read,
}
# Media type of a story that is fetched on its own → suffix.
TEXT_SUFFIXES = {"text/plain": ".txt", "text/markdown": ".md", "text/x-markdown": ".md"}
# Where an address or a date belongs, what YAML reads as null, true or false names none.
_NO_FACTS = frozenset((*NULL_WORDS, "true", "false", "yes", "no", "on", "off"))
_FrontMatterValues = Mapping[str, object]
_StoryAndWindow = tuple[Story, PublicationWindow | None]


def read(fetched: Fetched, source: Source) -> Parsed:
    """Return the stories of a folder without its drafts."""
    stories: dict[str, Story] = {}
    windows: dict[str, PublicationWindow] = {}
    earlier_ids: dict[str, str] = {}
    warnings: list[str] = []
    files = tuple(file for file in fetched.files if is_included(file.name, source))
    newest = _newest_files(files, source.max_items)
    names = {file.name for file in newest}
    unreadable = [*fetched.unreadable, *(file.name for file in files if file.name not in names)]
    for file in newest:
        try:
            result = _read_file(file)
        except UnreadableFile as error:
            warnings.append(f"{file.name}: {error}")
            unreadable.append(file.name)
            continue
        if result is None:
            continue
        story, window = result
        story_id = story.id or file.name
        if story_id in stories:
            warnings.append(f"{file.name}: another file has the id {story_id!r} as well; this one is left out")
            continue
        stories[story_id] = replace(story, id=story_id, file=file.name)
        earlier_ids[story_id] = _earlier_id(story.id, file.name)
        if window:
            windows[story_id] = window
    if len(files) > source.max_items:
        warnings.append(f"only {source.max_items} of {len(files)} files are read")
    return Parsed(
        "files",
        fetched.url if "://" in fetched.url else None,
        stories=tuple(stories.values()),
        warnings=tuple(warnings),
        unreadable=tuple(unreadable),
        windows=windows,
        earlier_ids={id: earlier for id, earlier in earlier_ids.items() if id != earlier},
    )


def read_text(fetched: Fetched) -> Parsed:
    """Return the story of one text document that was fetched on its own; raise ParseError where it is unreadable."""
    base = fetched.url or None
    try:
        result = _read_story(decode(fetched.body, fetched.charset).text, TEXT_SUFFIXES[fetched.media_type])
    except UnreadableFile as error:
        raise ParseError(f"This is not a story: {error}.", kind=FailureKind.NOT_A_FEED) from error
    if result is None:
        return Parsed("files", base)
    story, window = result
    story_id = story.id or fetched.url or "story"
    return Parsed(
        "files",
        base,
        Channel(title=story.title),
        stories=(replace(story, id=story_id),),
        windows={story_id: window} if window else {},
    )


def _earlier_id(id: str | None, name: str) -> str:
    """Return the id that earlier versions gave: they took YAML's types, and names in the form that the disk had."""
    if id is None:
        return unicodedata.normalize("NFD", name)
    value = read_typed(id)
    return name if value is None or isinstance(value, bool | list | dict) else str(value)


def _newest_files(files: tuple[SourceFile, ...], limit: int) -> tuple[SourceFile, ...]:
    """Return the files modified last, in the order of the folder."""
    if len(files) <= limit:
        return files
    newest = sorted(files, key=lambda file: file.modified, reverse=True)[:limit]
    return tuple(file for file in files if file in newest)


def _read_file(file: SourceFile) -> _StoryAndWindow | None:
    suffix = PurePosixPath(file.name).suffix.lower()
    if suffix not in READERS:
        raise UnreadableFile(f"stories are Markdown, HTML or plain text, not `{suffix}`")
    if b"\0" in file.body[:4] or file.body.count(b"\0") > len(file.body) // 2 + 1:
        raise UnreadableFile("the file is not text")
    charset = html.find_charset(file.body) if READERS[suffix] is html.read else None
    return _read_story(decode(file.body, charset).text, suffix)


def _read_story(text: str, suffix: str) -> _StoryAndWindow | None:
    """Return the story of a text and when it may be published, or None for a draft."""
    front_matter = read_front_matter(text)
    if front_matter.is_draft:
        return None
    if not front_matter.body.strip() and not front_matter.values:
        raise UnreadableFile("the file is empty")
    story = READERS[suffix](front_matter.body)
    return _apply_front_matter(story, front_matter.values), front_matter.window


def _apply_front_matter(story: Story, values: _FrontMatterValues) -> Story:
    """Return the story with the fields of its front matter, which outrank those found in the text."""
    title, summary = _to_text(values.get("title")), _to_label(values.get("summary"))
    image = _to_fact(values.get("image"))
    fields: dict[str, object] = {
        "id": _to_text(values.get("id")),
        "title": Text(title, "text") if title else None,
        "summary": Text(summary, "text") if summary else None,
        "published": _to_fact(values.get("date")),
        "updated": _to_fact(values.get("updated")),
        "language": _to_label(values.get("language")),
        "people": tuple(filter(None, map(_parse_person, _to_list(values.get("author"))))),
        "categories": tuple(map(Category, _parse_terms(values.get("tags")))),
        "image": Link(image, "image") if image else None,
        "links": tuple(_parse_links(values)),
    }
    changes = {name: value for name, value in fields.items() if value}
    found = {**story.found, **dict.fromkeys(changes, "front matter")}
    return replace(story, **changes, found=found)


def _parse_links(values: _FrontMatterValues) -> Iterator[Link]:
    if link := _to_fact(values.get("link")):
        yield Link(link)
    for href in filter(None, map(_to_fact, _to_list(values.get("enclosure")))):
        yield Link(href, "enclosure")


def _parse_terms(value: object) -> list[str]:
    terms = value.split(",") if isinstance(value, str) else _to_list(value)
    return list(dict.fromkeys(filter(None, map(_to_label, terms))))


def _parse_person(value: object) -> Person | None:
    if isinstance(value, dict):
        name, email, url = _to_label(value.get("name")), _to_fact(value.get("email")), _to_fact(value.get("url"))
        return Person(name, email, url) if name or email else None
    name = _to_label(value)
    return Person(name) if name else None


def _to_text(value: object) -> str | None:
    """Return a scalar as it is written, on one line; None for what is no scalar."""
    return None if value is None or isinstance(value, list | dict | set) else " ".join(str(value).split()) or None


def _to_label(value: object) -> str | None:
    """Return a scalar as it is written, None for YAML's sign of null."""
    text = _to_text(value)
    return None if text == "~" else text


def _to_fact(value: object) -> str | None:
    """Return an address or a date; None for a word of YAML that says that there is none, or only that there is one."""
    text = _to_text(value)
    return None if text is None or text.lower() in _NO_FACTS else text


def _to_list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]
