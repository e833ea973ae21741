"""The headers of all responses, by the media type of the file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from ..media_types import CACHE_CONTROL, MediaType

NAVIGATION_HEADER = "Sec-Fetch-Dest"
# Of a page in place of a feed: a shared cache that heeds no Vary must not give it to feed readers.
NAVIGATION_HEADERS = {
    "cache-control": "private, max-age=300, must-revalidate",
    "vary": f"{NAVIGATION_HEADER}, Accept-Encoding",
}

# S17. No frame anywhere, and no form but that of the search; pictures and sound of an article may come from its
# publisher. The only scripts are those of our pages, files of their own.
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src https: data: 'self'; media-src https: 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_OF_DOCUMENTS = "; form-action 'none'; sandbox"
OF_PAGES = "; form-action 'self'; script-src 'self'; connect-src 'self'; manifest-src 'self'"
_POLICIES = {"page": OF_PAGES, "worker": "; form-action 'none'; connect-src 'self'"}

# They tell the scripts of a page what there is beside the files; a static host has nothing.
PAGE_HEADERS = {"server-timing": "live, search, push"}


@cache
def file_headers(media_type: MediaType) -> Mapping[str, str]:
    """Return the headers of every response with a file of this type, 304 included (RFC 9110 §15.4.5)."""
    headers = {**security_headers(_POLICIES.get(media_type.role, _OF_DOCUMENTS)), "cache-control": CACHE_CONTROL}
    if vary := [NAVIGATION_HEADER] * media_type.has_page + ["Accept-Encoding"] * media_type.compressible:
        headers["vary"] = ", ".join(vary)
    if not media_type.compressible:
        headers["accept-ranges"] = "bytes"
    if media_type.role == "page":
        headers |= PAGE_HEADERS
    return {**headers, **_ALLOW_ORIGIN} if media_type.role == "feed" else headers


# Feeds are public and hold no credentials: feed readers that run in a browser may fetch them from any site. The second
# header is left out of 304s, which are most answers and have nothing new to read.
_ALLOW_ORIGIN = {"access-control-allow-origin": "*"}
EXPOSE_HEADERS = {"access-control-expose-headers": "ETag, Last-Modified"}
CORS_HEADERS = {**_ALLOW_ORIGIN, **EXPOSE_HEADERS}


@cache
def security_headers(policy: str = _OF_DOCUMENTS) -> Mapping[str, str]:
    """Return the headers of every response (S17); `policy` is the end of its Content-Security-Policy."""
    return {
        "x-content-type-options": "nosniff",
        "content-security-policy": _CONTENT_SECURITY_POLICY + policy,
        "referrer-policy": "no-referrer",
    }
