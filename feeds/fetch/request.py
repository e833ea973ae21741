"""What a request says: who we are, what we take, what we hold already, and what was declared for the source."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

from .. import __version__, http_headers
from ..model import Kind, Site, Source, Validators, Visit
from .connection import DIRECT, Route
from .decoding import CODINGS
from .problems import FetchProblem
from .target import Target, target_of

HOPS = 5  # E18: for what is polled
HOPS_OF_PAGES = 10

FEED = ", ".join(
    (
        "application/atom+xml",
        "application/rss+xml",
        "application/feed+json",
        "application/rdf+xml",
        "application/json;q=0.9",
        "application/xml;q=0.9",
        "text/xml;q=0.9",
        "text/html;q=0.5",
        "*/*;q=0.1",
    )
)
PAGE = "text/html, application/xhtml+xml, application/xml;q=0.8, */*;q=0.1"
SITEMAP = "application/xml, text/xml, application/gzip;q=0.8, text/plain;q=0.5, */*;q=0.1"
OPML = "text/x-opml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1"
ROBOTS = "text/plain, */*;q=0.1"
ACCEPT: Mapping[Kind, str] = {
    Kind.ANY: FEED,
    Kind.FEED: FEED,
    Kind.PAGE: PAGE,
    Kind.SITEMAP: SITEMAP,
    Kind.FILES: PAGE,
    Kind.OPML: OPML,
}
# Of what an operator declared, what says nothing in confidence; the rest stays with the origin it was meant for (S21).
_OPEN = frozenset({"user-agent", "accept", "accept-language"})


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """What stays the same over the redirects of one visit. `secret` goes to the origin `home` and nowhere else."""

    headers: Mapping[str, str]
    secret: Mapping[str, str] = field(default_factory=dict)
    home: tuple[str, str, int] | None = None
    route: Route = DIRECT
    hops: int = HOPS

    def headers_for(self, target: Target) -> Mapping[str, str]:
        """What this target may be told."""
        return {**self.headers, **self.secret} if self.secret and target.origin == self.home else self.headers


def errand_of(visit: Visit, agent: str) -> RequestTemplate:
    """What a visit asks for. Nothing goes out but these headers, `Host` and `Connection` (E15)."""
    source = visit.source
    page = visit.story is not None
    headers = {
        "User-Agent": agent,
        "Accept": PAGE if page else ACCEPT[source.kind],
        "Accept-Encoding": CODINGS,
        **_conditions(visit.state.validators),
    }
    route, hops = Route(source.allow_private, source.proxy), HOPS_OF_PAGES if page else HOPS
    if not (source.headers or source.basic_auth or source.bearer):
        return RequestTemplate(headers, route=route, hops=hops)
    headers |= {name: value for name, value in source.headers if name.lower() in _OPEN}
    secret = _login(source) | {name: value for name, value in source.headers if name.lower() not in _OPEN}
    return RequestTemplate(headers, secret, _origin(source.address), route, hops)


def errand_to_robots(source: Source | None, agent: str) -> RequestTemplate:
    """What is asked of a host before its pages are."""
    route = Route(source.allow_private, source.proxy) if source else DIRECT
    return RequestTemplate({"User-Agent": agent, "Accept": ROBOTS, "Accept-Encoding": CODINGS}, route=route)


def agent(site: Site) -> str:
    """How we introduce ourselves: name, version, and where to find out more (E14)."""
    contact = f"; {site.contact}" if site.contact else ""
    return f"feeds/{__version__} (+{site.url}{contact})".encode("ascii", "replace").decode("ascii")


def _conditions(validators: Validators) -> dict[str, str]:
    """Validators go back byte for byte (E1); one that could break out of its line stays here (S13)."""
    conditions = {}
    if etag := http_headers.validator(validators.etag):
        conditions["If-None-Match"] = etag
    if last_modified := http_headers.validator(validators.last_modified):
        conditions["If-Modified-Since"] = last_modified
    return conditions


def _login(source: Source) -> dict[str, str]:
    if source.bearer is not None:
        return {"Authorization": f"Bearer {source.bearer}"}
    if source.basic_auth is not None:
        login = b64encode(":".join(source.basic_auth).encode()).decode("ascii")
        return {"Authorization": f"Basic {login}"}
    return {}


def _origin(address: str) -> tuple[str, str, int] | None:
    try:
        return target_of(address).origin
    except FetchProblem:
        return None
