"""The fetcher: makes a visit's requests and returns what is at its address now."""

from __future__ import annotations

import ssl
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Self

from requests import Response

from ..errors import FailureKind, FetchError
from ..model import Config, Fetched, Hop, HostState, Kind, NotModified, Site, Source, Visit, is_remote
from ..politeness import HostLimits
from . import local_files, robots
from .commands import NOT_ALLOWED, CommandRunner
from .connection import Opener, shared_tls_context
from .decoding import decode_start
from .problems import FetchProblem, raise_fetch_error
from .request import RequestTemplate, format_user_agent, request_for_robots, request_for_visit
from .response import FinalResponse, interpret_response
from .ssrf import GuardedConnector, Resolve, resolve_with_system
from .target import RequestTarget, join_url, parse_target
from .throttle import Throttle, VisitThrottle
from .transport import CHUNK_SIZE, DEFAULT_TIMEOUT, MAX_IDLE_PER_ROUTE, Transport, prepare_get

REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
NO_LIMITS = HostLimits(gap=0.0, at_once=sys.maxsize)


class Fetcher:
    """Fetches visits and robots.txt, from any number of threads.

    `hosts` are the limits towards each host, kept between all requests; a caller that makes one visit only needs none.
    `allow` names networks that may be visited besides the public ones, as in `127.0.0.0/8` or `10.0.0.0/8:8080`.
    It runs no programs, unless it was made `for_installation`.
    """

    def __init__(
        self,
        site: Site,
        *,
        hosts: HostLimits = NO_LIMITS,
        allow: Sequence[str] = (),
        resolve: Resolve = resolve_with_system,
        clock: Callable[[], float] = time.monotonic,
        tls: Callable[[], ssl.SSLContext] = shared_tls_context,
    ) -> None:
        opener = Opener(GuardedConnector(allow, resolve), tls, clock)
        self.user_agent = format_user_agent(site)
        self._commands: CommandRunner | None = None
        self.throttle = Throttle(hosts, clock, opener.sockets.stopping)
        self.transport = Transport(opener, min(hosts.at_once, MAX_IDLE_PER_ROUTE))

    @classmethod
    def for_installation(cls, config: Config, allow: Sequence[str] = ()) -> Self:
        """Return a fetcher with the limits of a configuration, which runs the programs of its sources."""
        fetcher = cls(config.site, hosts=config.hosts, allow=allow)
        fetcher._commands = CommandRunner(config)
        return fetcher

    def fetch(self, visit: Visit) -> Fetched | NotModified:
        """Fetch what is at a visit's address now; raise FetchError, with a sentence for the operator, on failure."""
        if visit.source.kind is Kind.COMMAND and visit.story is None:
            if self._commands is None:
                raise FetchError(NOT_ALLOWED, kind=FailureKind.REFUSED)
            return self._commands.run(visit)
        if not is_remote(visit.url):
            return local_files.fetch(visit)
        with self._throttle_visit(visit.source.timeout) as throttle:
            final = self._follow_redirects(visit.url, request_for_visit(visit, self.user_agent), throttle)
            with raise_fetch_error(final.target.netloc):
                try:
                    return interpret_response(visit, final)
                finally:
                    final.response.close()

    def robots(self, url: str, state: HostState, at: datetime, source: Source | None = None) -> tuple[bool, HostState]:
        """Return whether robots.txt allows an address, and the new state of its host; ask at most once a day (E17).

        Raise FetchError when told to stop before.
        """
        rules = robots.cached_rules(state, at)
        if rules is None:
            state = robots.update_rules(state, at, *self._fetch_robots(url, source))
            rules = state.robots or robots.ALLOW_ALL
        return robots.is_allowed(rules, url), state

    def address_of(self, host: str) -> str | None:
        """Return the address to which a host name last led, None where it is unknown."""
        return self.throttle.address_of(host)

    def close(self) -> None:
        """Close all connections and end all programs for good; visits in progress fail as `stopped` at once (F38)."""
        if self._commands is not None:
            self._commands.close()
        self.transport.close()
        self.throttle.close()

    def _throttle_visit(self, seconds: float) -> VisitThrottle:
        return VisitThrottle(self.throttle, self.transport.start_deadline(seconds))

    def _follow_redirects(self, url: str, template: RequestTemplate, throttle: VisitThrottle) -> FinalResponse:
        """Request an address and go where redirects lead; every hop passes the same guard (S3)."""
        with raise_fetch_error("The address"):
            target = start = parse_target(url)
        statuses: dict[RequestTarget, int] = {}  # target → the status that redirected from it
        while True:
            request = prepare_get(target, template.headers_for(target), throttle, template.route)
            if statuses:
                request.place = f"{target.netloc}, where {start.netloc} redirects to,"
            with raise_fetch_error(request.place):
                throttle.enter_host(target.host)
            response = self.transport.send(request)
            if response.status_code not in REDIRECT_STATUSES:
                locations = [*(hop.url for hop in statuses), target.url][1:]
                return FinalResponse(target, response, tuple(map(Hop, statuses.values(), locations)))
            statuses[target] = response.status_code
            with raise_fetch_error(request.place):
                target = _redirect_target(target, response, statuses, template.max_redirects)

    def _fetch_robots(self, url: str, source: Source | None) -> tuple[int | None, str]:
        """Return status and text of the robots.txt that applies to an address; no status when it is out of reach."""
        try:
            with raise_fetch_error("The address"):
                robots_url = join_url(url, "/robots.txt")
            with self._throttle_visit(DEFAULT_TIMEOUT) as throttle:
                final = self._follow_redirects(robots_url, request_for_robots(source, self.user_agent), throttle)
                with raise_fetch_error(final.target.netloc):
                    return final.response.status_code, _read_robots(final.response)
        except FetchError as error:
            if error.kind is FailureKind.STOPPED:  # by us, which says nothing about the host
                raise
            # RFC 9309 §2.3.1.2: where redirects lead nowhere, there are no rules. A host that is refused
            # itself will be refused again, with its own sentence, when its page is requested.
            return (404 if error.kind in (FailureKind.REDIRECT, FailureKind.REFUSED) else None), ""


def _read_robots(response: Response) -> str:
    try:
        if response.status_code >= 300:
            return ""
        coding = response.headers.get("Content-Encoding", "")
        return decode_start(response.iter_content(CHUNK_SIZE), coding, robots.MAX_BYTES).decode("utf-8-sig", "replace")
    finally:
        response.close()


def _redirect_target(
    target: RequestTarget, response: Response, visited: Mapping[RequestTarget, int], max_redirects: int
) -> RequestTarget:
    """Return where a redirect leads. Its body is thrown away as it is, never decoded (S12)."""
    response.close()
    location = response.headers.get("Location")
    if not location:
        raise FetchProblem(FailureKind.REDIRECT, f"redirects to nowhere ({response.status_code})")
    try:
        next_target = parse_target(join_url(target.url, location))
    except FetchProblem as problem:
        what = f"redirects to an address that {problem.what}"
        raise FetchProblem(problem.kind, what, problem.advice) from problem
    if next_target in visited:
        raise FetchProblem(FailureKind.REDIRECT, "redirects in a circle")
    if len(visited) > max_redirects:
        raise FetchProblem(FailureKind.REDIRECT, f"redirects more than {max_redirects} times")
    return next_target
