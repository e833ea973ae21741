"""Parsers of single values: text, ids, headers, addresses and times; ValueError says what was expected."""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from importlib.util import find_spec
from itertools import islice, pairwise
from urllib.parse import SplitResult, quote, urlsplit

from cronsim import CronSim, CronSimError

from .. import networks
from ..codings import CODING_NAMES
from ..model import is_remote
from ..podcast_categories import category_names, find_category
from ..registry import selector_compiler
from .problems import did_you_mean, find_nearest, hint, join_with_or, shorten
from .units import TEN_YEARS

SLUG = r"^[a-z0-9][a-z0-9_-]{0,63}$"
RESERVED = frozenset(
    {"index", "live", "hub", "health", "metrics", "stories", "archive", "assets", "search", "push", "websub"}
    | {"blogroll", "404", "410"}
)
MIN_ADMIN_TOKEN = 16  # characters
MAX_WORKERS = 64
READ_AS = ("story", "list", "feed")
EACH = ("source", "tag")
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

# Not allowed in XML, nor in a header.
_CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")  # BCP 47, its common part
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@(?:[a-z0-9-]+\.)+[a-z0-9-]+", re.IGNORECASE | re.ASCII)
# Every request sends these itself: sent twice, they would contradict each other.
_OUR_HEADERS = frozenset(
    {"accept-encoding", "connection", "content-length", "expect", "host", "if-modified-since", "if-none-match", "te"}
    | {"transfer-encoding", "upgrade"}
)


def parse_text(value: str) -> str:
    """Return the text without surrounding space; it has no control characters and is not empty."""
    if match := _CONTROL_CHARACTER.search(value):
        raise ValueError(f"the text holds the control character U+{ord(match.group()):04X}, expected readable text")
    if not value.strip():
        raise ValueError("the text is empty, expected at least one letter")
    return value.strip()


_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def parse_command(value: object) -> tuple[str, ...]:
    """Return a program and its arguments, as they are."""
    if isinstance(value, str):
        raise ValueError(
            f"`{shorten(value)}` is one text, expected a list of the program and its arguments{hint(_as_list(value))}"
        )
    if not isinstance(value, (list, tuple)) or not value or not all(isinstance(word, str) for word in value):
        raise ValueError(
            "this is no list of texts, expected a program and its arguments such as [tools/wire, --latest]"
        )
    if any("\0" in word for word in value):
        raise ValueError("a word holds the character U+0000, expected readable text")
    if not value[0].strip():
        raise ValueError("the program has no name, expected such as [tools/wire, --latest]")
    if "://" in value[0]:
        raise ValueError(f"`{shorten(value[0])}` is a web address, expected a program; `feed:` or `page:` fetches it")
    return tuple(value)


def _as_list(text: str) -> str | None:
    """Return the list that a command of simple words most likely means; what a shell would do, no list can."""
    return f"[{', '.join(text.split())}]" if re.fullmatch(r"[\w./:=@%+ -]+", text) else None


def parse_variable_name(value: str) -> str:
    """Return the name of an environment variable."""
    if not _VARIABLE.fullmatch(value):
        raise ValueError(f"`{shorten(value)}` is no name of a variable, expected such as API_TOKEN")
    return value


def parse_variable(value: str) -> str:
    """Return the value of an environment variable, as it is."""
    if "\0" in value:
        raise ValueError("the value holds the character U+0000, expected readable text")
    return value


def parse_replacement(value: str) -> str:
    """Return the text that is written for an occurrence, as it is: it may be empty, or begin with a space."""
    if value:
        parse_text(f".{value}")
    return value


def parse_selector(value: str) -> str:
    """Return a CSS selector or an XPath that can be followed."""
    selector = parse_text(value)
    try:
        selector_compiler()(selector)
    except ValueError as error:
        message = f"`{shorten(selector)}` is neither a CSS selector nor an XPath: {error}"
        raise ValueError(f"{message}, expected such as `article h2 a` or `//article//h2/a`") from error
    return selector


def parse_line(value: str) -> str:
    """Return the text with every run of white space made one space."""
    return " ".join(parse_text(value).split())


def parse_slug(value: str) -> str:
    """Return an id (S14)."""
    if not re.fullmatch(SLUG[1:-1], value):
        better = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")[:64]
        near = hint(better if better != value else None)
        raise ValueError(
            f"`{shorten(value)}` is no id, expected up to 64 of a-z, 0-9, - and _, a letter or digit first{near}"
        )
    return value


def parse_feed_slug(value: str) -> str:
    """Return the id of a feed, which is the name of its files."""
    if value in RESERVED:
        raise ValueError(f"the id `{value}` is reserved, expected any but {join_with_or(sorted(RESERVED))}")
    return parse_slug(value)


def parse_source_ref(value: str) -> str:
    """Return the id of a source, or `ID/MEMBER` for one outline of an `opml:` source."""
    head, slash, member = value.partition("/")
    return parse_slug(head) + (slash + parse_slug(member) if slash else "")


def parse_header_name(value: str) -> str:
    """Return the name of a header that the program does not send itself (S13)."""
    if not _HEADER_NAME.fullmatch(value):
        raise ValueError(f"`{shorten(value)}` is no header name, expected such as X-Api-Key")
    if value.lower() in _OUR_HEADERS:
        raise ValueError(f"the header `{value}` is sent by the program itself, expected another one")
    return value


def parse_header_value(value: str) -> str:
    """Return the value of a header: one line of Latin-1 (S13)."""
    line = value.strip()
    if (
        _CONTROL_CHARACTER.search(line)
        or "\n" in line
        or "\r" in line
        or any(ord(character) > 255 for character in line)
    ):
        raise ValueError("the header's value holds a line end or a character beyond Latin-1, expected one plain line")
    return line


def parse_contact(value: str) -> str:
    """Return the contact that stands in the User-Agent."""
    return parse_header_value(parse_line(value))


def parse_email(value: str) -> str:
    """Return an e-mail address."""
    if not _EMAIL.fullmatch(value.strip()):
        raise ValueError(f"`{shorten(value)}` is no e-mail address, expected such as ann@example.org")
    return value.strip()


def parse_podcast_category(value: str) -> str:
    """Return a category of Apple's list, with the one around it."""
    if category := find_category(value):
        return category
    near = hint(find_nearest(value.split(">")[-1].strip(), category_names()))
    raise ValueError(f"`{shorten(value)}` is no category of podcasts, expected one of Apple's list{near}")


def parse_credentials(value: object) -> tuple[str, str]:
    """Return the user and the password of basic authentication."""
    if not (isinstance(value, list) and len(value) == 2 and all(isinstance(word, str) for word in value)):
        raise ValueError('this is no pair, expected [user, "${PASSWORD}"]')
    user, password = (parse_header_value(word) for word in value)
    if ":" in user:
        raise ValueError("the user holds a colon, which basic authentication cannot carry")
    return user, password


def parse_language(value: str) -> str:
    """Return a language tag."""
    if not _LANGUAGE.fullmatch(value):
        better = value.replace("_", "-")
        near = hint(better if _LANGUAGE.fullmatch(better) else None)
        raise ValueError(f"`{shorten(value)}` is no language tag, expected such as en, de or pt-BR{near}")
    return value


def parse_read_as(value: str) -> str:
    """Return one of the words of `READ_AS`."""
    if value not in READ_AS:
        raise ValueError(
            f"`{shorten(value)}` is unknown, expected {join_with_or(READ_AS)}{did_you_mean(value, READ_AS)}"
        )
    return value


def parse_each(value: str) -> str:
    """Return one of the words of `EACH`."""
    if value not in EACH:
        raise ValueError(f"`{shorten(value)}` is unknown, expected {join_with_or(EACH)}{did_you_mean(value, EACH)}")
    return value


def parse_switch(value: str) -> bool:
    """Return whether the text is `true`; anything but `true` and `false` is refused."""
    if value.lower() not in {"true", "false"}:
        raise ValueError(f"`{shorten(value)}` is no switch, expected true or false")
    return value.lower() == "true"


def parse_whole_number(value: str) -> int:
    """Return a whole number, at least one."""
    number = _parse_integer(value)
    if number is None or number < 1:
        raise ValueError(f"`{shorten(value)}` is no whole number from 1 up, expected such as 50")
    return number


def parse_whole_number_or_none(value: str) -> int | None:
    """Return a whole number, at least one; None for `none`."""
    return None if value == "none" else parse_whole_number(value)


def parse_worker_count(value: str) -> int:
    """Return a number of processes, zero included."""
    number = _parse_integer(value)
    if number is None or number > MAX_WORKERS:
        raise ValueError(f"`{shorten(value)}` is no whole number from 0 to {MAX_WORKERS}, expected such as 2")
    return number


def parse_number(value: str) -> float:
    """Return a number, fractions and zero included."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", value):
        raise ValueError(f"`{shorten(value)}` is no number from 0 up, expected such as 48 or 1.5")
    return float(value)


def _parse_integer(value: str) -> int | None:
    """Return an integer of the YAML 1.2 core schema: `12`, `0o14`, `0xC`; a leading zero means nothing."""
    for pattern, base in ((r"\+?[0-9]{1,15}", 10), (r"0o[0-7]{1,15}", 8), (r"0x[0-9a-fA-F]{1,12}", 16)):
        if re.fullmatch(pattern, value):
            return int(value, base)
    return None


# ── addresses ───────────────────────────────────────────────────────────────────────────────────────────────────────

_SCHEMES = ("https", "http")
# Most are seen to be sound at once: a name of letters and digits, no port, and printable ASCII after it.
_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9][A-Za-z0-9.-]*(?:/[!#-;=?-\[\]-~]*)?")
BUCKET_SCHEMES = ("s3", "az")
_BUCKET = re.compile(
    rf"(?:{'|'.join(BUCKET_SCHEMES)})://[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){{1,61}}[A-Za-z0-9]"
    r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?"
)
_FILE_ENDINGS = {"atom", "htm", "html", "json", "md", "opml", "php", "rdf", "rss", "txt", "xhtml", "xml"}


def parse_url(value: str) -> str:
    """Return an http(s) URL without credentials."""
    if _PLAIN_URL.fullmatch(value):
        return value
    parts = _split(value)
    if parts.scheme not in _SCHEMES:
        message = f"`{shorten(value)}` is no web address, expected http:// or https://"
        raise ValueError(message + hint(_with_scheme(value, parts.scheme)))
    if not parts.hostname or re.search(r'[\s\\<>"]', value) or _CONTROL_CHARACTER.search(value):
        raise ValueError(f"`{shorten(value)}` is no web address, expected such as https://example.org/feed.xml")
    if parts.username is not None or parts.password is not None:
        raise ValueError("the URL holds a user or password, expected it under `auth: {basic: [user, password]}`")
    return value


def parse_public(value: str) -> str:
    """Return the path of a folder, or the address of a place in an object store."""
    return parse_bucket(value) if "://" in value else parse_text(value)


def is_bucket(value: str) -> bool:
    """Tell whether a text that `parse_public` accepts is the address of a place in an object store."""
    return "://" in value


def parse_bucket(value: str) -> str:
    """Return the address of a place in an object store, without a slash at its end."""
    if not _BUCKET.fullmatch(value):
        near = hint(f"s3{value[value.index('://') :]}" if value.startswith(("s3a://", "s3n://")) else None)
        # Google's takes generation numbers in the place of ETags to replace an object, and was not tried.
        is_google = value.startswith("gs://")
        what = "is on Google Cloud Storage, which is not supported" if is_google else "is no place in an object store"
        expected = "expected such as s3://bucket/prefix or az://container/prefix"
        raise ValueError(f"`{shorten(value)}` {what}, {expected}{near}")
    return value.rstrip("/")


def parse_coding(value: str) -> str:
    """Return the name of a content coding."""
    if value not in CODING_NAMES:
        hint = did_you_mean(value, CODING_NAMES)
        raise ValueError(f"`{shorten(value)}` stands here, expected {join_with_or(CODING_NAMES)}{hint}")
    return value


def parse_hub(value: str) -> str:
    """Return `own`, `none`, or the http(s) URL of a hub."""
    return value if value in ("own", "none") else parse_url(value)


def parse_proxy(value: str) -> str:
    """Return the http(s) URL of a proxy, which may carry its login: `http://user:password@host:3128`."""
    start, at, address = value.rpartition("@")
    scheme, separator, login = start.partition("://")
    parse_url(f"{scheme}{separator}{address}" if separator else address)
    if (at and not login) or _CONTROL_CHARACTER.search(login):
        raise ValueError("the login of the proxy cannot be read, expected such as http://user:password@host:3128")
    return value


def parse_store(value: str) -> str:
    """Return the address of a PostgreSQL database, as libpq reads it: `postgresql://user:password@host/name`."""
    scheme = value.partition("://")[0]
    if scheme not in ("postgresql", "postgres"):  # not repeated: it may hold a password
        raise ValueError("this is no address of a database, expected such as postgresql://user:password@host/name")
    if find_spec("psycopg") is None:
        raise ValueError("PostgreSQL needs libraries that are not installed, expected `pip install 'feeds[postgres]'`")
    return value


def _with_scheme(value: str, scheme: str) -> str | None:
    """Return the web address that one with a wrong scheme, or with none, most likely means."""
    _, separator, rest = value.partition("://")
    if separator:
        near = "https" if scheme == "feed" else find_nearest(scheme, _SCHEMES)
        better = f"{near}://{rest}" if near else None
    else:
        better = f"https://{value}" if _looks_like_host(value.partition("/")[0]) else None
    return better if better and is_url(better) else None


def _looks_like_host(text: str) -> bool:
    *most, last = text.lower().split(".")
    return bool(most) and last.isalpha() and len(last) > 1 and last not in _FILE_ENDINGS and all(most)


def is_url(value: str) -> bool:
    """Tell whether `parse_url` accepts the text."""
    try:
        return bool(parse_url(value))
    except ValueError:
        return False


def parse_address(value: str) -> str:
    """Return an http(s) URL, or the path of a local file."""
    if is_remote(value):
        return parse_url(value)
    head, slash, _ = parse_text(value).partition("/")
    if head.startswith("www.") or (slash and _looks_like_host(head)):
        short = shorten(value)
        expected = f"expected a URL, or ./{short} for a local file"
        raise ValueError(f"`{short}` has no scheme, {expected}{hint(f'https://{short}')}")
    return value


def comparable_url(url: str) -> str:
    """Return what two spellings of one address share: no scheme, no `www.`, host in lower case, no last slash."""
    try:
        parts = urlsplit(url.strip())
        port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    except ValueError:
        return url
    query = f"?{parts.query}" if parts.query else ""
    return f"{(parts.hostname or '').removeprefix('www.')}{port}{parts.path.rstrip('/')}{query}"


def parse_base_url(value: str) -> str:
    """Return the address of our own site, in ASCII, with a slash at its end; it stands in every file and in headers."""
    parts = _split(parse_url(value))
    if parts.query or parts.fragment:
        raise ValueError(f"`{shorten(value)}` has a query or a fragment, expected an address that ends in a slash")
    try:
        host = parts.netloc.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ValueError(f"`{shorten(value)}` has a host name that cannot exist, expected another one") from error
    return parts._replace(netloc=host, path=quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~") + "/").geturl()


def spell_host(host: str) -> frozenset[str]:
    """Return a host name as it is and, where it is not ASCII, as DNS has it (`xn--…`)."""
    labels = host.lower().split(".")
    encoded = (label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii')}" for label in labels)
    spellings = {host, ".".join(encoded)}
    with suppress(UnicodeError):
        spellings.add(host.encode("idna").decode("ascii"))  # IDNA 2003, which maps some letters to others
    return frozenset(spellings)


def _split(value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises only when it is read
    except ValueError as error:
        raise ValueError(f"`{shorten(value)}` is no web address ({error}), expected http:// or https://") from error
    return parts


def parse_endpoint(text: str) -> tuple[str, int]:
    """Return the (host, port) of `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not colon or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65_535 or not _is_host(host):
        raise ValueError(f"`{text}` is no place to listen, expected HOST:PORT such as 127.0.0.1:8080")
    return host, int(port)


def parse_admin_token(text: str) -> str:
    """Return the token of the operator, long enough not to be guessed, and of characters that a header can hold."""
    if len(text) < MIN_ADMIN_TOKEN or not re.fullmatch(r"[\x21-\x7e]+", text):
        raise ValueError(
            f"the token has {len(text)} characters, or others than a header can hold, expected at least"
            f" {MIN_ADMIN_TOKEN} without spaces, such as `openssl rand -hex 16` prints"
        )
    return text


def parse_network(text: str) -> str:
    """Return a network or one address as given, checked."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ValueError(f"`{text}` is no network, expected such as 10.0.0.0/8 or 192.168.1.7") from error
    return text


def parse_allowance(text: str) -> str:
    """Return a network or address as given, checked, with or without a port: `10.0.0.0/8`, `127.0.0.1:8000`."""
    networks.parse_allowance(text)
    return text


def parse_allowances(value: object) -> tuple[str, ...]:
    """Return a list of such networks; `true` stands for all private ones, `false` for none."""
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return networks.PRIVATE_NETWORKS if value.lower() == "true" else ()
    texts = value if isinstance(value, (list, tuple)) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("this is no list of networks, expected true, or such as [10.0.0.0/8, 192.168.1.7]")
    return tuple(map(parse_allowance, texts))


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            return False
        return True
    return bool(re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?", host))


# ── times ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_SOME_MONDAY = datetime(2024, 1, 1)


@lru_cache(maxsize=256)
def parse_timezone(value: str) -> str:
    """Return the name of a time zone."""
    try:
        if value != "UTC":  # a machine without a time zone database still knows this one
            zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        zones = sorted(zoneinfo.available_timezones())
        city = next((zone for zone in zones if zone.lower().endswith("/" + value.lower())), None)
        near = hint(city or find_nearest(value, zones))
        raise ValueError(f"`{shorten(value)}` is no time zone, expected such as Europe/Berlin or UTC{near}") from error
    return value


@lru_cache(maxsize=1024)
def parse_cron(value: str) -> str:
    """Return a cron expression of five fields, macros written out."""
    expression = MACROS.get(value.strip().lower(), value.strip())
    if len(expression.split()) != 5:
        near = did_you_mean(value, MACROS) if value.startswith("@") else ""
        raise ValueError(
            f"`{shorten(value)}` is no cron expression, expected five fields such as */10 7-20 * * mon-fri{near}"
        )
    try:
        CronSim(expression, _SOME_MONDAY)
    except CronSimError as error:
        raise ValueError(f"`{shorten(value)}` is no cron expression: {error}, expected such as 0 6 * * *") from error
    return expression


@lru_cache(maxsize=1024)
def find_shortest_gap(expression: str) -> float:
    """Return the least seconds between two of the first 14 moments that an expression names."""
    times = islice(CronSim(expression, _SOME_MONDAY), 14)
    return min(((after - before).total_seconds() for before, after in pairwise(times)), default=TEN_YEARS)
