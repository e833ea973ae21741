"""Pages of our own stories: the published address of each story of a `files:` source and of the files beside it.

A folder is published with its structure, so that relative links in a story (`photo.jpg`, `../talk.mp3`, `other.md`)
lead to the same file on the web. Names of files are compared in composed form (NFC).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import PurePosixPath
from urllib.parse import quote, unquote_to_bytes

from ..model import Article, Attachment, FileStamp, Link, Story, StoryFile, StoryPage, replace
from .text import digest, to_ascii

# Stands for our site while addresses are made absolute. The name is reserved (RFC 2606), so no real URL begins so.
SITE_URL = "https://site.invalid/"
MAX_FOLDERS = 4  # deeper folders become part of the file's name
MAX_NAME_LENGTH = 80

# Ends before a character that no path contains unescaped. A comma at the end separates addresses of a `srcset`.
_SITE_PATH = re.compile(re.escape(SITE_URL) + r'((?:[^\s"<>?#]*[^\s"<>?#,])?)')
_UNSAFE = re.compile(r"[^a-z0-9_.]+")


@dataclass(frozen=True, slots=True)
class PageLayout:
    """Where one source is published: the page of each story, and the path of each other file, by file name."""

    site: str
    folder: str  # below the public folder
    pages: Mapping[str, StoryPage]
    stamps: Mapping[str, FileStamp]
    media_paths: Mapping[str, str]  # paths of the other files, below the public folder
    files: Mapping[str, str]  # published path, or name in small letters, of each file → its name

    def find_file(self, path: str) -> str:
        """Return the file of the folder that a path of an address means, whether there is one or not.

        It may be the name of the file, from the top of the site too, in other capitals, or as it is published.
        """
        name = normalize_name("/".join(map(_decode, unescape(path).split("/")))).removeprefix(self.folder)
        return name if self.find_path(name) else self.files.get(path) or self.files.get(name.casefold(), name)

    def find_path(self, file: str) -> str | None:
        """Return the path of a file of the folder below the public folder, None where it is not published."""
        return page.path if (page := self.pages.get(file)) else self.media_paths.get(file)

    def path_of_missing(self, path: str) -> str:
        """Return the path that would lead to a file that is not there: it counts from the page of the story."""
        *folders, _ = self.find_file(path).split("/")
        return self.folder + "/".join((*_safe_folders(folders), path.rpartition("/")[2]))


def normalize_name(file: str) -> str:
    """Return the name of a file in composed form; earlier versions stored it in the form that the disk had."""
    return unicodedata.normalize("NFC", file)


def _decode(name: str) -> str:
    """Return one name of a path without percent-encoding, which is UTF-8, else Latin-1 as in old pages."""
    octets = unquote_to_bytes(name)
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("windows-1252", "replace")


def plan_pages(
    site: str, source_id: str, files: Iterable[str], stamps: Mapping[str, FileStamp], existing: Iterable[StoryPage] = ()
) -> PageLayout:
    """Return where the stories in these files are published; an existing page keeps its path."""
    folder = f"stories/{source_id}/"
    earlier = {normalize_name(page.file): page.path for page in existing if page.path.startswith(folder)}
    paths = _assign_paths(files, lambda file: f"{folder}{_safe_path(file)}.html", earlier)
    pages = {file: StoryPage(file, path, site + path) for file, path in paths.items()}
    media_paths = _assign_paths(stamps, lambda file: folder + _safe_path(file) + PurePosixPath(file).suffix.lower(), {})
    published = {**paths, **media_paths}
    names = {file.casefold(): file for file in sorted(published)} | {path: file for file, path in published.items()}
    return PageLayout(site, folder, pages, stamps, media_paths, names)


def anchor_story(story: Story, page: StoryPage, layout: PageLayout) -> Story:
    """Return the story with its file as the base of its links, and with its page as its link unless it has one."""
    base = SITE_URL + layout.folder + quote(page.file)
    links = story.links if any(link.rel == "alternate" for link in story.links) else (Link(page.address), *story.links)
    return replace(
        story,
        content=tuple(replace(text, base=base) for text in story.content),
        summary=replace(story.summary, base=base) if story.summary else None,
        image=replace(story.image, base=base) if story.image else None,
        links=tuple(replace(link, base=base) for link in links),
    )


def publish_addresses(article: Article, page: StoryPage, layout: PageLayout) -> tuple[Article, tuple[str, ...]]:
    """Return the article of an anchored story with its page and with public addresses.

    Return also the files beside it that the story names and that are not published.
    """
    files: set[str] = set()
    missing: set[str] = set()

    def public_address(match: re.Match[str]) -> str:
        path = match[1]
        file = layout.find_file(path)
        if public_path := layout.find_path(file):
            files.add(file)
        elif path.startswith(layout.folder):
            missing.add(file)
            public_path = layout.path_of_missing(path)
        return layout.site + (public_path or path)

    def published(text: str) -> str:
        return _SITE_PATH.sub(public_address, text)

    article = replace(
        article,
        html=published(article.html),
        url=article.url and published(article.url),
        image=article.image and published(article.image),
        attachments=tuple(
            replace(item, url=published(item.url), size=_file_size(item, layout)) for item in article.attachments
        ),
    )
    files_beside = tuple(
        StoryFile(layout.media_paths[file], file, layout.stamps[file].size, layout.stamps[file].modified_ns)
        for file in sorted(files & layout.media_paths.keys())
    )
    return replace(article, page=replace(page, files=files_beside)), tuple(sorted(missing))


def _file_size(attachment: Attachment, layout: PageLayout) -> int | None:
    match = _SITE_PATH.fullmatch(attachment.url)
    stamp = layout.stamps.get(layout.find_file(match[1])) if match else None
    return stamp.size if stamp else attachment.size


# ── paths ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _assign_paths(files: Iterable[str], path_of: Callable[[str], str], earlier: Mapping[str, str]) -> dict[str, str]:
    """Return a path for each file: its earlier one, else a safe one, with a digest where another file has that."""
    names = set(files)
    paths = {file: path for file, path in earlier.items() if file in names}
    taken = set(paths.values())
    for file in sorted(names - paths.keys(), key=lambda file: (not _is_safe(file), file)):
        paths[file] = next(path for path in _path_candidates(path_of(file), file) if path not in taken)
        taken.add(paths[file])
    return paths


def _path_candidates(path: str, file: str) -> Iterator[str]:
    yield path
    stem, _, suffix = path.rpartition(".")
    yield from (f"{stem}-{digest(file)[:length]}.{suffix}" for length in range(6, 32))


def _is_safe(file: str) -> bool:
    """Return whether a file is published under its own name, and so is assigned that path first."""
    return str(PurePosixPath(file).with_suffix("")) == _safe_path(file)


def _safe_path(file: str) -> str:
    """Return a path without suffix in small ASCII letters, which every server, file system and URL takes (S14)."""
    path = PurePosixPath(file)
    folders = path.parts[:-1]
    return "/".join((*_safe_folders(folders), _safe_name("-".join((*folders[MAX_FOLDERS:], path.stem)))))


def _safe_folders(folders: Sequence[str]) -> Iterator[str]:
    yield from (_safe_name(folder).replace(".", "-") for folder in folders[:MAX_FOLDERS])  # no folder looks like a file


def _safe_name(name: str) -> str:
    return _UNSAFE.sub("-", to_ascii(name))[:MAX_NAME_LENGTH].strip("-._") or digest(name)[:8]
