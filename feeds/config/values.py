"""Checks of single values: each takes a text and gives what it means, or raises ValueError saying what was expected."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from itertools import islice, pairwise
from urllib.parse import SplitResult, quote, urlsplit

from cronsim import CronSim, CronSimError

from ..model import Interval
from . import units
from .patterns import Regexp, any_of, regexp
from .problems import hint, kind_of, listed, meant, nearest, shortened

SLUG = r"^[a-z0-9][a-z0-9_-]{0,63}$"
RESERVED = frozenset(
    {"index", "live", "hub", "health", "metrics", "stories", "archive", "assets", "search", "push", "websub"}
)

MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


# ── text ────────────────────────────────────────────────────────────────────────────────────────────────────────────

_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]"
)  # nothing of it may stand in XML or a header
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")  # BCP 47, its common part
# What a visit says by itself: written twice, a request would contradict itself.
_OUR_HEADERS = frozenset(
    {"accept-encoding", "connection", "content-length", "expect", "host", "if-modified-since", "if-none-match", "te"}
    | {"transfer-encoding", "upgrade"}
)


def text(value: str) -> str:
    """Text without control characters, not empty."""
    if found := _CONTROL.search(value):
        raise ValueError(f"the text holds the control character U+{ord(found.group()):04X}, expected readable text")
    if not value.strip():
        raise ValueError("the text is empty, expected at least one letter")
    return value.strip()


def one_line(value: str) -> str:
    """Text with every run of white space made one space."""
    return " ".join(text(value).split())


def slug(value: str) -> str:
    """An id (S14)."""
    if not re.fullmatch(SLUG[1:-1], value):
        better = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")[:64]
        near = hint(better if better != value else None)
        raise ValueError(
            f"`{shortened(value)}` is no id, expected up to 64 of a-z, 0-9, - and _, a letter or digit first{near}"
        )
    return value


def feed_slug(value: str) -> str:
    """The id of a feed, which is the name of its files."""
    if value in RESERVED:
        raise ValueError(f"the id `{value}` is reserved, expected any but {listed(sorted(RESERVED))}")
    return slug(value)


def source_ref(value: str) -> str:
    """The id of a source, or `ID/MEMBER` for one outline of an `opml:` source."""
    head, slash, member = value.partition("/")
    return slug(head) + (slash + slug(member) if slash else "")


def header_name(value: str) -> str:
    """A header field that is the operator's to send (S13)."""
    if not _HEADER_NAME.fullmatch(value):
        raise ValueError(f"`{shortened(value)}` is no header name, expected such as X-Api-Key")
    if value.lower() in _OUR_HEADERS:
        raise ValueError(f"the header `{value}` is sent by the program itself, expected another one")
    return value


def header_value(value: str) -> str:
    """What a header may say: one line of Latin-1 (S13)."""
    line = value.strip()
    if _CONTROL.search(line) or "\n" in line or "\r" in line or any(ord(character) > 255 for character in line):
        raise ValueError("the header's value holds a line end or a character beyond Latin-1, expected one plain line")
    return line


def contact(value: str) -> str:
    """What stands in the User-Agent."""
    return header_value(one_line(value))


def language(value: str) -> str:
    """A language tag."""
    if not _LANGUAGE.fullmatch(value):
        better = value.replace("_", "-")
        near = hint(better if _LANGUAGE.fullmatch(better) else None)
        raise ValueError(f"`{shortened(value)}` is no language tag, expected such as en, de or pt-BR{near}")
    return value


def one_of(*words: str) -> Callable[[str], str]:
    """A choice among words."""

    def choose(value: str) -> str:
        if value not in words:
            raise ValueError(f"`{shortened(value)}` is unknown, expected {listed(words)}{meant(value, words)}")
        return value

    return choose


def switch(value: str) -> bool:
    """`true` or `false`."""
    if value.lower() not in {"true", "false"}:
        raise ValueError(f"`{shortened(value)}` is no switch, expected true or false")
    return value.lower() == "true"


def whole(value: str) -> int:
    """A whole number, at least one."""
    number = _integer(value)
    if number is None or number < 1:
        raise ValueError(f"`{shortened(value)}` is no whole number from 1 up, expected such as 50")
    return number


def hours(value: str) -> float:
    """A number of hours, maybe none."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", value):
        raise ValueError(f"`{shortened(value)}` is no number of hours, expected such as 48")
    return float(value)


def _integer(value: str) -> int | None:
    """An integer of the YAML 1.2 core schema: `12`, `0o14`, `0xC`; a leading zero means nothing."""
    for pattern, base in ((r"\+?[0-9]{1,15}", 10), (r"0o[0-7]{1,15}", 8), (r"0x[0-9a-fA-F]{1,12}", 16)):
        if re.fullmatch(pattern, value):
            return int(value, base)
    return None


# ── addresses ───────────────────────────────────────────────────────────────────────────────────────────────────────

_SCHEMES = ("https", "http")
_FILE_ENDINGS = {"atom", "htm", "html", "json", "md", "opml", "php", "rdf", "rss", "txt", "xhtml", "xml"}


def url(value: str) -> str:
    """An http(s) URL that can be asked for."""
    parts = _split(value)
    if parts.scheme not in _SCHEMES:
        message = f"`{shortened(value)}` is no web address, expected http:// or https://"
        raise ValueError(message + hint(_with_scheme(value, parts.scheme)))
    if not parts.hostname or re.search(r'[\s\\<>"]', value) or _CONTROL.search(value):
        raise ValueError(f"`{shortened(value)}` is no web address, expected such as https://example.org/feed.xml")
    if parts.username is not None or parts.password is not None:
        raise ValueError("the URL holds a user or password, expected it under `auth: {basic: [user, password]}`")
    return value


def _with_scheme(value: str, scheme: str) -> str | None:
    """The web address that was most likely meant by one with a wrong scheme, or with none."""
    _, separator, rest = value.partition("://")
    if separator:
        near = "https" if scheme == "feed" else nearest(scheme, _SCHEMES)
        better = f"{near}://{rest}" if near else None
    else:
        better = f"https://{value}" if _looks_like_host(value.partition("/")[0]) else None
    return better if better and is_url(better) else None


def _looks_like_host(text: str) -> bool:
    *most, last = text.lower().split(".")
    return bool(most) and last.isalpha() and len(last) > 1 and last not in _FILE_ENDINGS and all(most)


def is_url(value: str) -> bool:
    """Whether `url` would take it."""
    try:
        return bool(url(value))
    except ValueError:
        return False


def is_remote(value: str) -> bool:
    """Whether an address names a scheme, rather than a file beside the YAML."""
    return bool(re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", value))


def address(value: str) -> str:
    """An http(s) URL, or the path of a local file."""
    if is_remote(value):
        return url(value)
    head, slash, _ = text(value).partition("/")
    if head.startswith("www.") or (slash and _looks_like_host(head)):
        short = shortened(value)
        expected = f"expected a URL, or ./{short} for a local file"
        raise ValueError(f"`{short}` has no scheme, {expected}{hint(f'https://{short}')}")
    return value


def base_url(value: str) -> str:
    """The address of our own site, in ASCII, with a slash at its end; it stands in every file and in headers."""
    parts = _split(url(value))
    if parts.query or parts.fragment:
        raise ValueError(f"`{shortened(value)}` has a query or a fragment, expected an address that ends in a slash")
    try:
        host = parts.netloc.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ValueError(f"`{shortened(value)}` has a host name that cannot exist, expected another one") from error
    return parts._replace(netloc=host, path=quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~") + "/").geturl()


def _split(value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        _ = parts.port  # judged only when asked for
    except ValueError as error:
        raise ValueError(f"`{shortened(value)}` is no web address ({error}), expected http:// or https://") from error
    return parts


# ── times ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_SOME_MONDAY = datetime(2024, 1, 1)


@lru_cache(maxsize=256)
def timezone(value: str) -> str:
    """The name of a time zone."""
    try:
        if value != "UTC":  # a machine without a time zone database still knows this one
            zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        zones = sorted(zoneinfo.available_timezones())
        city = next((zone for zone in zones if zone.lower().endswith("/" + value.lower())), None)
        near = hint(city or nearest(value, zones))
        raise ValueError(
            f"`{shortened(value)}` is no time zone, expected such as Europe/Berlin or UTC{near}"
        ) from error
    return value


@lru_cache(maxsize=1024)
def cron(value: str) -> str:
    """A cron expression of five fields, macros written out."""
    expression = MACROS.get(value.strip().lower(), value.strip())
    if len(expression.split()) != 5:
        near = meant(value, MACROS) if value.startswith("@") else ""
        raise ValueError(
            f"`{shortened(value)}` is no cron expression, expected five fields such as */10 7-20 * * mon-fri{near}"
        )
    try:
        CronSim(expression, _SOME_MONDAY)
    except CronSimError as error:
        raise ValueError(f"`{shortened(value)}` is no cron expression: {error}, expected such as 0 6 * * *") from error
    return expression


@lru_cache(maxsize=1024)
def shortest_gap(expression: str) -> float:
    """The shortest time between two of an expression's hits, as far as one hour of them shows."""
    hits = CronSim(expression, _SOME_MONDAY)
    times = islice(hits, 14)
    return min(((after - before).total_seconds() for before, after in pairwise(times)), default=units.TEN_YEARS)


def gap(value: str) -> float:
    """Seconds, maybe none."""
    return units.seconds(value)


def interval(value: str) -> float:
    """Seconds between two visits."""
    found = units.seconds(value)
    if found < 1:
        raise ValueError(f"`{value}` is too short, expected at least 1s")
    return found


def byte_count(value: str) -> int:
    """A size, at least one byte."""
    found = units.size(value)
    if found < 1:
        raise ValueError(f"`{value}` is too small, expected such as 15MB")
    return found


def pattern(value: object) -> Regexp:
    """A regular expression, or a list of words of which any is looked for."""
    if isinstance(value, Regexp):
        return value
    if isinstance(value, str):
        return regexp(value)
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return any_of(value)
    raise ValueError(f"{kind_of(value)} stands here, expected a regular expression or a list of words")


def bounds(value: object) -> Interval:
    """The interval between two bounds, such as `[15m, 24h]`."""
    if not (isinstance(value, list) and len(value) == 2 and all(isinstance(bound, str) for bound in value)):
        raise ValueError(f"{kind_of(value)} stands here, expected two lengths of time such as [15m, 24h]")
    least, most = (interval(bound) for bound in value)
    if least > most:
        raise ValueError(f"{value[0]} is longer than {value[1]}, expected the shorter one first")
    return Interval(least, most)


def pair(value: object) -> tuple[str, str]:
    """A user and a password."""
    if not (isinstance(value, list) and len(value) == 2 and all(isinstance(word, str) for word in value)):
        raise ValueError('this is no pair, expected [user, "${PASSWORD}"]')
    user, password = (header_value(word) for word in value)
    if ":" in user:
        raise ValueError("the user holds a colon, which basic authentication cannot carry")
    return user, password
