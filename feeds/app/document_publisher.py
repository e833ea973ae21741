"""The publishing of documents: what each passes before it replaces the last good one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence

from ..errors import PublishError
from ..model import Document, Edition, replace
from ..publication_gate import PublicationGate
from ..publish import LARGE_SIZE, LastPublished, Target, WriteResult
from ..publish.quick_check import check_document
from ..render import render
from .entry_cache import EntryCache

log = logging.getLogger("feeds.app")


class DocumentPublisher:
    """Publishes the documents of one configuration to a target, without its secrets, if they pass the quick check.

    The entries that passed go into `entries`, for the next documents that hold them.
    """

    def __init__(self, target: Target, gate: PublicationGate, entries: EntryCache | None = None) -> None:
        self.target = target
        self.gate = gate
        self._entries = EntryCache() if entries is None else entries

    def render(self, edition: Edition, checkpoint: Callable[[], None]) -> Iterator[Document]:
        """Yield the documents of an edition, with the entries that are kept; see `render.render`."""
        return render(edition, self._entries.get, checkpoint)

    def publish(self, documents: Iterable[Document], last: LastPublished | None = None) -> Sequence[WriteResult]:
        """Write documents in the place of those that were published last.

        Raise PublishError, and write none, where one fails the quick check.
        """
        sound = list(map(self._inspect, documents))
        self._report_sizes(sound)
        return self.target.put(sound, last)

    def _inspect(self, document: Document) -> Document:
        """Return a document that is clean of secrets and passed the quick check; raise PublishError where it fails."""
        new = document.new
        sample = document if new is None else replace(document, body=new.sample)
        if new is None or not self.gate.is_clean(sample):  # an entry with a secret is not kept: the next one is masked
            cleaned = self.gate.clean_document(document)
            _require_sound(cleaned)
            return cleaned
        _require_sound(sample)
        self._entries.add(new.format_name, new.entries)
        return document

    def _report_sizes(self, documents: Iterable[Document]) -> None:
        """Log which files grow too large for many readers (R14)."""
        large = (document.path for document in documents if len(document.body) > LARGE_SIZE)
        if paths := [path for path in large if (self.target.size(path) or 0) <= LARGE_SIZE]:
            log.warning(
                "%s: larger than 1 MB, which many readers refuse; give the feed a `limit` with smaller `bytes`",
                ", ".join(paths),
            )


def _require_sound(document: Document) -> None:
    if faults := check_document(document.path, document.body):
        raise PublishError(
            f"{document.path} is not published, and the last good one stays: it {'; it '.join(faults)}; report"
            " it; until it is mended, `feeds retract` takes such an article out"
        )
