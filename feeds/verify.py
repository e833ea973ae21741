"""The invariants of an installation: of what is stored, of what stands in the target, and that both are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from .errors import PublishError, StoreError
from .model import Document, Feed, Ledger, PublishedFile
from .publish import Target, digest_of
from .publish.quick_check import check_document, is_checked
from .store import Store

MAX_COMPARISONS = 3  # of one feed that is published meanwhile

RESTORE = "put a backup in its place (`feeds restore FILE`)"
RETRACT = "`feeds retract` takes it out again"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and what to do about it."""

    sentence: str
    remedy: str


@dataclass(frozen=True, slots=True)
class DeclaredFeed:
    """A feed as it is declared. `newest_change` returns the highest change number of its sources.

    `make_documents` makes what its files must hold; None for files that are made otherwise, such as the style sheets.
    """

    feed: Feed
    newest_change: Callable[[], int]
    make_documents: Callable[[Feed], Iterable[Document]] | None = None

    def is_due(self, ledger: Ledger) -> bool:
        """Return whether the files may be older than what is stored and declared."""
        return ledger.fingerprint != self.feed.fingerprint or ledger.changed < self.newest_change()


def find_faults(store: Store, target: Target, declared: Mapping[str, DeclaredFeed]) -> Iterator[Fault]:
    """Yield what is wrong; reads the whole database and all published files, and changes nothing.

    May run beside a daemon: what changes meanwhile is compared again. `declared`: feed id → feed.
    """
    leftovers = set(target.leftovers())
    for sentence in store.damage():
        yield Fault(sentence, RETRACT if "is shown" in sentence else RESTORE)
    for feed_id in sorted(store.ledgers()):
        yield from _find_feed_faults(feed_id, declared.get(feed_id), store, target)
    for path in sorted(leftovers.intersection(target.leftovers())):
        yield Fault(
            f"{path} is left of a write that was killed",
            "the next run removes it, of several processes one that starts 15 minutes later",
        )


def _find_feed_faults(feed_id: str, declared: DeclaredFeed | None, store: Store, target: Target) -> Sequence[Fault]:
    faults: Sequence[Fault] = ()
    for _ in range(MAX_COMPARISONS):
        ledger = store.ledger(feed_id, ())
        files = [*ledger.files, *chain.from_iterable(store.archive_files(feed_id).values())]
        try:
            faults = [*_compare_files(feed_id, files, target)]
            if declared:
                faults += _compare_edition(ledger, files, declared, store)
        except (StoreError, PublishError) as error:
            faults = [Fault(f"{feed_id} cannot be checked: {error}", RESTORE)]
        if not faults or ledger == store.ledger(feed_id, ()):
            break
    return faults


def _compare_files(feed_id: str, files: Iterable[PublishedFile], target: Target) -> Iterator[Fault]:
    """Yield what differs between the files of a feed and what its ledger says of them."""
    remedy = f"`feeds publish {feed_id}` writes it again" if "/" not in feed_id else "the next run does"
    for file in files:
        digest = target.digest(file.path)
        if digest is None:
            yield Fault(f"{file.path} is missing", remedy)
        elif file.digest and digest != file.digest:
            yield Fault(f"{file.path} is not what was published", remedy)
        elif file.size is not None and not target.has(file):
            what = "its time or its mode are not those it was published with, or those of its siblings differ"
            yield Fault(f"{file.path} was touched: {what}", remedy)
        elif damaged := target.damaged_siblings(file.path):
            what = f"not {file.path} compressed"
            yield from (Fault(f"{path} is {what}", "remove it: the next run writes it again") for path in damaged)
        elif is_checked(file.path):
            for fault in check_document(file.path, target.read(file.path)):
                yield Fault(f"{file.path} {fault}", "report it, with the file")


def _compare_edition(
    ledger: Ledger, files: Iterable[PublishedFile], declared: DeclaredFeed, store: Store
) -> Iterator[Fault]:
    """Yield what differs between the files of a feed and what the store makes of it, unless it is due anyway."""
    if declared.make_documents is None or declared.is_due(ledger):
        return
    retractions = set(store.pending_retractions(ledger.feed_id).values())
    made: dict[str, str] = {}
    for document in declared.make_documents(declared.feed):
        made[document.path] = digest_of(document.body)
        # The id of what one source took back stays while a feed that merges has the story from another.
        retractions = {id for id in retractions if id.encode("utf-8", "replace") not in document.body}
    if declared.is_due(ledger):
        return
    command = "feeds publish" if "/" in ledger.feed_id else f"feeds publish {ledger.feed_id}"
    remedy = f"`{command}` writes it again; report it if it comes again"
    published = {file.path: file.digest for file in files}
    for path in sorted(published.keys() | made.keys()):
        if published.get(path) != made.get(path):
            yield Fault(f"{path} is not what the store makes of it", remedy)
    for published_id in sorted(retractions):
        yield Fault(f"the feed {ledger.feed_id} still publishes {published_id}, which was taken back", remedy)
