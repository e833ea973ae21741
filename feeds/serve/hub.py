"""The address of our WebSub hub: it takes requests for subscriptions (W3C WebSub §5.1), and verifies none itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..errors import StoreError
from ..model import HubRequest
from .limits import RequestRate
from .responses import text_response

Respond = Callable[[Request], Awaitable[Response]]

MAX_BODY_SIZE = 16_384
MAX_PARAMETERS = 100
MAX_CALLBACK_LENGTH = 2048
MAX_SECRET_LENGTH = 199  # bytes: "less than 200 bytes"
# Seconds of a lease (R57).
DEFAULT_LEASE, MIN_LEASE, MAX_LEASE = 864_000, 300, 2_592_000
FORM_TYPE = "application/x-www-form-urlencoded"
ACCEPTED = "Accepted. Your callback will be asked whether you want this."


class HubRefusal(Exception):
    """A request that the hub does not take, with the status and the reason that its sender is told."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


def parse_hub_request(form: Mapping[str, str]) -> HubRequest:
    """Return the request of a form; raise HubRefusal. Unknown parameters are ignored (R53)."""
    mode, callback, topic = (form.get(f"hub.{name}", "") for name in ("mode", "callback", "topic"))
    if mode not in ("subscribe", "unsubscribe"):
        raise HubRefusal("hub.mode must be subscribe or unsubscribe.")
    if not topic:
        raise HubRefusal("hub.topic is missing.")
    check_callback(callback)
    secret = form.get("hub.secret")
    if secret is not None and len(secret.encode("utf-8", "replace")) > MAX_SECRET_LENGTH:
        raise HubRefusal("hub.secret must be shorter than 200 bytes.")
    lease = form.get("hub.lease_seconds", "")
    seconds = int(lease) if lease.isascii() and lease.isdigit() and len(lease) < 12 else DEFAULT_LEASE
    seconds = min(max(seconds, MIN_LEASE), MAX_LEASE)
    return HubRequest(mode, callback, topic, secret or None, seconds)  # type: ignore[arg-type]


def check_callback(callback: str) -> None:
    """Raise HubRefusal unless a callback is an address that requests may go to; it is resolved when it is used."""
    try:
        parts = urlsplit(callback)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or not callback.isascii() or not callback.isprintable() or set(callback) & set(' "<>\\'):
        raise HubRefusal("hub.callback must be an http or https URL.")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise HubRefusal("hub.callback must have no login and no fragment.")
    if len(callback) > MAX_CALLBACK_LENGTH:
        raise HubRefusal(f"hub.callback must have at most {MAX_CALLBACK_LENGTH} characters.")


class HubEndpoint:
    """Answers requests to the hub. `accept` keeps a request to be verified, or raises HubRefusal; it may block."""

    def __init__(self, accept: Callable[[HubRequest], None], rate: RequestRate) -> None:
        self._accept = accept
        self._rate = rate

    async def respond(self, request: Request) -> Response:
        """Answer 202, or 4xx or 5xx with the reason in plain text."""
        if request.method != "POST":
            raise HTTPException(405, headers={"allow": "POST"})
        try:
            form = await read_form(request)
            if not self._rate.admit(request.client.host if request.client else ""):
                raise HubRefusal("Too many requests; try again in a minute.", 429)
            await asyncio.to_thread(self._accept, parse_hub_request(form))
        except HubRefusal as refusal:
            headers = {"retry-after": "60"} if refusal.status in (429, 503) else {}
            return text_response(refusal.reason, refusal.status, headers)
        except StoreError:
            return text_response("The hub does not work at the moment.", 503, {"retry-after": "600"})
        return text_response(ACCEPTED, 202)


async def read_form(request: Request) -> Mapping[str, str]:
    """Return the parameters of a form, of each name the first; raise HubRefusal for what is none."""
    content_type = request.headers.get("content-type", FORM_TYPE).partition(";")[0].strip().lower()
    if content_type != FORM_TYPE:
        raise HubRefusal(f"The request must be sent as {FORM_TYPE}.", 415)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_SIZE:
            raise HubRefusal("The request is too large.", 413)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_PARAMETERS, errors="strict")
    except ValueError as error:  # UnicodeDecodeError is one
        raise HubRefusal("The request is no form in UTF-8.") from error
    form: dict[str, str] = {}
    for name, value in pairs:
        form.setdefault(name, value)
    return form


def choose_by_path(endpoints: Mapping[str, Respond]) -> Respond:
    """Return what answers by the endpoint of each path; there is nothing at others."""

    async def respond(request: Request) -> Response:
        endpoint = endpoints.get(request.scope["path"])
        if endpoint is None:
            raise HTTPException(404)
        return await endpoint(request)

    return respond
