"""What our hub sends to subscribers, by protocol: WebSub (W3C) and rssCloud. Pure functions."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from ..model import HubProtocol, HubRequest, HubSubscription, OutboundAnswer

FORM_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class TopicDocument:
    """What a topic's address answers with now."""

    body: bytes
    content_type: str
    digest: str  # by which the same bytes are not delivered twice


@dataclass(frozen=True, slots=True)
class HubMessage:
    """One request to a callback."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


def verification(request: HubRequest, challenge: str) -> HubMessage:
    """Return the request that verifies a subscriber's intent (R56, R57)."""
    if request.protocol is HubProtocol.CLOUD_SELF:
        return _notification(request.callback, request.topic)
    if request.protocol is HubProtocol.CLOUD:
        return HubMessage("GET", add_parameters(request.callback, {"url": request.topic, "challenge": challenge}))
    parameters = {"hub.mode": request.mode, "hub.topic": request.topic, "hub.challenge": challenge}
    if request.mode == "subscribe":
        parameters["hub.lease_seconds"] = str(request.lease_seconds)
    return HubMessage("GET", add_parameters(request.callback, parameters))


def is_confirmed(request: HubRequest, challenge: str, answer: OutboundAnswer | None) -> bool:
    """Return whether an answer confirms the intent: a 2xx with the challenge, and nothing else (R56)."""
    if answer is None or not is_success(answer):
        return False
    return request.protocol is HubProtocol.CLOUD_SELF or answer.body == challenge.encode()


def denial(request: HubRequest, reason: str) -> HubMessage | None:
    """Return what tells a subscriber that it is denied (R58); rssCloud has no word for that."""
    if request.protocol is not HubProtocol.WEBSUB:
        return None
    parameters = {"hub.mode": "denied", "hub.topic": request.topic, "hub.reason": reason}
    return HubMessage("GET", add_parameters(request.callback, parameters))


def delivery(subscription: HubSubscription, topic: str, hub: str, document: TopicDocument) -> HubMessage:
    """Return what tells a subscriber of a new edition: the whole document, signed if there is a secret (R59, R60)."""
    if subscription.protocol is not HubProtocol.WEBSUB:
        return _notification(subscription.callback, topic)
    headers = {"Content-Type": document.content_type, "Link": link_header(hub, topic)}
    if subscription.secret:
        headers["X-Hub-Signature"] = sign(subscription.secret, document.body)
    return HubMessage("POST", subscription.callback, headers, document.body)


def is_success(answer: OutboundAnswer) -> bool:
    """Return whether the status is a 2xx: a redirect is none (R56, R61)."""
    return 200 <= answer.status < 300


def link_header(hub: str, topic_url: str) -> str:
    """Return the `Link` header of a document of ours, published or delivered (R44, R59)."""
    return f'<{hub}>; rel="hub", <{topic_url}>; rel="self"'


def sign(secret: str, body: bytes) -> str:
    """Return the value of `X-Hub-Signature` (R60)."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def add_parameters(callback: str, parameters: Mapping[str, str]) -> str:
    """Return a callback with parameters after its own query, which stays as it is (R55)."""
    separator = "&" if "?" in callback else "?"
    return f"{callback}{separator}{urlencode(parameters)}"


def _notification(callback: str, topic: str) -> HubMessage:
    return HubMessage("POST", callback, FORM_HEADERS, urlencode({"url": topic}).encode())
