"""Fetcher: takes a visit to its source and brings back what is there now."""

from __future__ import annotations

import ssl
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from ..errors import FetchError
from ..model import Fetched, Hop, HostLimits, HostState, NotModified, Site, Source, Visit
from . import local_files, robots
from .connection import ConnectionPool, shared_tls
from .decoding import beginning
from .http1_parser import HttpResponse
from .problems import FetchProblem, told_of
from .request import RequestTemplate, agent, errand_of, errand_to_robots
from .response import FinalResponse, concluded
from .ssrf import GuardedConnector, Resolve, system_resolver
from .target import Target, is_remote, joined, target_of
from .throttle import Throttle, VisitThrottle
from .transport import SECONDS, Transport, call

REDIRECTS = frozenset({301, 302, 303, 307, 308})
FREELY = HostLimits(gap=0.0, at_once=sys.maxsize)


class Fetcher:
    """Fetches visits and robots.txt; one for all threads.

    `hosts` are the manners that visits keep between all their requests; who makes one visit only may do without.
    `allow` names networks that may be visited besides the public ones, as in `127.0.0.0/8` or `10.0.0.0/8:8080`.
    """

    def __init__(
        self,
        site: Site,
        *,
        hosts: HostLimits = FREELY,
        allow: Sequence[str] = (),
        resolve: Resolve = system_resolver,
        clock: Callable[[], float] = time.monotonic,
        tls: Callable[[], ssl.SSLContext] = shared_tls,
    ) -> None:
        lines = ConnectionPool(GuardedConnector(allow, resolve), tls, clock)
        self.agent = agent(site)
        self.manners = Throttle(hosts, clock, lines.stopping)
        self.transport = Transport(lines, clock)

    def fetch(self, visit: Visit) -> Fetched | NotModified:
        """What is there now, or NotModified; FetchError with a sentence for the operator when it cannot be had."""
        if not is_remote(visit.url):
            return local_files.fetch(visit)
        with self._passage(visit.source.timeout) as passage:
            arrival = self._follow(visit.url, errand_of(visit, self.agent), passage)
            with told_of(arrival.target.place):
                try:
                    return concluded(visit, arrival)
                finally:
                    arrival.answer.done()

    def robots(self, url: str, state: HostState, at: datetime, source: Source | None = None) -> tuple[bool, HostState]:
        """Whether a host lets us have an address, and what is known of the host now. Asks at most once a day."""
        rules = robots.cached(state, at)
        if rules is None:
            state = robots.learned(state, at, *self._rules(url, source))
            rules = state.robots or robots.EVERYBODY
        return robots.allows(rules, url), state

    def address_of(self, host: str) -> str | None:
        """The address to which a host name last led, so that those who share one need not be started in vain."""
        return self.manners.address_of(host)

    def close(self) -> None:
        """Hang up on everybody for good: whoever still waits gets a FetchError of kind `stopped` at once (F38)."""
        self.transport.close()
        self.manners.close()

    def _passage(self, seconds: float) -> VisitThrottle:
        return self.manners.passage(self.transport.budget(seconds))

    def _follow(self, url: str, errand: RequestTemplate, passage: VisitThrottle) -> FinalResponse:
        """Go where the redirects lead; every hop is asked under the same guard (S3)."""
        with told_of("The address"):
            target = start = target_of(url)
        seen: dict[Target, int] = {}  # target → the status that redirected from it
        while True:
            request = call(target, errand.headers_for(target), passage, errand.route)
            if seen:
                request.place = f"{target.place}, where {start.place} redirects to,"
            with told_of(request.place):
                passage.to(target.host)
            answer = self.transport.send(request).answer
            if answer.status not in REDIRECTS:
                hops = map(Hop, seen.values(), [*(hop.url for hop in seen), target.url][1:])
                return FinalResponse(target, answer, tuple(hops))
            seen[target] = answer.status
            with told_of(request.place):
                target = _redirected(target, answer, seen, errand.hops)

    def _rules(self, url: str, source: Source | None) -> tuple[int | None, str]:
        """The status and text of the robots.txt that speaks for an address; no status when it is out of reach."""
        try:
            with told_of("The address"):
                address = joined(url, "/robots.txt")
            with self._passage(SECONDS) as passage:
                arrival = self._follow(address, errand_to_robots(source, self.agent), passage)
                with told_of(arrival.target.place):
                    return arrival.answer.status, _text(arrival.answer)
        except FetchError as error:
            # RFC 9309 §2.3.1.2: where redirects lead nowhere, there are no rules. A host that is refused
            # itself will be refused again, with its own sentence, when its page is asked for.
            return (404 if error.kind in ("redirect", "refused") else None), ""


def _text(answer: HttpResponse) -> str:
    try:
        coding = answer.headers.get("content-encoding", "")
        body = beginning(answer.chunks(), coding, robots.LARGEST) if answer.status < 300 else b""
    finally:
        answer.done()
    return body.decode("utf-8-sig", "replace")


def _redirected(target: Target, answer: HttpResponse, seen: Mapping[Target, int], most: int) -> Target:
    """Where a redirect leads. Its body is thrown away as it is, never decoded (S12)."""
    answer.done()
    location = answer.headers.get("location")
    if not location:
        raise FetchProblem("redirect", f"redirects to nowhere ({answer.status})")
    try:
        following = target_of(joined(target.url, location))
    except FetchProblem as trouble:
        raise FetchProblem(trouble.kind, f"redirects to an address that {trouble.what}", trouble.advice) from trouble
    if following in seen:
        raise FetchProblem("redirect", "redirects in a circle")
    if len(seen) > most:
        raise FetchProblem("redirect", f"redirects more than {most} times")
    return following
