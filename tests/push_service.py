"""A push service on loopback, and the browsers that it serves: it reads what they would read, by RFC 8291 and 8292.

Nothing of the libraries that encrypt and sign is used here, but the primitives.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from origin import KEEP, Behaviour, Origin, Piece, Request, reply
from proxy import server_context

from feeds.model import PushSubscription


def decode(text: str) -> bytes:
    """The bytes of base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encode(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def private_key(number: str) -> ec.EllipticCurvePrivateKey:
    """A private key of P-256, of its number in base64url."""
    return ec.derive_private_key(int.from_bytes(decode(number), "big"), ec.SECP256R1())


def public_point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key, as an uncompressed point."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def decrypt(body: bytes, key: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """The text of one record of aes128gcm (RFC 8188 §2, RFC 8291 §3.4)."""
    salt, record_size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
    sender, record = body[21 : 21 + length], body[21 + length :]
    assert (length, len(record) <= record_size) == (65, True)
    shared = key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
    secret = _derive(shared, auth, b"WebPush: info\0" + public_point(key) + sender, 32)
    content_key = _derive(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derive(secret, salt, b"Content-Encoding: nonce\0", 12)
    text, delimiter, padding = AESGCM(content_key).decrypt(nonce, record, None).rpartition(b"\2")
    assert delimiter and not padding.strip(b"\0")
    return text


def _derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


def verify(authorization: str) -> tuple[dict[str, Any], str]:
    """The claims of a header `Authorization`, whose signature must be right, and the public key (RFC 8292 §2, §3)."""
    scheme, _, parameters = authorization.partition(" ")
    values = dict(part.strip().split("=", 1) for part in parameters.split(","))
    head, claims, signature = values["t"].split(".")
    assert (scheme, json.loads(decode(head))["alg"]) == ("vapid", "ES256")
    r, s = (int.from_bytes(decode(signature)[start : start + 32], "big") for start in (0, 32))
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decode(values["k"]))
    point.verify(utils.encode_dss_signature(r, s), f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    return json.loads(decode(claims)), values["k"]


@dataclass
class Browser:
    """One subscription, and what was pushed to it."""

    endpoint: str
    service: str = "private"
    auth: bytes = b"0123456789abcdef"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    requests: list[Request] = field(default_factory=list)

    @property
    def subscription(self) -> PushSubscription:
        """As our program keeps it."""
        return PushSubscription(self.endpoint, encode(public_point(self.key)), encode(self.auth), self.service)

    @property
    def form(self) -> dict[str, Any]:
        """As `PushSubscription.toJSON` has it."""
        keys = {"p256dh": encode(public_point(self.key)), "auth": encode(self.auth)}
        return {"endpoint": self.endpoint, "expirationTime": None, "keys": keys}

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What was pushed, as the service worker reads it."""
        return [json.loads(decrypt(request.body, self.key, self.auth)) for request in self.requests]

    @property
    def headlines(self) -> list[list[str]]:
        """The headlines of each message."""
        return [[story["title"] for story in message["stories"]] for message in self.messages]


class PushService:
    """The service, with TLS. What it answers is 201, or as a browser was subscribed with."""

    def __init__(self) -> None:
        self.origin = Origin(server_context())
        self.browsers: list[Browser] = []

    def subscribe(self, *answers: Behaviour, service: str = "private") -> Browser:
        """A new browser, whose pushes are answered so, the last for ever."""
        path = f"/push/{len(self.browsers)}"
        browser = Browser(self.origin.url(path), service)
        self.browsers.append(browser)
        self.origin.put(path, *(_noting(browser, answer) for answer in answers or (accept,)))
        return browser

    def close(self) -> None:
        """Hang up."""
        self.origin.close()


def accept(request: Request) -> Iterable[Piece]:
    """201, as RFC 8030 §5 has it."""
    return (reply(b"", 201, location="/message/1"), KEEP)


def status(code: int, **headers: str) -> Behaviour:
    """Another answer."""
    return lambda request: (reply(b"a reason", code, **headers), KEEP)


def _noting(browser: Browser, answer: Behaviour) -> Behaviour:
    def behave(request: Request) -> Iterable[Piece]:
        browser.requests.append(request)
        return answer(request)

    return behave
