"""What HTTP headers mean, in both directions: pure functions over header text, for the fetcher and for the server."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache

MAX_SECONDS = 31 * 86_400.0  # no server is believed about more than a month, whatever number it writes
MAX_VALIDATOR_LENGTH = 4096
_MAX_LIST_LENGTH = 1000  # of a weighted list; browsers and readers send up to about 200
FEED_TYPES = ("application/atom+xml", "application/rss+xml", "application/feed+json", "application/rdf+xml")

_MONTHS = {"janfebmaraprmayjunjulaugsepoctnovdec"[n * 3 :][:3]: n + 1 for n in range(12)}
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_DATES = tuple(
    re.compile(pattern, re.ASCII | re.IGNORECASE)
    for pattern in (  # RFC 9110 §5.6.7: IMF-fixdate, RFC 850, asctime
        rf"[a-z]+, (?P<day>\d\d?)[ -](?P<month>[a-z]{{3}})[ -](?P<year>\d{{4}}) {_TIME}(?: (?:GMT|UTC|\+0000))?",
        rf"[a-z]+, (?P<day>\d\d)-(?P<month>[a-z]{{3}})-(?P<year>\d\d) {_TIME} GMT",
        rf"[a-z]{{3}} (?P<month>[a-z]{{3}}) (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})",
    )
)
_DIRECTIVE = re.compile(r'([!#$%&\'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,;"]*))?')
_LINK = re.compile(r'<([^<>]*+)>([^<"]*+(?>(?:"[^"]*+"[^<"]*+)*))')
_MAX_LINKS_LENGTH = 20_000
_ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')
_NOT_HEADER_TEXT = re.compile(r"[^\t\x20-\x7e\x80-\xff]")


# ── dates ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def parse_date(text: str | None) -> datetime | None:
    """Parse an HTTP date in any of its three forms; return None for everything else."""
    for pattern in _DATES:
        if match := pattern.fullmatch((text or "").strip()):
            return _make_datetime(match.groupdict())
    return None


def _make_datetime(parts: Mapping[str, str]) -> datetime | None:
    year = int(parts["year"])
    if len(parts["year"]) == 2:
        year += 1900 if year >= 70 else 2000
    try:
        return datetime(
            year,
            _MONTHS[parts["month"].lower()],
            int(parts["day"]),
            int(parts["hour"]),
            int(parts["minute"]),
            min(int(parts["second"]), 59),  # a leap second
            tzinfo=UTC,
        )
    except (KeyError, ValueError):
        return None


def format_date(moment: datetime) -> str:
    """Format a moment as an IMF-fixdate."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


# ── caching and Retry-After ─────────────────────────────────────────────────────────────────────────────────────────


def parse_directives(value: str | None) -> dict[str, str]:
    """Parse comma-separated directives; the first of two equal names wins (RFC 9111 §4.2.1)."""
    directives: dict[str, str] = {}
    for name, argument in _DIRECTIVE.findall(value or ""):
        directives.setdefault(name.lower(), _unquote(argument))
    return directives


def freshness_lifetime(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds for which a response is fresh, as its sender says (RFC 9111 §4.2.1); None if it does not.

    `no-cache` and `no-store` ask for revalidation and say nothing about when (E7). Names of `headers` in lower case.
    """
    control = parse_directives(headers.get("cache-control"))
    if "no-cache" in control or "no-store" in control:
        return None
    if "max-age" in control:
        lifetime = _parse_seconds(control["max-age"])
    elif "expires" in headers:
        lifetime = _seconds_until(headers["expires"], headers.get("date"), now) or 0.0
    else:
        return None
    return min(max(lifetime - _parse_seconds(headers.get("age", "0")), 0.0), MAX_SECONDS)


def parse_retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds a server asks us to stay away (RFC 9110 §10.2.3); None if unclear.

    A date counts from the `Date` of the same response. Names of `headers` in lower case.
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+", value):
        return _parse_seconds(value)
    seconds = _seconds_until(value, headers.get("date"), now)
    return None if seconds is None else min(max(seconds, 0.0), MAX_SECONDS)


def _parse_seconds(text: str) -> float:
    """Parse a count of seconds; all other text is 0, as RFC 9111 §4.2.1 wants invalid freshness to be stale."""
    return float(min(int(text[:12]), int(MAX_SECONDS))) if re.fullmatch(r"[0-9]+", text) else 0.0


def _seconds_until(text: str, date: str | None, now: datetime | None) -> float | None:
    moment = parse_date(text)
    start = parse_date(date) or now
    return (moment - start).total_seconds() if moment and start else None


# ── content type and validators ─────────────────────────────────────────────────────────────────────────────────────


def parse_content_type(value: str | None) -> tuple[str, str | None]:
    """Return the media type in lower case without parameters (empty when malformed), and the charset."""
    media_type, _, parameters = (value or "").partition(";")
    media_type = media_type.strip().lower()
    charset = parse_directives(parameters).get("charset", "").strip()
    return (media_type if re.fullmatch(r"[^\s/,]+/[^\s/,]+", media_type) else ""), (charset or None)


def parse_links(value: str | None) -> list[tuple[str, dict[str, str]]]:
    """Return the references of a `Link` header as they stand, each with its parameters (RFC 8288 §3)."""
    links = _LINK.findall((value or "")[:_MAX_LINKS_LENGTH])
    return [(reference.strip(), parse_directives(parameters)) for reference, parameters in links]


def clean_validator(value: str | None) -> str | None:
    """Return an ETag or Last-Modified as it came, or None when it cannot be sent back without harm (S13)."""
    if not value or len(value) > MAX_VALIDATOR_LENGTH or _NOT_HEADER_TEXT.search(value):
        return None
    return value


# ── requests to our server ──────────────────────────────────────────────────────────────────────────────────────────


def is_not_modified(
    if_none_match: str | None, if_modified_since: str | None, etag: str | None, last_modified: datetime | None
) -> bool:
    """Return whether a GET is answered by 304: by weak comparison of tags, else by date (RFC 9110 §13.2.2)."""
    if if_none_match is not None:
        if if_none_match.strip() == "*":
            return etag is not None
        return etag is not None and etag.removeprefix("W/") in _ENTITY_TAG.findall(if_none_match)
    since = parse_date(if_modified_since)
    if since is None or last_modified is None:
        return False
    return last_modified - since < timedelta(seconds=1)  # an HTTP date has no fractions


def select_coding(codings: Collection[str], accept_encoding: str | None) -> str | None:
    """Return the content coding that an `Accept-Encoding` prefers, of equal ones the first; None for none of them.

    A missing header asks for none.
    """
    weights = _parse_weights(accept_encoding)
    fallback = weights.get("*", 0.0)
    best = max(codings, key=lambda coding: weights.get(coding, fallback), default=None)
    return best if best is not None and weights.get(best, fallback) > 0 else None


def prefers_html(accept: str | None) -> bool:
    """Return whether an `Accept` comes from a browser that navigates: it prefers HTML to every feed type."""
    weights = _parse_weights(accept)
    html = max(weights.get("text/html", 0.0), weights.get("application/xhtml+xml", 0.0))
    return html > max(weights.get(media_type, 0.0) for media_type in FEED_TYPES)


def is_navigation(mode: str | None, destination: str | None) -> bool:
    """Return whether `Sec-Fetch-Mode` and `Sec-Fetch-Dest` are of a browser that opens an address to show it."""
    return (mode, destination) == ("navigate", "document")


def _parse_weights(header: str | None) -> Mapping[str, float]:
    """Return each member of a weighted list in lower case with its q; a malformed q counts as 0."""
    return _parse_weighted_list((header or "")[:_MAX_LIST_LENGTH])


@lru_cache(maxsize=64)  # few spellings are sent again and again, and parsing one takes longer than all else of a 304
def _parse_weighted_list(header: str) -> Mapping[str, float]:
    weights: dict[str, float] = {}
    for member in header.split(","):
        name, _, parameters = member.partition(";")
        if name.strip():
            weights[name.strip().lower()] = _parse_weight(parse_directives(parameters).get("q", "1"))
    return weights


def _parse_weight(text: str) -> float:
    return min(float(text), 1.0) if re.fullmatch(r"\d(\.\d*)?", text, re.ASCII) else 0.0


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[:1] == '"' else text
