"""The archive documents of a feed (RFC 5005 §4): what they take in, and which of them are written.

An article is archived when it leaves the subscription document, or when `limit` keeps it from ever standing there. It
stays in its document, which an addition changes only while it is the newest (R43). A retraction takes it out; so do the
feed's sources, tags and steps on single articles, once they leave it out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ..compose import compose_archive, number_archives
from ..model import Archives, Article, Edition, EntryState, Feed, Ledger, LedgerEntry, PublishedFile, replace
from ..publish import WriteResult

ArchiveFiles = Mapping[int, tuple[PublishedFile, ...]]  # by the number of the document


@dataclass(frozen=True, slots=True)
class ArchiveIO:
    """What the store knows of the archive documents of one feed, and of what they may take in.

    `changed` returns the articles of its sources that changed after a change number, each with its entry; without one,
    only additions since the feed was first issued. `unarchived` returns the entries of the published articles that are
    in no document, besides these keys, oldest first. `articles` returns those of these keys that all steps but `limit`
    let through, newest first; `document` what the document with a number holds, with those of these keys. `oldest_kept`
    returns the number of the oldest document to keep. `created` is the time of a document without articles.
    """

    changed: Callable[[int], Mapping[int, LedgerEntry | None]]
    unarchived: Callable[[Collection[int]], Mapping[int, LedgerEntry]]
    articles: Callable[[Collection[int]], Iterator[Article]]
    document: Callable[[int, Collection[int]], Iterator[Article]]
    size: Callable[[int], int]
    files: Callable[[], ArchiveFiles]
    created: datetime
    oldest_kept: Callable[[Archives], int] = lambda archives: archives.oldest


@dataclass(frozen=True, slots=True)
class ArticleKeys:
    """Of an issue, the keys of the articles in the subscription document, merged into those, and taken back now."""

    shown: Collection[int]
    merged: Collection[int]
    retracted: Collection[int]


@dataclass(frozen=True, slots=True)
class ArchivePlan:
    """What is archived now, with the entry by article key, and which documents there are then.

    `changed` are the numbers of those that hold something else than before.
    """

    archives: Archives
    entries: Mapping[int, LedgerEntry] = field(default_factory=dict)
    changed: Collection[int] = ()

    @property
    def numbers(self) -> range:
        """Return the numbers of all documents, oldest first."""
        return range(self.archives.oldest, self.archives.newest + 1)


def plan_archives(keys: ArticleKeys, ledger: Ledger, io: ArchiveIO) -> ArchivePlan:
    """Return what is archived now, and which documents differ for it."""
    if ledger.updated is None:  # never published: what it leaves out did not come since
        return ArchivePlan(ledger.archives)
    archives, oldest = ledger.archives, io.oldest_kept(ledger.archives)
    changed = io.changed(ledger.changed)
    unpublished = {key for key, entry in changed.items() if entry is None} - {*keys.shown, *keys.merged}
    restored = {
        key: replace(entry, state=EntryState.PUBLISHED)
        for key, entry in changed.items()
        if entry and entry.state is EntryState.RETRACTED and key not in keys.shown
    }
    unnumbered = {
        **io.unarchived({*keys.shown, *keys.merged, *keys.retracted}),
        **(_new_entries(io.articles(unpublished)) if unpublished else {}),
        **{key: entry for key, entry in restored.items() if entry.archive is None},
    }
    size = io.size(archives.newest) if unnumbered and archives.newest else 0
    numbers = number_archives(len(unnumbered), archives.newest, size)
    numbered = zip(unnumbered.items(), numbers, strict=True)
    entries = {**restored, **{key: replace(entry, archive=number) for (key, entry), number in numbered}}
    retracted = (ledger.entries[key] for key in keys.retracted if key in ledger.entries)
    touched = {entry.archive for entry in (*entries.values(), *changed.values(), *retracted) if entry and entry.archive}
    if oldest > archives.oldest:
        touched.add(oldest)  # it leads to no older one any more
    newest = max((archives.newest, *touched))
    return ArchivePlan(Archives(oldest, newest), entries, sorted(touched.intersection(range(oldest, newest + 1))))


def _new_entries(articles: Iterator[Article]) -> Mapping[int, LedgerEntry]:
    """Return entries for articles that no subscription document ever held, oldest first."""
    newest_first = [*articles]
    return {article.key: LedgerEntry(article.story_digest, article.updated) for article in reversed(newest_first)}


def find_stale_archives(
    feed: Feed, ledger: Ledger, plan: ArchivePlan, io: ArchiveIO, kept: Callable[[Sequence[PublishedFile]], bool]
) -> ArchiveFiles:
    """Return the files of the documents to write again, or to remove, whatever they hold.

    As long as the newest stands as it was published, so do the others: `feeds verify` looks at each.
    """
    is_remade = ledger.fingerprint != feed.fingerprint
    if not is_remade and plan.archives.oldest == ledger.archives.oldest and kept(ledger.archives.files):
        return {}
    return {n: files for n, files in io.files().items() if is_remade or n not in plan.numbers or not kept(files)}


def read_archive(number: int, edition: Edition, plan: ArchivePlan, io: ArchiveIO) -> Edition:
    """Return an archive document of the feed with this edition."""
    keys = [key for key, entry in plan.entries.items() if entry.archive == number]
    articles = tuple(io.document(number, keys))
    return compose_archive(edition, articles, io.created, number=number, oldest=plan.archives.oldest)


class ArchiveWriter:
    """Writes archive documents of the feed with this edition; `publish` writes one in each format of archives.

    `files` are those written so far, by number; `changed_paths` the paths of those that differ from what stood there.
    """

    def __init__(
        self,
        edition: Edition,
        plan: ArchivePlan,
        io: ArchiveIO,
        publish: Callable[[Edition], Sequence[WriteResult]],
    ) -> None:
        self._edition = edition
        self._plan = plan
        self._io = io
        self._publish = publish
        self.files: dict[int, tuple[PublishedFile, ...]] = {}
        self.changed_paths: list[str] = []

    @property
    def paths(self) -> set[str]:
        """Return the paths of all files written so far."""
        return {file.path for files in self.files.values() for file in files}

    def write(self, numbers: Iterable[int]) -> None:
        """Write the documents with these numbers."""
        for number in numbers:
            results = self._publish(read_archive(number, self._edition, self._plan, self._io))
            self.files[number] = tuple(result.file for result in results)
            self.changed_paths += [result.file.path for result in results if result.differed]
