"""The entries of articles in each format, kept from one document to the next: each is written once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

MAX_SIZE = 16_000_000  # bytes: 1,000 articles of 5 kB each in three formats
ENTRY_SIZE = 150  # bytes that an entry takes besides its own
_NO_ENTRIES: Mapping[str, bytes] = {}


class EntryCache:
    """The entries of articles by what tells the article and by the name of the format, up to `max_size` bytes.

    Those of the article go first that no document held for longest. One thread at a time uses it.
    """

    def __init__(self, max_size: int = MAX_SIZE) -> None:
        self._entries = OrderedDict[bytes, dict[str, bytes]]()
        self._max_size = max_size
        self.size = 0  # bytes

    def get(self, digest: bytes) -> Mapping[str, bytes]:
        """Return the entries of an article that are kept, by the name of the format."""
        entries = self._entries.get(digest)
        if entries is None:
            return _NO_ENTRIES
        self._entries.move_to_end(digest)
        return entries

    def add(self, format_name: str, entries: Mapping[bytes, bytes]) -> None:
        """Keep the entries of articles in a format, and remove the oldest beyond the bound."""
        for digest, entry in entries.items():
            entries_of_article = self._entries.setdefault(digest, {})
            if format_name not in entries_of_article:
                entries_of_article[format_name] = entry
                self.size += len(entry) + ENTRY_SIZE
        while self.size > self._max_size:
            _, entries_of_article = self._entries.popitem(last=False)
            self.size -= sum(len(entry) + ENTRY_SIZE for entry in entries_of_article.values())
