"""Outbound deliveries: where they may go, and what came of one.

A browser tells us the endpoint to deliver to, so it is an address that a stranger chose: only push services are taken,
when it is registered and again each time something is sent (S5).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from urllib.parse import urlsplit

from .errors import FetchError, PushError

# Each stands for its subdomains, too: Apple and Microsoft hand out endpoints on many.
PUSH_SERVICES = (
    "fcm.googleapis.com",
    "notify.windows.com",
    "push.apple.com",
    "push.services.mozilla.com",
)
LONGEST = 2_000  # characters of an endpoint

Post = Callable[[str, Mapping[str, str], bytes], int]


def endpoint(url: str, services: Collection[str] = PUSH_SERVICES) -> str:
    """The address of a push service on port 443, as it was given; PushError for every other one."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise PushError("the endpoint is not an address; nothing was registered") from error
    if len(url) > LONGEST or not url.isascii() or not url.isprintable() or " " in url:
        raise PushError("the endpoint is not an address; nothing was registered")
    if parts.scheme != "https" or port not in (None, 443) or "@" in parts.netloc:
        raise PushError("the endpoint is not an https address on port 443 without a login; nothing was registered")
    host = parts.hostname or ""
    if not any(host == service or host.endswith(f".{service}") for service in services):
        raise PushError(f"{host!a} is not a push service that is delivered to; nothing was registered")
    return url


def deliver(url: str, headers: Mapping[str, str], body: bytes, post: Post) -> int:
    """POST a delivery to an endpoint; its status, which is 2xx, or 404 and 410 once nobody listens there any more.

    `post` is the guarded way out, which follows nothing and raises FetchError when no answer comes. PushError for all
    that is no delivery: a redirect, too, as it leads to where nobody has looked (RFC 8030 §5, S5).
    """
    try:
        status = post(endpoint(url), headers, body)
    except FetchError as error:
        raise PushError(error.sentence) from error
    if 200 <= status < 300 or status in (404, 410):
        return status
    raise PushError(f"{urlsplit(url).hostname} answered {status} to a delivery")
