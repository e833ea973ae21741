"""How many people read a feed, as far as its requests tell: an estimate, never a list of persons.

Services that read for many say for how many in their User-Agent, such as `Feedly/1.0 (…; 16 subscribers; …)`. All other
readers of a feed are counted one by one within two days. Addresses are held as digests, and nothing is stored.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter, OrderedDict
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

MAX_SERVICES = 10_000  # services and feeds whose number is remembered
MAX_READERS = 100_000  # whose digests are held
MAX_SUBSCRIBERS = 100_000_000  # that one service may claim
SERVICE_SECONDS = 3 * 86_400.0  # after which a service that does not ask again has no subscribers any more
READER_SECONDS = 86_400.0  # of each of the two sets of readers, of which the older is dropped
_USER_AGENT_LENGTH = 500

# `16 subscribers`, `1 reader`, `subscribers=16`: a convention of all services, whatever their name.
_DECLARED = re.compile(
    r"(?<![\w.])(\d{1,9})[ +-](?:subscriber|reader)s?\b|\bsubscribers?[=:] ?(\d{1,9})\b", re.IGNORECASE
)
_DIGITS = re.compile(r"\d+")


class _Claim(NamedTuple):
    subscribers: int
    at: float


def read_subscribers(user_agent: str) -> int | None:
    """Return for how many people a service asks, as its User-Agent says; None where it does not say so."""
    match = _DECLARED.search(user_agent[:_USER_AGENT_LENGTH])
    return min(int(match[1] or match[2]), MAX_SUBSCRIBERS) if match else None


@lru_cache(maxsize=4096)
def _read_user_agent(user_agent: str) -> tuple[int | None, str]:
    """Return for how many people a client asks, None for itself; and its name, the same in its next version."""
    return read_subscribers(user_agent), _DIGITS.sub("", user_agent)


class FeedReaders:
    """The readers of each feed. `note` costs a microsecond, and each is called in one thread."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(16)
        self._claims: OrderedDict[tuple[str, str], _Claim] = OrderedDict()
        self._recent: set[tuple[str, bytes]] = set()  # feed id and digest of the client
        self._earlier: set[tuple[str, bytes]] = set()
        self._turned_at = 0.0

    def note(self, path: str, feed_id: str, client: str, user_agent: str, at: float) -> None:
        """Count a request for a feed at a path; `at` is of a monotonic clock, in seconds."""
        count, name = _read_user_agent(user_agent[:_USER_AGENT_LENGTH])
        if count is None:
            self._note_reader(feed_id, f"{client}\n{name}", at)
            return
        service = f"{path}\n{name}"
        self._claims[feed_id, service] = _Claim(count, at)
        self._claims.move_to_end((feed_id, service))
        while len(self._claims) > MAX_SERVICES:
            self._claims.popitem(last=False)

    def _note_reader(self, feed_id: str, reader: str, at: float) -> None:
        if at - self._turned_at >= READER_SECONDS:
            self._earlier = self._recent if at - self._turned_at < 2 * READER_SECONDS else set()
            self._recent, self._turned_at = set(), at
        if len(self._recent) < MAX_READERS:
            self._recent.add(
                (feed_id, blake2b(reader.encode("utf-8", "replace"), digest_size=8, key=self._key).digest())
            )

    def count_subscribers(self, at: float) -> Mapping[tuple[str, str], int]:
        """Return the number of people by feed id and kind: `service` as services say, `reader` the others."""
        counts = Counter[tuple[str, str]]()
        for (feed_id, _), claim in list(self._claims.items()):
            if at - claim.at < SERVICE_SECONDS:
                counts[feed_id, "service"] += claim.subscribers
        counts.update((feed_id, "reader") for feed_id, _ in self._earlier | self._recent)
        return counts
