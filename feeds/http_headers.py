"""What HTTP headers mean, in both directions: pure functions over header text, for the fetcher and for the server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

LONGEST = 31 * 86_400.0  # no server is believed about more than a month, whatever number it writes

_MONTHS = {"janfebmaraprmayjunjulaugsepoctnovdec"[n * 3 :][:3]: n + 1 for n in range(12)}
_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_DATES = tuple(
    re.compile(pattern, re.ASCII | re.IGNORECASE)
    for pattern in (  # RFC 9110 §5.6.7: IMF-fixdate, RFC 850, asctime
        rf"[a-z]+, (?P<day>\d\d?)[ -](?P<month>[a-z]{{3}})[ -](?P<year>\d{{4}}) {_CLOCK}(?: (?:GMT|UTC|\+0000))?",
        rf"[a-z]+, (?P<day>\d\d)-(?P<month>[a-z]{{3}})-(?P<year>\d\d) {_CLOCK} GMT",
        rf"[a-z]{{3}} (?P<month>[a-z]{{3}}) (?P<day>[ \d]\d) {_CLOCK} (?P<year>\d{{4}})",
    )
)
_DIRECTIVE = re.compile(r'([!#$%&\'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,;"]*))?')
_ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')
_UNFIT = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
_LONGEST_VALIDATOR = 4096


# ── dates ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def parse_date(text: str | None) -> datetime | None:
    """The moment an HTTP date names, in any of its three forms; None for everything else."""
    for form in _DATES:
        if found := form.fullmatch((text or "").strip()):
            return _moment(found.groupdict())
    return None


def _moment(parts: Mapping[str, str]) -> datetime | None:
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
    """A moment as an IMF-fixdate."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


# ── waiting: caching and Retry-After ────────────────────────────────────────────────────────────────────────────────


def directives(value: str | None) -> dict[str, str]:
    """A header of comma-separated directives as a mapping; the first of two equal names wins (RFC 9111 §4.2.1)."""
    found: dict[str, str] = {}
    for name, argument in _DIRECTIVE.findall(value or ""):
        found.setdefault(name.lower(), _unquoted(argument))
    return found


def fresh_for(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds for which an answer may be taken as current, as its sender says; None when it says nothing.

    `no-cache` and `no-store` ask for revalidation and say nothing about when (E7). Names of `headers` in lower case.
    """
    control = directives(headers.get("cache-control"))
    if "no-cache" in control or "no-store" in control:
        return None
    if "max-age" in control:
        stated = _seconds(control["max-age"])
    elif "expires" in headers:
        stated = _until(headers["expires"], headers.get("date"), now)
    else:
        return None
    return min(max(stated - _seconds(headers.get("age", "0")), 0.0), LONGEST)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds a server asks us to stay away (RFC 9110 §10.2.3); a date counts from its own `Date`. None if unclear."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+", value):
        return _seconds(value)
    moment = parse_date(value)
    start = parse_date(headers.get("date")) or now
    if moment is None or start is None:
        return None
    return min(max((moment - start).total_seconds(), 0.0), LONGEST)


def _seconds(text: str) -> float:
    """A count of seconds; whatever is not one is 0, as RFC 9111 §4.2.1 wants invalid freshness to be stale."""
    return float(min(int(text[:12]), int(LONGEST))) if re.fullmatch(r"[0-9]+", text) else 0.0


def _until(expires: str, date: str | None, now: datetime | None) -> float:
    moment = parse_date(expires)
    start = parse_date(date) or now
    return (moment - start).total_seconds() if moment and start else 0.0


# ── what a body is ──────────────────────────────────────────────────────────────────────────────────────────────────


def content_type(value: str | None) -> tuple[str, str | None]:
    """The media type in lower case without parameters (empty when malformed), and the charset."""
    media_type, _, rest = (value or "").partition(";")
    media_type = media_type.strip().lower()
    charset = directives(rest).get("charset", "").strip()
    return (media_type if re.fullmatch(r"[^\s/,]+/[^\s/,]+", media_type) else ""), (charset or None)


def validator(value: str | None) -> str | None:
    """An ETag or Last-Modified as it came, or None when it cannot be sent back without harm (S13)."""
    if not value or len(value) > _LONGEST_VALIDATOR or _UNFIT.search(value):
        return None
    return value


# ── answering ───────────────────────────────────────────────────────────────────────────────────────────────────────


def not_modified(
    if_none_match: str | None, if_modified_since: str | None, etag: str | None, last_modified: datetime | None
) -> bool:
    """Whether a GET is answered by 304: by weak comparison of tags, else by date (RFC 9110 §13.2.2)."""
    if if_none_match is not None:
        if if_none_match.strip() == "*":
            return etag is not None
        return etag is not None and _opaque(etag) in _ENTITY_TAG.findall(if_none_match)
    since = parse_date(if_modified_since)
    if since is None or last_modified is None:
        return False
    return last_modified - since < timedelta(seconds=1)  # an HTTP date has no fractions


def _opaque(etag: str) -> str:
    return etag.removeprefix("W/")


def accepts(coding: str, header: str | None) -> bool:
    """Whether an `Accept-Encoding` lets us send this coding; a missing header asks for none."""
    weights = _weights(header)
    fallback = weights.get("*", 1.0 if coding == "identity" else 0.0)
    return weights.get(coding.lower(), fallback) > 0


def prefers_html(accept: str | None) -> bool:
    """Whether an `Accept` comes from somebody who navigates: HTML is wanted, and no feed type is wanted as much."""
    weights = _weights(accept)
    html = max(weights.get("text/html", 0.0), weights.get("application/xhtml+xml", 0.0))
    feeds = max((weights.get(kind, 0.0) for kind in FEED_TYPES), default=0.0)
    return html > 0 and html > feeds


FEED_TYPES = ("application/atom+xml", "application/rss+xml", "application/feed+json", "application/rdf+xml")


def _weights(header: str | None) -> dict[str, float]:
    """Each member of a weighted list in lower case with its q; a malformed q counts as 0."""
    found: dict[str, float] = {}
    for member in (header or "").split(","):
        name, _, rest = member.partition(";")
        if name.strip():
            found[name.strip().lower()] = _weight(directives(rest).get("q", "1"))
    return found


def _weight(text: str) -> float:
    return min(float(text), 1.0) if re.fullmatch(r"\d(\.\d*)?", text, re.ASCII) else 0.0


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[:1] == '"' else text
