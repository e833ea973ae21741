"""The address at which rssCloud subscribers ask to be told of new editions (rsscloud.co, the walkthrough).

Their requests become those of our hub: the same limits hold, and each is verified by one request.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address
from xml.sax.saxutils import quoteattr

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..errors import StoreError
from ..model import HubProtocol, HubRequest
from .file_headers import security_headers
from .hub import HubRefusal, check_callback, read_form
from .limits import RequestRate

LEASE = 90_000  # seconds: 25 hours, as the protocol says
SCHEMES = {"http-post": "http", "https-post": "https"}
MAX_FEEDS = 20  # of one request
_DOMAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}", re.ASCII)
ACCEPTED = "Thanks for the registration. Your address will be asked whether it takes notifications."


def parse_cloud_requests(form: Mapping[str, str], client: str) -> Iterator[HubRequest]:
    """Yield the requests of a form, one for each feed; raise HubRefusal. `client` is the address that it came from."""
    scheme, port, path = SCHEMES.get(form.get("protocol", "")), form.get("port", ""), form.get("path", "")
    if scheme is None:
        raise HubRefusal("protocol must be http-post or https-post.")
    if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65_536) or not path.startswith("/"):
        raise HubRefusal("port and path must be those of your address for notifications.")
    if scheme == "http" and int(port) == 443:
        scheme = "https"
    domain = form.get("domain", "")
    if domain and not _DOMAIN.fullmatch(domain):
        raise HubRefusal("domain must be the name of a host.")
    callback = f"{scheme}://{domain or _spell_host(client)}:{int(port)}{path}"
    check_callback(callback)
    protocol = HubProtocol.CLOUD if domain else HubProtocol.CLOUD_SELF
    topics = [value for name, value in form.items() if name.startswith("url") and name[3:].isdigit()]
    if not 0 < len(topics) <= MAX_FEEDS:
        raise HubRefusal(f"url1, url2 … must name one feed or more, and at most {MAX_FEEDS}.")
    for topic in topics:
        yield HubRequest("subscribe", callback, topic, lease_seconds=LEASE, protocol=protocol)


def _spell_host(client: str) -> str:
    try:
        return f"[{client}]" if ip_address(client).version == 6 else client
    except ValueError as error:
        raise HubRefusal("domain is missing.") from error


class CloudEndpoint:
    """Answers at `/hub/rsscloud`. `accept` keeps a request to be verified, or raises HubRefusal."""

    def __init__(self, accept: Callable[[HubRequest], None], rate: RequestRate) -> None:
        self._accept = accept
        self._rate = rate

    async def respond(self, request: Request) -> Response:
        """Answer whether the request is taken, in the protocol's XML."""
        if request.method != "POST":
            raise HTTPException(405, headers={"allow": "POST"})
        client = request.client.host if request.client else ""
        try:
            requests = list(parse_cloud_requests(await read_form(request), client))
            for each in requests:
                if not self._rate.admit(client):
                    raise HubRefusal("Too many requests; try again in a minute.", 429)
                await asyncio.to_thread(self._accept, each)
        except HubRefusal as refusal:
            return _result(False, refusal.reason, refusal.status if refusal.status in (429, 503) else 200)
        except StoreError:
            return _result(False, "The hub does not work at the moment.", 503)
        return _result(True, ACCEPTED)


def _result(success: bool, message: str, status: int = 200) -> Response:
    text = f'<?xml version="1.0"?>\n<notifyResult success="{str(success).lower()}" msg={quoteattr(message)}/>\n'
    headers = {**security_headers(), "cache-control": "no-store"}
    return Response(text, status, headers, media_type="text/xml")
