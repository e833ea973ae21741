"""The push services that notifications may be sent to: a page names any endpoint, and so could anybody (S5)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..errors import FailureKind, PushError

MAX_ENDPOINT_LENGTH = 2000
PRIVATE_SERVICE = "private"  # the name of all services in networks of `server: allow_private`
_ADDRESS = re.compile(r"[\x21-\x7e]+", re.ASCII)
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class PushService:
    """A service by the host of its endpoints; one that begins with a dot stands for all hosts below."""

    name: str
    host: str
    browsers: str

    def covers(self, host: str) -> bool:
        """Return whether a host is one of this service."""
        return host.endswith(self.host) if self.host.startswith(".") else host == self.host


PUSH_SERVICES = (
    PushService("fcm", "fcm.googleapis.com", "Chrome, Edge on Android, Opera, Samsung Internet, Brave, Vivaldi"),
    PushService("mozilla", ".push.services.mozilla.com", "Firefox"),
    PushService("windows", ".notify.windows.com", "Edge on Windows, where each region has a host"),
    PushService("apple", ".push.apple.com", "Safari"),
)


def find_service(endpoint: str, is_private: Callable[[str], bool]) -> str:
    """Return the name of the service that an endpoint belongs to; raise PushError for one that may not be sent to.

    `is_private` returns whether an address leads into a network of the operator's, where any port will do.
    """
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError as error:
        raise _refuse("it is no address") from error
    if not _ADDRESS.fullmatch(endpoint) or len(endpoint) > MAX_ENDPOINT_LENGTH:
        raise _refuse("it is no address of up to 2,000 characters")
    if parts.scheme != "https":
        raise _refuse("it does not begin with https://")
    if "@" in parts.netloc or parts.fragment:
        raise _refuse("it has a login or a fragment")
    host = parts.hostname or ""
    if not _HOST.fullmatch(host):
        raise _refuse("its host is no name")
    service = next((service for service in PUSH_SERVICES if service.covers(host)), None)
    if service is None and not is_private(endpoint):
        raise _refuse("it is at no push service that we know")
    if service is not None and port not in (None, 443):
        raise _refuse("its port is not 443")
    return service.name if service else PRIVATE_SERVICE


def find_origin(endpoint: str) -> str:
    """Return the origin of an endpoint, with its port where that is not 443 (RFC 8292 §2)."""
    parts = urlsplit(endpoint)
    port = "" if parts.port in (None, 443) else f":{parts.port}"
    return f"https://{parts.hostname}{port}"


def _refuse(reason: str) -> PushError:
    return PushError(f"The endpoint is refused: {reason}.", kind=FailureKind.REFUSED)
