"""The rule of E13: how many requests may be in progress to one host, and the gap between two.

The host queue keeps it for due visits, the throttle of the fetcher for every request. Several machines keep it because
all visits to one host belong to one shard, and one machine at a time makes the visits of a shard.
"""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

SHARDS = 64  # stored with each visit: another number asks for a migration
LOCAL_SHARD = -1  # of what is no host's: our own files


def shard_of(host: str) -> int:
    """Return the shard that a host name belongs to, always the same for the same name."""
    return crc32(host.encode("utf-8", "surrogatepass")) % SHARDS if host else LOCAL_SHARD


@dataclass(slots=True)
class RequestSlots:
    """The requests in progress to one host name or address, and when the next may start: the rule of E13.

    At most `limit` are in progress at once, and `gap` seconds lie between the starts of two. The host queue counts
    visits with it, the throttle of the fetcher every request; each has its own clock.
    """

    limit: int
    gap: float = 0.0
    active: int = 0
    free_at: float = 0.0

    @property
    def full(self) -> bool:
        """Return whether one in progress has to end before the next may start."""
        return self.active >= self.limit

    def start(self, now: float) -> None:
        """Count one more in progress; the gap begins."""
        self.active += 1
        self.free_at = now + self.gap

    def end(self) -> None:
        """Count one less in progress."""
        self.active -= 1


@dataclass(frozen=True, slots=True)
class HostLimits:
    """Limits for requests to one host name, and to the address that several names may share (E13)."""

    gap: float = 1.0
    at_once: int = 2

    def host_slots(self) -> RequestSlots:
        """Return the slots of one host name."""
        return RequestSlots(self.at_once, self.gap)

    def address_slots(self) -> RequestSlots:
        """Return the slots of one resolved address, which have no gap."""
        return RequestSlots(max(8, self.at_once))
