"""Stories of our own: from a folder of files to articles, and from articles to their pages.

An edit changes the article; a file that is gone takes it back, if everything else in the folder could be read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import PurePosixPath

from .. import sanity
from ..model import (
    Article,
    ArticleRow,
    Edition,
    Feed,
    FileStamp,
    Harvest,
    Issue,
    Parsed,
    PublishedFile,
    SeenItems,
    Site,
    Source,
    StoryFile,
    StoryNeighbours,
    StoryPage,
    replace,
)
from ..normalize import (
    Context,
    PageLayout,
    anchor_story,
    document_context,
    normalize,
    normalize_name,
    plan_pages,
    publish_addresses,
    story_digest,
    truncation_warnings,
)
from ..publish import WriteResult
from ..render import render_story_page
from .issue import IssueIO, replace_files
from .reading import Reading

log = logging.getLogger("feeds.pipeline")

MAX_MISSING_FILES = 5  # that are told of
MAX_OTHERS = 5  # other stories that a page leads to


@dataclass(frozen=True, slots=True)
class FolderListing:
    """The files of a folder at one visit: its stories, whether they are believable, and the media files beside them."""

    source: Source
    parsed: Parsed
    judgement: sanity.Judgement
    media_files: Mapping[str, FileStamp]


def harvest_folder(
    folder: FolderListing, seen_items: SeenItems, site: str, at: datetime, encode: Callable[[Article], ArticleRow]
) -> Harvest:
    """Return the new, changed and removed stories of a folder; what is left out is logged."""
    judgement, parsed = folder.judgement, folder.parsed
    made = tuple(_make_articles(folder, seen_items, site, at))
    warnings = (*parsed.warnings, *_missing_files_warnings(made))
    for warning in warnings:
        log.warning("%s: %s", folder.source.id, warning)
    articles = tuple(article for article, _ in made if _has_changed(article, seen_items))
    return Harvest(
        articles=tuple(map(encode, articles)),
        listed_ids=tuple(judgement.ids[index] for index in judgement.keep),
        removed_ids=tuple(_removed_ids(folder, seen_items)),
        warnings=(*warnings, *truncation_warnings(parsed.stories), *filter(None, [judgement.sentence])),
        identity=judgement.identity,
        changed=sum(article.upstream_id in seen_items for article in articles),
    )


def _make_articles(
    folder: FolderListing, seen_items: SeenItems, site: str, at: datetime
) -> Iterator[tuple[Article, tuple[str, ...]]]:
    """Yield the article of each story, and the files that it names and that are not published."""
    source, parsed, judgement = folder.source, folder.parsed, folder.judgement
    layout = _page_layout(folder, seen_items, site)
    document = document_context(parsed, Context(source.id, seen_items.authority, at, source=source))
    for index in judgement.keep:
        story, upstream = parsed.stories[index], judgement.ids[index]
        if upstream in seen_items.retracted:
            continue
        digest, page = story_digest(story), layout.pages[story.file or ""]
        context = Context(source.id, seen_items.authority, at, changed=upstream in seen_items, source=source)
        article = normalize(anchor_story(story, page, layout), document, upstream, digest, context)
        yield publish_addresses(article, page, layout)


def _has_changed(article: Article, seen_items: SeenItems) -> bool:
    """Return whether a story was edited, its page moved, or its media files changed."""
    upstream = article.upstream_id
    return seen_items.digests.get(upstream) != article.story_digest or article.page != seen_items.pages.get(upstream)


def _missing_files_warnings(made: Sequence[tuple[Article, tuple[str, ...]]]) -> Iterator[str]:
    """Yield a sentence for each file that a story names and that is not published."""
    pages = ((article.page.file, missing) for article, missing in made if article.page)
    named = [(file, name) for file, missing in pages for name in missing]
    yield from (f"{file}: it names {name}, and no such file is published" for file, name in named[:MAX_MISSING_FILES])
    if len(named) > MAX_MISSING_FILES:
        yield f"{len(named) - MAX_MISSING_FILES} more names of files in stories lead to no published file"


def _page_layout(folder: FolderListing, seen_items: SeenItems, site: str) -> PageLayout:
    """Return where everything in the folder is published; what could not be read this time keeps its place."""
    pages, unreadable = seen_items.pages.values(), folder.parsed.unreadable
    files = {story.file or "" for story in folder.parsed.stories}
    files |= {normalize_name(page.file) for page in pages if _is_unreadable(page.file, unreadable)}
    return plan_pages(site, folder.source.id, files, folder.media_files, pages)


def _removed_ids(folder: FolderListing, seen_items: SeenItems) -> Iterator[str]:
    """Yield the stories that are held and no longer listed, if everything that could list them was read (F31)."""
    if folder.judgement.verdict is not sanity.Verdict.NORMAL:
        return
    listed, unreadable = set(folder.judgement.ids), folder.parsed.unreadable
    for upstream, page in seen_items.pages.items():
        if upstream not in listed and not _is_unreadable(page.file, unreadable):
            yield upstream


def _is_unreadable(file: str, unreadable: Collection[str]) -> bool:
    """Return whether a file, or a folder that it stands in, could not be read."""
    file = normalize_name(file)
    return bool(unreadable) and not {file, *map(str, PurePosixPath(file).parents)}.isdisjoint(unreadable)


# ── pages ───────────────────────────────────────────────────────────────────────────────────────────────────────────


PlaceFile = Callable[[StoryFile, Sequence[PublishedFile]], WriteResult | None]


def issue_pages(pages_feed: Feed, site: Site, feeds: Collection[Feed], io: IssueIO, place: PlaceFile) -> list[str]:
    """Regenerate the pages of one source, whose ledger is that of `pages_feed`; return the paths that changed.

    `feeds` are those that take from the source. `place` copies a file of the source beside its page, where the ledger
    names the files that stand there; it returns None where the file cannot be read. A file that no story needs any more
    is removed.
    """
    articles = [article for article in io.articles(pages_feed, Reading()) if article.page]
    neighbours = zip([None, *articles], articles, [*articles[1:], None], strict=False)
    documents = (
        render_story_page(article, site, feeds, StoryNeighbours(newer, older, _others(article, articles)))
        for newer, article, older in neighbours
    )
    published_files = io.ledger(pages_feed.id, ()).files
    results = [*io.publish(documents, published_files), *_place_files(articles, published_files, place)]
    files, changed = replace_files(published_files, results, io)
    io.issued(Issue(Edition(pages_feed, site, (), io.since, io.changed), {}, files, ()))
    return changed


def _others(article: Article, articles: Sequence[Article]) -> tuple[Article, ...]:
    """Return the newest of the other stories."""
    return tuple(islice((other for other in articles if other is not article), MAX_OTHERS))


def _place_files(
    articles: Iterable[Article], published_files: Sequence[PublishedFile], place: PlaceFile
) -> Iterator[WriteResult]:
    """Place each file that stands beside a page, once, though several stories may show it."""
    pages: Iterable[StoryPage] = (article.page for article in articles if article.page)
    files = {file.path: file for page in pages for file in page.files}
    # What stands there already is not read again: its digest is the one that was recorded.
    unchanged = {replace(file, digest=""): file for file in published_files}
    for path in sorted(files):
        if result := place(files[path], published_files):
            yield replace(result, file=unchanged.get(result.file, result.file))
