"""One notification to one browser through its push service (RFC 8030), encrypted for it alone (RFC 8291)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from .. import http_headers
from ..errors import FailureKind, PushError
from ..model import OutboundAnswer, PushSubscription, SendRequest
from .vapid import Vapid

SECONDS = 20.0  # for the whole exchange
TTL_SECONDS = 86_400  # R64: how long a service keeps what it cannot deliver; yesterday's news are none
PUBLIC_KEY_SIZE, AUTH_SIZE = 65, 16

AttemptState = Literal["sent", "gone", "too large", "limited", "denied", "failed", "refused"]
# Status → what became of the notification (R65); see `_interpret` for the others.
STATES: Mapping[int, AttemptState] = {
    404: "gone",
    408: "failed",
    410: "gone",
    413: "too large",
    429: "limited",
    401: "denied",
    403: "denied",
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of a notification; `reason` is for the operator where it did not arrive.

    `retry_after`: seconds, where the service names them.
    """

    state: AttemptState
    reason: str = ""
    retry_after: float | None = None


def check_keys(p256dh: str, auth: str) -> tuple[str, str]:
    """Return the keys of a subscription as they are stored; raise PushError where they are none (R66)."""
    from cryptography.hazmat.primitives.asymmetric import ec  # as in `vapid`

    point, secret = _decode(p256dh), _decode(auth)
    if len(point) != PUBLIC_KEY_SIZE or len(secret) != AUTH_SIZE:
        raise PushError("The keys are refused: p256dh has 65 bytes, auth 16.", kind=FailureKind.REFUSED)
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as error:
        raise PushError("The keys are refused: p256dh is no point of P-256.", kind=FailureKind.REFUSED) from error
    return _encode(point), _encode(secret)


def make_topic(feed_id: str) -> str:
    """Return the topic of a feed: a message replaces one of its topic that still waits at the service (R64)."""
    return _encode(hashlib.sha256(feed_id.encode()).digest())[:32]


def push(
    subscription: PushSubscription, payloads: Iterable[bytes], topic: str, vapid: Vapid, send: SendRequest
) -> Attempt:
    """Send the first payload that the service takes, at most a few hundred bytes large in the end."""
    attempt = Attempt("refused", "it has no payload")
    for payload in payloads:
        attempt = _push_once(subscription, payload, topic, vapid, send)
        if attempt.state != "too large":
            break
    return attempt


def _push_once(subscription: PushSubscription, payload: bytes, topic: str, vapid: Vapid, send: SendRequest) -> Attempt:
    headers = {
        "Authorization": vapid.authorization(subscription.endpoint),
        "Content-Type": "application/octet-stream",
        "Content-Encoding": "aes128gcm",
        "TTL": str(TTL_SECONDS),
        "Urgency": "normal",
        "Topic": topic,
    }
    body = _encrypt(subscription, payload)
    try:
        answer = send("POST", subscription.endpoint, headers, body, seconds=SECONDS)
    except PushError as error:
        is_refused = error.kind is FailureKind.REFUSED
        return Attempt("refused" if is_refused else "failed", str(error))
    return _interpret(answer)


def _encrypt(subscription: PushSubscription, payload: bytes) -> bytes:
    """Return the payload as only the browser of the subscription can read it (RFC 8291, with a key of its own)."""
    import http_ece  # as in `vapid`
    from cryptography.hazmat.primitives.asymmetric import ec

    encrypted: bytes = http_ece.encrypt(
        payload,
        private_key=ec.generate_private_key(ec.SECP256R1()),
        dh=_decode(subscription.p256dh),
        auth_secret=_decode(subscription.auth),
        version="aes128gcm",
    )
    return encrypted


def _interpret(answer: OutboundAnswer) -> Attempt:
    status = answer.status
    if 200 <= status < 300:
        return Attempt("sent")
    state = STATES.get(status) or ("failed" if status >= 500 else "refused")
    return Attempt(state, f"the answer was {status}", http_headers.parse_retry_after(answer.headers))


def _decode(text: str) -> bytes:
    """Return the bytes of base64url, padded or not; none where it is not."""
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
