"""The documents of one edition: written whole, or joined of the entries of its articles and what is around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b

import msgspec

from ..model import Article, Document, Edition, NewEntries, replace
from ..registry import Format
from .addresses import spell_addresses, spell_frame
from .formatting import file_path

# The entries of an article that were written before, by the name of the format; of the article with a digest, or as
# `digest_stored` tells it.
KeptEntries = Callable[[bytes], Mapping[str, bytes]]

_NO_ENTRIES: Mapping[str, bytes] = {}
_encode = msgspec.msgpack.Encoder().encode


def digest_article(article: Article) -> bytes:
    """Return a digest of all that an article holds; raise ValueError for a text that is no Unicode."""
    return blake2b(_encode(article), digest_size=16).digest()


def digest_stored(article: Article) -> bytes:
    """Return what tells an article as it is stored from all others, and from what it was before."""
    return b"%d/%d" % (article.key, article.changed)


class EditionWriter:
    """Writes an edition in some formats; see `render`."""

    def __init__(
        self, edition: Edition, formats: Sequence[Format], kept: KeptEntries | None, checkpoint: Callable[[], None]
    ) -> None:
        self._edition = spell_frame(edition)
        self._entry_writers = {format.name: format.entry_writer for format in formats if format.entry}
        self._kept = kept
        self._checkpoint = checkpoint
        self._spelled: dict[int, Article] = {}  # with its addresses as URIs, by its place in the edition
        self._new: list[int] = []  # the places of the articles that were not kept in all formats

    def write(self, format: Format) -> Document:
        """Return the document in a format; raise ValueError where a text is not legal in it."""
        path = file_path(self._edition.feed, format, self._edition.archive)
        if format.entry:
            return self._join(path, format)
        limit = format.at_most if self._edition.archive is None else None
        articles = tuple(map(self._spell, range(len(self._edition.articles[:limit]))))
        return Document(path, format.writer(replace(self._edition, articles=articles), format), format.media_type)

    def _join(self, path: str, format: Format) -> Document:
        frame = format.frame_writer(self._edition, format)
        entries = [entries[format.name] for entries in self._entries]
        body, new_entries = frame.join(entries), None
        if self._kept and self._has_distinct_ids:
            new = {self._digests[number]: entries[number] for number in self._new}
            sample = body if len(new) == len(entries) else frame.join([*new.values()])
            new_entries = NewEntries(format.name, new, sample)
        return Document(path, body, format.media_type, new_entries)

    @cached_property
    def _digests(self) -> list[bytes]:
        digest = digest_stored if self._edition.as_stored else digest_article
        return list(map(digest, self._edition.articles))

    @cached_property
    def _entries(self) -> list[Mapping[str, bytes]]:
        """The entries of each article by the name of their format; written together, as they have texts in common."""
        kept = map(self._kept, self._digests) if self._kept else [_NO_ENTRIES] * len(self._edition.articles)
        names = self._entry_writers.keys()
        all_entries: list[Mapping[str, bytes]] = []
        for number, entries in enumerate(kept):
            if not names <= entries.keys():
                self._new.append(number)
                entries = self._write_entries(number)
            all_entries.append(entries)
        return all_entries

    def _write_entries(self, number: int) -> Mapping[str, bytes]:
        self._checkpoint()
        article = self._spell(number)
        return {name: write(article) for name, write in self._entry_writers.items()}

    def _spell(self, number: int) -> Article:
        if number not in self._spelled:
            self._spelled[number] = spell_addresses(self._edition.articles[number])
        return self._spelled[number]

    @cached_property
    def _has_distinct_ids(self) -> bool:
        """Return whether no id stands twice; else the whole document is checked, which says so."""
        return len({article.published_id for article in self._edition.articles}) == len(self._edition.articles)
