"""The response to most requests of feed readers: 304, before anything is made of the request but its validator (L5)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from starlette.types import ASGIApp, Receive, Scope, Send

from ..codings import Coding
from ..media_types import is_feed_path
from .files import Files
from .responses import RawHeaders, find_coding

_METHODS = ("GET", "HEAD")


class ConditionalRequests:
    """Answers a request that names the one ETag a file has, from memory; the other application gets the rest.

    It says what the other application would say: only the file is asked for, by one stat, whether it is the same yet.
    """

    def __init__(self, files: Files, other: ASGIApp, feed_links: Callable[[str], str] | None) -> None:
        self._files = files
        self._other = other
        self._feed_links = lru_cache(maxsize=4096)(feed_links) if feed_links else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with 304, or let the other application answer."""
        headers = self._find_headers(scope)
        if headers is None:
            await self._other(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body"})

    def _find_headers(self, scope: Scope) -> RawHeaders | None:
        """Return the headers of a 304; none where another response is due, or this one takes thought."""
        if scope["method"] not in _METHODS or not (validators := _read_validators(scope)):
            return None
        etag, accept_encoding = validators
        path: str = scope["path"]
        resource = self._files.recall(path)
        if resource is None:
            return None
        coding = _find_coding(accept_encoding) if resource.is_encodable else None
        representation = resource.encoded.get(coding.name) if coding else resource.plain
        if representation is None or etag.removeprefix(b"W/") != representation.raw_etag:
            return None
        if self._feed_links is None or not is_feed_path(path):
            return representation.common_headers
        return [*representation.common_headers, (b"link", self._feed_links(path).encode())]


def _read_validators(scope: Scope) -> tuple[bytes, bytes] | None:
    """Return If-None-Match and Accept-Encoding (empty without one); none where one came twice, or from a browser."""
    values: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name == b"if-none-match" or name == b"accept-encoding":
            if name in values:
                return None
            values[name] = value
        elif name == b"sec-fetch-dest":  # a browser may get the page of a feed instead
            return None
    etag = values.get(b"if-none-match")
    return None if etag is None else (etag, values.get(b"accept-encoding", b""))


@lru_cache(maxsize=64)
def _find_coding(accept_encoding: bytes) -> Coding | None:
    return find_coding(accept_encoding.decode("latin-1"))
