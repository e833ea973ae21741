"""The routes below `/push/`, by which a page of ours subscribes a browser to the notifications of a feed.

There are no accounts: whoever knows the endpoint of a subscription, which is a secret of its browser, may change it. No
cookie and no other credential is used, so a page of another site could do nothing in the name of a reader; it is
refused all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..errors import PushError, StoreError
from .file_headers import security_headers
from .limits import RequestRate

MAX_BODY_SIZE = 8192  # bytes
REQUESTS_A_MINUTE, REQUESTS_PER_CLIENT = 1_200, 30

_Form = TypeVar("_Form")


class BrowserKeys(msgspec.Struct):
    """The keys of a subscription, as its browser spells them."""

    p256dh: str
    auth: str


class BrowserSubscription(msgspec.Struct):
    """A subscription as `PushSubscription.toJSON` has it (Push API §8.1)."""

    endpoint: str
    keys: BrowserKeys


class SubscribeForm(msgspec.Struct):
    """A wish for the notifications of a feed ("": of all); `replaces` is the endpoint that the browser had before.

    Without a feed, the subscription takes over the feeds of the one before.
    """

    subscription: BrowserSubscription
    feed: str | None = None
    replaces: str | None = None


class EndpointForm(msgspec.Struct):
    """A subscription, and maybe one of its feeds."""

    endpoint: str
    feed: str | None = None


class Subscribers(Protocol):
    """Who keeps the subscriptions. All methods block, and raise StoreError and PushError."""

    def public_key(self) -> str:
        """Return our public key in base64url."""
        ...

    def has_feed(self, feed_id: str) -> bool:
        """Return whether a feed is published."""
        ...

    def subscribe(self, form: SubscribeForm) -> Sequence[str]:
        """Add a feed to a subscription; return all it has."""
        ...

    def unsubscribe(self, endpoint: str, feed_id: str | None) -> Sequence[str]:
        """Take a feed from a subscription, or all; return those that are left."""
        ...

    def feeds_of(self, endpoint: str) -> Sequence[str]:
        """Return the feeds of a subscription."""
        ...


class PushRoutes:
    """Answers for the paths below `/push/`."""

    def __init__(self, subscribers: Subscribers, site_url: str, trusted_proxies: Iterable[str] = ()) -> None:
        self._subscribers = subscribers
        self._site_host = urlsplit(site_url).netloc
        self._rate = RequestRate(REQUESTS_A_MINUTE, REQUESTS_PER_CLIENT, trusted_proxies)
        self._routes: Mapping[tuple[str, str], Callable[[Request], Awaitable[Response]]] = {
            ("GET", "/push/key"): self._key,
            ("POST", "/push/subscribe"): self._subscribe,
            ("POST", "/push/unsubscribe"): self._unsubscribe,
            ("POST", "/push/feeds"): self._feeds,
        }

    async def respond(self, request: Request) -> Response:
        """Answer a request; raise HTTPException where it is refused."""
        path, method = request.scope["path"], request.method
        allowed = [name for name, known in self._routes if known == path]
        if not allowed:
            raise HTTPException(404)
        if method not in allowed:
            raise HTTPException(405, headers={"allow": ", ".join(allowed)})
        self._refuse_other_sites(request)
        if request.client and not self._rate.admit(request.client.host):
            raise HTTPException(429, headers={"retry-after": "60"})
        return await self._routes[method, path](request)

    async def _key(self, request: Request) -> Response:
        return _json_response({"key": await _call(self._subscribers.public_key)})

    async def _subscribe(self, request: Request) -> Response:
        form = await _read(request, SubscribeForm)
        if form.feed and not await _call(partial(self._subscribers.has_feed, form.feed)):
            raise HTTPException(404)
        return _json_response({"feeds": await _call(partial(self._subscribers.subscribe, form))})

    async def _unsubscribe(self, request: Request) -> Response:
        form = await _read(request, EndpointForm)
        return _json_response({"feeds": await _call(partial(self._subscribers.unsubscribe, form.endpoint, form.feed))})

    async def _feeds(self, request: Request) -> Response:
        form = await _read(request, EndpointForm)
        return _json_response({"feeds": await _call(partial(self._subscribers.feeds_of, form.endpoint))})

    def _refuse_other_sites(self, request: Request) -> None:
        """Refuse what a page of another site requests; a program that is no browser sends neither header."""
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise HTTPException(403)
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc not in (request.headers.get("host"), self._site_host):
            raise HTTPException(403)


async def _call(function: Callable[[], _Form]) -> _Form:
    """Call a function that blocks; raise HTTPException for what it refuses. No text of the request comes back (S17)."""
    try:
        return await asyncio.to_thread(function)
    except PushError as error:
        raise HTTPException(400) from error
    except StoreError as error:
        raise HTTPException(503, headers={"retry-after": "60"}) from error


async def _read(request: Request, form: type[_Form]) -> _Form:
    """Return the form in a body of JSON, which another site's page cannot send unasked."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415)
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_SIZE:
            raise HTTPException(413, headers={"connection": "close"})
    try:
        return msgspec.json.decode(body, type=form)
    except msgspec.DecodeError as error:
        raise HTTPException(400) from error


def _json_response(members: Mapping[str, object]) -> Response:
    headers = {**security_headers(), "cache-control": "no-store", "content-type": "application/json"}
    return Response(msgspec.json.encode(members), 200, headers)
