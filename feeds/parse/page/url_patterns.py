"""What URLs of stories look like, and URLs of sections, services and files."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from ...iri import is_tracking

# Parameters that say which place of a page a link stands in.
PLACE_PARAMETERS = frozenset(
    (
        "ref", "referrer", "referer", "src", "source", "from", "via", "pos", "position", "cmp", "icid", "ico",
        "intcmp", "int_source", "int_medium", "int_campaign", "campaign", "traffic_source", "link_source", "trk",
        "tracking", "rss", "_ga", "smid", "ito", "taid", "share",
    )
)  # fmt: skip
REDIRECT_PARAMETERS = frozenset(("url", "u", "to", "target", "dest", "destination", "redirect", "goto", "link"))
# Path segments of lists, people and services.
SERVICE_PATH = re.compile(
    r"/(?:tags?|topics?|themen?|thema|category|categories|kategorie\w*|section|sections|rubriken?|authors?|autor(?:en|es|a)?|profiles?|users?|people|about|"
    r"contact|kontakt|impressum|privacy|datenschutz|terms|agb|login|logout|signin|sign-in|signup|register|account|subscribe|subscription|abo|newsletters?|"
    r"search|suche|help|faq|jobs|careers|advertis\w*|mediadaten|rss|feeds?|archive|archiv|comments?|share|print|shop|store|games?|weather|wetter|"
    r"horoscop\w*|podcasts?|videos?/?$|gallery|page|seite|pagina|cookies?|sitemap|live/?$|apps?|epaper|e-paper)(?:/|$|\.html?$)",
    re.I,
)
FILE_SUFFIX = re.compile(r"\.(?:jpe?g|png|gif|webp|svg|pdf|mp3|mp4|zip|css|js|xml|rss|ics)$", re.I)
PATH_DATE = re.compile(r"/(?:19|20)\d\d[/-]?(?:[01]?\d)(?:[/-]?[0-3]?\d)?(?:/|-|$)")
STORY_NUMBER = re.compile(r"\d{4,}|[0-9a-f]{8,}|\b[A-Za-z0-9]{6,}\d[A-Za-z0-9]*$")


@lru_cache(maxsize=4096)
def url_key(url: str) -> str:
    """Return a URL for comparing: without fragment, scheme, closing slash and tracking parameters."""
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query)[:50] if not _is_place(name.lower())]
    host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    return urlunsplit(("", host, parts.path.rstrip("/"), urlencode(query), ""))


def _is_place(name: str) -> bool:
    return name in PLACE_PARAMETERS or is_tracking(name)


def unwrap_redirect(url: str) -> str:
    """Return the target inside a URL that counts clicks; any other URL as it is."""
    for name, value in parse_qsl(urlsplit(url).query)[:50]:
        if name.lower() in REDIRECT_PARAMETERS and value.startswith(("http://", "https://")):
            return value
    return url


def is_non_story_url(url: str) -> bool:
    """Return whether a URL leads to a service, a list, a person or a file rather than to a story."""
    path = urlsplit(url).path
    if FILE_SUFFIX.search(path) or path in ("", "/"):
        return True
    match = SERVICE_PATH.search(path)
    return match is not None and len(path[match.end() :].strip("/")) < 25  # /video/a-long-slug-of-a-story is a story


def score_url(url: str) -> float:
    """Return how much a URL looks like a story's, 0 to 2: a date, a number, a slug of several words."""
    parts = urlsplit(url)
    path = unquote(parts.path).rstrip("/")
    slug = path.rpartition("/")[2]
    hyphens = len(re.findall(r"[-_+]", slug))
    score = 1.0 if PATH_DATE.search(path) else 0.0
    score += 1.0 if STORY_NUMBER.search(slug) or STORY_NUMBER.search(parts.query) else 0.0
    score += 1.5 if hyphens >= 3 else 0.5 if hyphens == 2 else 0.0
    score += 0.5 if slug.endswith((".html", ".htm", ".php", ".shtml", ".aspx")) else 0.0
    if not slug.isascii() and len(slug) > 6:
        score += 1.0
    return min(score, 2.0)


def url_shape(url: str) -> tuple[str, ...]:
    """Return what URLs of one kind have in common: the host, and of each folder and parameter what it is like."""
    parts = urlsplit(url)
    *folders, name = unquote(parts.path).rstrip("/").split("/")
    kind = "slug" if len(re.findall(r"[-_+]", name)) >= 2 else "number" if STORY_NUMBER.search(name) else "name"
    parameters = sorted(parameter for parameter, _ in parse_qsl(parts.query)[:50])
    return (
        parts.hostname or "",
        *(re.sub(r"\d+", "0", folder) for folder in folders[:2]),
        str(len(folders)),
        kind,
        *parameters,
    )


def registered_domain(url: str) -> str:
    """Return the registered part of a URL's host name, guessed without the public suffix list."""
    labels = (urlsplit(url).hostname or "").split(".")
    return ".".join(labels[-3:] if len(labels) > 2 and len(labels[-2]) <= 3 and len(labels[-1]) == 2 else labels[-2:])


def parent_keys(url: str) -> list[str]:
    """Return the keys of the folders that a URL is in, the outermost first."""
    key = url_key(url).partition("?")[0]
    host, *folders = key.removeprefix("//").split("/")
    return ["//" + "/".join((host, *folders[:count])) for count in range(1, len(folders))]
