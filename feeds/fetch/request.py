"""The headers of our requests: User-Agent, Accept, validators, and what the YAML declares for the source."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

from .. import __version__, http_headers
from ..model import Kind, Site, Source, Validators, Visit
from ..registry import source_kinds
from .connection import DIRECT, Route
from .decoding import ACCEPT_ENCODING
from .problems import FetchProblem
from .target import RequestTarget, parse_target

MAX_REDIRECTS = 5  # E18: of sources, which are polled
MAX_PAGE_REDIRECTS = 10

ACCEPT_ROBOTS = "text/plain, */*;q=0.1"
# Declared headers that hold no secret; all others are sent to the origin of the source only (S21).
_HARMLESS_HEADERS = frozenset({"user-agent", "accept", "accept-language"})


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """What stays the same over the redirects of one visit.

    `secret_headers` are sent to `secret_origin` (scheme, host, port) and nowhere else.
    """

    headers: Mapping[str, str]
    secret_headers: Mapping[str, str] = field(default_factory=dict)
    secret_origin: tuple[str, str, int] | None = None
    route: Route = DIRECT
    max_redirects: int = MAX_REDIRECTS

    def headers_for(self, target: RequestTarget) -> Mapping[str, str]:
        """Return the headers that may be sent to a target."""
        if self.secret_headers and target.origin == self.secret_origin:
            return {**self.headers, **self.secret_headers}
        return self.headers


def request_for_visit(visit: Visit, user_agent: str) -> RequestTemplate:
    """Return the request of a visit. Nothing but these headers, `Host` and `Connection` is sent (E15)."""
    source, is_page = visit.source, visit.story is not None
    headers = {
        "User-Agent": user_agent,
        "Accept": source_kinds()[Kind.PAGE if is_page else source.kind].accept,
        "Accept-Encoding": ACCEPT_ENCODING,
        **_conditional_headers(visit.state.validators),
    }
    route = Route(source.allow_private, source.proxy)
    max_redirects = MAX_PAGE_REDIRECTS if is_page else MAX_REDIRECTS
    if not (source.headers or source.basic_auth or source.bearer):
        return RequestTemplate(headers, route=route, max_redirects=max_redirects)
    headers |= {name: value for name, value in source.headers if name.lower() in _HARMLESS_HEADERS}
    secret_headers = _authorization(source) | {
        name: value for name, value in source.headers if name.lower() not in _HARMLESS_HEADERS
    }
    return RequestTemplate(headers, secret_headers, _origin_of(source.address), route, max_redirects)


def request_for_robots(source: Source | None, user_agent: str) -> RequestTemplate:
    """Return the request for a robots.txt, by the route of the source for whose pages it is fetched."""
    headers = {"User-Agent": user_agent, "Accept": ACCEPT_ROBOTS, "Accept-Encoding": ACCEPT_ENCODING}
    return RequestTemplate(headers, route=Route(source.allow_private, source.proxy) if source else DIRECT)


def format_user_agent(site: Site) -> str:
    """Return our User-Agent: name, version, and where to find out more (E14)."""
    contact = f"; {site.contact}" if site.contact else ""
    return f"feeds/{__version__} (+{site.url}{contact})".encode("ascii", "replace").decode("ascii")


def _conditional_headers(validators: Validators) -> dict[str, str]:
    """Return validators byte for byte as they came (E1), without those that could break out of their line (S13)."""
    headers = {
        "If-None-Match": http_headers.clean_validator(validators.etag),
        "If-Modified-Since": http_headers.clean_validator(validators.last_modified),
    }
    return {name: value for name, value in headers.items() if value}


def _authorization(source: Source) -> dict[str, str]:
    if source.bearer is not None:
        return {"Authorization": f"Bearer {source.bearer}"}
    if source.basic_auth is not None:
        login = b64encode(":".join(source.basic_auth).encode()).decode("ascii")
        return {"Authorization": f"Basic {login}"}
    return {}


def _origin_of(address: str) -> tuple[str, str, int] | None:
    try:
        return parse_target(address).origin
    except FetchProblem:
        return None
