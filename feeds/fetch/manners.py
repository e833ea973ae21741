"""Whom a request waits for: the gap and the cap of its host name, and the cap of the address behind it (E13).

The picker keeps them for the first request of a visit as far as it can tell, which is then not held up here; these
gates keep them for every request: robots.txt, what comes after it, and whatever redirects lead to.
A place is held for one request. Nobody waits for a host while holding a place at another one, nor for any host's place
while holding one at an address, so no two visits can block each other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from ..model import Hosts
from .budget import Budget
from .gate import Gate

REMEMBERED = 4096  # host names whose address is known


class Passage:
    """The way of requests that wait for nobody: deliveries, which are no visits, and the way to a proxy."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.address: str | None = None  # that is asked

    def at(self, address: str) -> None:
        """This address is going to be asked."""
        self.address = address


class VisitPassage(Passage):
    """The way of one visit's requests, one after the other. What is waited here does not count against its time."""

    def __init__(self, manners: Manners, budget: Budget) -> None:
        super().__init__(budget)
        self._manners = manners
        self._first: str | None = None
        self._host: str | None = None

    def to(self, host: str) -> None:
        """This host is going to be asked: a redirect to the same one follows at once, another one has to be entered."""
        self._first = self._first or host
        if host == self._host:
            self._manners.hosts.again(host)
            return
        self._leave()
        self.budget.grant(self._manners.hosts.enter(host))
        self._host = host

    def at(self, address: str) -> None:
        """This address is going to be asked, as soon as there is room."""
        assert self._first is not None and self._host is not None
        if address == self.address:
            return
        self._leave_address()
        waited = self._manners.addresses.enter(address)
        self.address = address
        self._manners.led(self._first, address)
        if waited:  # others that ask this host may have been let in at the same moment
            waited += self._manners.hosts.pace(self._host)
        self.budget.grant(waited)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        self._leave_address()
        host, self._host = self._host, None
        if host is not None:
            self._manners.hosts.leave(host)

    def _leave_address(self) -> None:
        address, self.address = self.address, None
        if address is not None:
            self._manners.addresses.leave(address)


class Manners:
    """The gates of one fetcher, and the address to which each host name last led."""

    def __init__(self, hosts: Hosts, clock: Callable[[], float], stopping: threading.Event) -> None:
        self.hosts = Gate(hosts.at_once, hosts.gap, clock, stopping)
        self.addresses = Gate(hosts.at_one_address, 0.0, clock, stopping)
        self._lock = threading.Lock()
        self._led: dict[str, str] = {}

    def passage(self, budget: Budget) -> VisitPassage:
        """The way of a visit; leaving it gives back what is held."""
        return VisitPassage(self, budget)

    def led(self, host: str, address: str) -> None:
        """Remember where a host is, or where its redirects end; the one that was asked longest ago makes room."""
        with self._lock:
            self._led.pop(host, None)
            self._led[host] = address
            if len(self._led) > REMEMBERED:
                del self._led[next(iter(self._led))]

    def address_of(self, host: str) -> str | None:
        """Where a host last led: hundreds that redirect to one place would else all wait at its gate."""
        return self._led.get(host)

    def close(self) -> None:
        """Send all home who wait, once `stopping` is set."""
        self.hosts.close()
        self.addresses.close()
