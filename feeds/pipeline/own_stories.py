"""Stories of our own: from a folder of files to articles, and from articles to their pages.

An edit changes the article, a file that is gone takes it back. Only what was read tells that something is gone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath

from .. import sanity
from ..model import (
    Article,
    Edition,
    Feed,
    FileStamp,
    Harvest,
    Issue,
    Parsed,
    PublicationWindow,
    SeenItems,
    Site,
    Source,
    StoryFile,
    StoryPage,
)
from ..normalize import (
    Context,
    PageLayout,
    anchor_story,
    document_context,
    normalize,
    parse_date,
    plan_pages,
    publish_addresses,
    story_digest,
    truncation_warnings,
)
from ..render import story_page
from .issue import IssueIO

log = logging.getLogger("feeds.pipeline")

TOMBSTONE = ""  # the digest of a story that must not come back (R4)
FEW = 10  # stories: whoever deletes most of so few means it


@dataclass(frozen=True, slots=True)
class FolderListing:
    """What one look into a folder brought: its stories as they were judged, and what stands beside them."""

    source: Source
    parsed: Parsed
    judged: sanity.Judgement
    beside: Mapping[str, FileStamp]


def publishable(parsed: Parsed, at: datetime, zone: str) -> Parsed:
    """Leave out the stories whose front matter does not let them be published at `at`.

    A date without a time begins at midnight in `zone`. What names no date holds its story back, is told in the
    warnings, and takes nothing back.
    """
    if not parsed.windows:
        return parsed
    kept, warnings, unread = [], list(parsed.warnings), list(parsed.unread)
    for story in parsed.stories:
        window = parsed.windows.get(story.id or "", PublicationWindow())
        starts, ends = ([(text, _moment(text, at, zone)) for text in texts] for texts in (window.starts, window.ends))
        unclear = [text for text, moment in (*starts, *ends) if moment is None]
        if unclear:
            name = story.file or story.id or ""
            warnings.append(f"{name}: its front matter says `{unclear[0]}` where a date belongs, so it is held back")
            unread.append(name)
        elif all(moment <= at for _, moment in starts if moment) and all(at < moment for _, moment in ends if moment):
            kept.append(story)
    return replace(parsed, stories=tuple(kept), warnings=tuple(warnings), unread=tuple(unread))


def _moment(text: str, at: datetime, zone: str) -> datetime | None:
    """The instant that a text names, however far away: `9999-12-31` is how some say never."""
    moment = parse_date(text, at, zone)
    if moment is not None:
        return moment
    try:
        far = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return far if far.tzinfo else far.replace(tzinfo=UTC)


def stories(folder: FolderListing, known: SeenItems, site: str, at: datetime) -> Harvest:
    """What a folder brings: new and changed stories, and those that are gone; what is left out is logged."""
    judged, parsed = folder.judged, folder.parsed
    for warning in parsed.warnings:
        log.warning("%s: %s", folder.source.id, warning)
    return Harvest(
        articles=tuple(_changed(folder, known, site, at)),
        listed=tuple(judged.ids[index] for index in judged.keep),
        gone=tuple(_gone(folder, known)),
        warnings=(
            *parsed.warnings,
            *truncation_warnings(parsed.stories),
            *([judged.sentence] if judged.sentence else []),
        ),
        identity=judged.identity,
    )


def _changed(folder: FolderListing, known: SeenItems, site: str, at: datetime) -> Iterator[Article]:
    """The articles whose story was edited, whose page moved, or beside which another file stands now."""
    source, parsed, judged = folder.source, folder.parsed, folder.judged
    places, context = _places(folder, known, site), Context(source.id, known.authority, at, source=source)
    document = document_context(parsed, context)
    for index in judged.keep:
        story, upstream = parsed.stories[index], judged.ids[index]
        digest, before, page = story_digest(story), known.digests.get(upstream), places.pages[story.file or ""]
        if before == TOMBSTONE:
            continue
        context = replace(context, changed=before is not None)
        article = normalize(anchor_story(story, page), document, upstream, digest, context)
        article = publish_addresses(article, page, places)
        if before != digest or article.page != known.pages.get(upstream):
            yield article


def _places(folder: FolderListing, known: SeenItems, site: str) -> PageLayout:
    """Where everything in the folder is published; what could not be read this time keeps its place."""
    unread = {page.file for page in known.pages.values() if _is_unread(page.file, folder.parsed.unread)}
    files = {story.file or "" for story in folder.parsed.stories} | unread
    return plan_pages(site, folder.source.id, files, folder.beside, known.pages.values())


def _gone(folder: FolderListing, known: SeenItems) -> Iterator[str]:
    """The stories that were held and are no longer told, though all that could tell them was read (F31)."""
    if folder.judged.verdict is not sanity.Verdict.NORMAL:
        return
    told, unread = set(folder.judged.ids), folder.parsed.unread
    for upstream, page in known.pages.items():
        if upstream not in told and not _is_unread(page.file, unread):
            yield upstream


def _is_unread(file: str, unread: Collection[str]) -> bool:
    """Whether a file, or a folder it stands in, could not be read."""
    return bool(unread) and not {file, *map(str, PurePosixPath(file).parents)}.isdisjoint(unread)


# ── pages ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class PageIO:
    """What issuing pages needs beyond what issuing a feed does.

    `place` puts a file of the source beside its page: whether it differed, or none where it cannot be had. `withdraw`
    removes published files.
    """

    place: Callable[[StoryFile], bool | None]
    withdraw: Callable[[Iterable[str]], list[str]]


def issue_pages(shelf: Feed, site: Site, feeds: Collection[Feed], edges: IssueIO, pages: PageIO) -> list[str]:
    """Regenerate the pages of one source, whose ledger is that of `shelf`; return the paths that changed.

    `feeds` are those that take from the source. What no story needs any more is removed.
    """
    articles = [article for article in edges.articles(shelf) if article.page]
    documents = [story_page(article, site, feeds) for article in articles]
    changed = edges.publish(documents)
    placed = {path: differed for path, differed in _placed(articles, pages) if differed is not None}
    changed += [path for path, differed in placed.items() if differed]
    files = (*(document.path for document in documents), *placed)
    changed += pages.withdraw(sorted(set(edges.ledger(shelf.id, ()).files) - set(files)))
    edges.issued(Issue(Edition(shelf, site, (), edges.since, edges.changed), {}, files, ()))
    return changed


def _placed(articles: Iterable[Article], pages: PageIO) -> Iterator[tuple[str, bool | None]]:
    """Each file that stands beside a page, once, though several stories may show it."""
    held: Iterable[StoryPage] = (article.page for article in articles if article.page)
    files = {beside.path: beside for page in held for beside in page.beside}
    return ((path, pages.place(files[path])) for path in sorted(files))
