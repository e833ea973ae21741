"""Our own page for each story of a `files:` source: where it is published, and what stands beside it.

The one place that decides these addresses. A folder is published in the shape it has: what a story calls another file
from where it stands (`photo.jpg`, `../talk.mp3`, `other.md`) leads to the same on the web.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from html import unescape
from pathlib import PurePosixPath
from urllib.parse import quote, unquote

from ..model import Article, Attachment, FileStamp, Link, Story, StoryFile, StoryPage

# Stands for the folder while addresses are made absolute. Nobody can own it (RFC 2606), so nothing else begins so.
FOLDER = "https://folder.invalid/"
DEEPEST = 4  # folders; what lies deeper carries their names in its own
LONGEST = 80  # letters of a name

# Up to what no path holds as it is. A comma at the end parts the addresses of a `srcset`.
_INSIDE = re.compile(re.escape(FOLDER) + r'((?:[^\s"<>?#]*[^\s"<>?#,])?)')
_NO_LETTER = re.compile(r"[^a-z0-9_.]+")


@dataclass(frozen=True, slots=True)
class PageLayout:
    """Where one source is published: the page of each story by its file, and the place of each file beside them."""

    site: str
    folder: str  # below the public folder
    pages: Mapping[str, StoryPage]
    stamps: Mapping[str, FileStamp]
    beside: Mapping[str, str]  # the other files' places below the public folder

    def address(self, file: str) -> str | None:
        """The public address of a file of the folder."""
        if page := self.pages.get(file):
            return page.address
        return self.site + self.beside[file] if file in self.beside else None


def laid_out(
    site: str, source_id: str, files: Iterable[str], stamps: Mapping[str, FileStamp], held: Iterable[StoryPage] = ()
) -> PageLayout:
    """Where the stories in these files are published; a page that is `held` stays where it is."""
    folder = f"stories/{source_id}/"
    before = {page.file: page.path for page in held if page.path.startswith(folder)}
    pages = _paths(files, lambda file: f"{folder}{_safe_path(file)}.html", before)
    others = _paths(stamps, lambda file: folder + _safe_path(file) + PurePosixPath(file).suffix.lower(), {})
    return PageLayout(
        site, folder, {file: StoryPage(file, path, site + path) for file, path in pages.items()}, stamps, others
    )


def housed(story: Story, page: StoryPage) -> Story:
    """The story with its page as its address, unless it has one, and all that it names counted from its file."""
    base = FOLDER + quote(page.file)
    links = story.links if any(link.rel == "alternate" for link in story.links) else (Link(page.address), *story.links)
    return replace(
        story,
        content=tuple(replace(text, base=base) for text in story.content),
        summary=replace(story.summary, base=base) if story.summary else None,
        image=replace(story.image, base=base) if story.image else None,
        links=tuple(replace(link, base=base) for link in links),
    )


def settled(article: Article, page: StoryPage, places: PageLayout) -> Article:
    """The article of a housed story with the public addresses of what stands in the folder, and with its page."""
    used: set[str] = set()

    def public(found: re.Match[str]) -> str:
        file = unquote(unescape(found[1]))
        used.add(file)
        return places.address(file) or places.site + found[1]

    def address(url: str) -> str:
        return _INSIDE.sub(public, url)

    made = replace(
        article,
        html=address(article.html),
        url=article.url and address(article.url),
        image=article.image and address(article.image),
        attachments=tuple(replace(one, url=address(one.url), size=_size(one, places)) for one in article.attachments),
    )
    beside = tuple(
        StoryFile(places.beside[file], file, places.stamps[file].size, places.stamps[file].modified_ns)
        for file in sorted(used & places.beside.keys())
    )
    return replace(made, page=replace(page, beside=beside))


def _size(attachment: Attachment, places: PageLayout) -> int | None:
    inside = _INSIDE.fullmatch(attachment.url)
    stamp = places.stamps.get(unquote(inside[1])) if inside else None
    return stamp.size if stamp else attachment.size


# ── names ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _paths(files: Iterable[str], path_of: Callable[[str], str], held: Mapping[str, str]) -> dict[str, str]:
    """A path of its own for each file: the one it had, else a safe one, with a digest where another file has that."""
    wanted = set(files)
    places = {file: path for file, path in held.items() if file in wanted}
    taken = set(places.values())
    for file in sorted(wanted - places.keys(), key=lambda file: (not _is_safe(file), file)):
        places[file] = next(path for path in _choices(path_of(file), file) if path not in taken)
        taken.add(places[file])
    return places


def _choices(path: str, file: str) -> Iterator[str]:
    yield path
    stem, _, suffix = path.rpartition(".")
    digest = _digest(file)
    yield from (f"{stem}-{digest[:length]}.{suffix}" for length in range(6, len(digest)))


def _is_safe(file: str) -> bool:
    """Whether a file is spelled as it is published, so that it has the first claim to that name."""
    return str(PurePosixPath(file).with_suffix("")) == _safe_path(file)


def _safe_path(file: str) -> str:
    """A path without its suffix in small ASCII letters, which every server, disk and link takes as they are (S14)."""
    path = PurePosixPath(file)
    folders = path.parts[:-1]
    inner = [_safe(folder).replace(".", "-") for folder in folders[:DEEPEST]]  # no folder is called like a file
    return "/".join((*inner, _safe("-".join((*folders[DEEPEST:], path.stem)))))


def _safe(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _NO_LETTER.sub("-", plain)[:LONGEST].strip("-._") or _digest(name)[:8]


def _digest(name: str) -> str:
    return sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
