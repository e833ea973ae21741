"""What an address on a front page looks like: that of a story, of a section, or of something else."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

# Parameters that say where a reader came from, not what is read.
TRACKING = re.compile(
    r"utm_|fbclid|gclid|dclid|msclkid|ref|ref_|referrer|cmp|cmpid|ico|icid|intcmp|int_|src|source|xtor|at_|wt_|ns_|smid|cid|ito|mc_|_ga|pos|"
    r"traffic_source|campaign|link_source|rss|from|via|tracking|trk|taid|ocid|share|feed_id"
)
WRAPPED = frozenset(("url", "u", "to", "target", "dest", "destination", "redirect", "goto", "link"))
# Parts of a path that lead to lists, people or services.
SERVICE = re.compile(
    r"/(?:tags?|topics?|themen?|thema|category|categories|kategorie\w*|section|sections|rubriken?|authors?|autor(?:en|es|a)?|profiles?|users?|people|about|"
    r"contact|kontakt|impressum|privacy|datenschutz|terms|agb|login|logout|signin|sign-in|signup|register|account|subscribe|subscription|abo|newsletters?|"
    r"search|suche|help|faq|jobs|careers|advertis\w*|mediadaten|rss|feeds?|archive|archiv|comments?|share|print|shop|store|games?|weather|wetter|"
    r"horoscop\w*|podcasts?|videos?/?$|gallery|page|seite|pagina|cookies?|sitemap|live/?$|apps?|epaper|e-paper)(?:/|$|\.html?$)",
    re.I,
)
FILE = re.compile(r"\.(?:jpe?g|png|gif|webp|svg|pdf|mp3|mp4|zip|css|js|xml|rss|ics)$", re.I)
DATE = re.compile(r"/(?:19|20)\d\d[/-]?(?:[01]?\d)(?:[/-]?[0-3]?\d)?(?:/|-|$)")
NUMBER = re.compile(r"\d{4,}|[0-9a-f]{8,}|\b[A-Za-z0-9]{6,}\d[A-Za-z0-9]*$")


@lru_cache(maxsize=4096)
def key(address: str) -> str:
    """An address for comparing: without fragment, scheme, closing slash, and what only tracks."""
    parts = urlsplit(address)
    kept = [(name, value) for name, value in parse_qsl(parts.query)[:50] if not TRACKING.match(name.lower())]
    host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    return urlunsplit(("", host, parts.path.rstrip("/"), urlencode(kept), ""))


def unwrapped(address: str) -> str:
    """The address inside of one that counts clicks."""
    for name, value in parse_qsl(urlsplit(address).query)[:50]:
        if name.lower() in WRAPPED and value.startswith(("http://", "https://")):
            return value
    return address


def is_other_thing(address: str) -> bool:
    """Whether an address leads to a service, a list, a person or a file rather than to a story."""
    path = urlsplit(address).path
    if FILE.search(path) or path in ("", "/"):
        return True
    found = SERVICE.search(path)
    return found is not None and len(path[found.end() :].strip("/")) < 25  # /video/a-long-slug-of-a-story is one


def likeness(address: str) -> float:
    """How much an address looks like that of a story: a date, a number, a slug of several words."""
    parts = urlsplit(address)
    path = unquote(parts.path).rstrip("/")
    last = path.rpartition("/")[2]
    words = len(re.findall(r"[-_+]", last))
    score = 1.0 if DATE.search(path) else 0.0
    score += 1.0 if NUMBER.search(last) or NUMBER.search(parts.query) else 0.0
    score += 1.5 if words >= 3 else 0.5 if words == 2 else 0.0
    score += 0.5 if last.endswith((".html", ".htm", ".php", ".shtml", ".aspx")) else 0.0
    if not last.isascii() and len(last) > 6:
        score += 1.0
    return min(score, 2.0)


def site_of(address: str) -> str:
    """The part of a host name that its owner registered, near enough."""
    labels = (urlsplit(address).hostname or "").split(".")
    return ".".join(labels[-3:] if len(labels) > 2 and len(labels[-2]) <= 3 and len(labels[-1]) == 2 else labels[-2:])


def above(address: str) -> list[str]:
    """The addresses above one, as keys: those of the folders it is in."""
    name = key(address).partition("?")[0]
    host, *folders = name.removeprefix("//").split("/")
    return ["//" + "/".join((host, *folders[:count])) for count in range(1, len(folders))]
