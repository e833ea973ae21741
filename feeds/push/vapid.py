"""Our identity towards push services: a key pair, and the tokens that are signed with it (VAPID, RFC 8292)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from ..model import Site
from .push_services import find_origin

TOKEN_SECONDS = 12 * 3600  # R67: at most 24 hours
RENEWAL_SECONDS = 3600  # before a token ends: the clock of a service may differ
MAX_TOKENS = 1000  # of as many origins


def make_key() -> str:
    """Return a new private key, as the 32 bytes of its number in base64url."""
    from py_vapid import Vapid02  # with what it loads, 15 MB, which a server without subscribers need not have
    from py_vapid.utils import b64urlencode

    vapid = Vapid02()
    vapid.generate_keys()
    number: int = vapid.private_key.private_numbers().private_value
    return str(b64urlencode(number.to_bytes(32, "big")))


def contact_of(site: Site) -> str:
    """Return whom a push service may write to when something is wrong: an address that begins mailto: or https:."""
    if site.contact and "@" in site.contact:
        return f"mailto:{site.contact.removeprefix('mailto:')}"
    return f"https://{urlsplit(site.url).netloc}"


class Vapid:
    """The key pair with a private key as `make_key` made it. `now` returns the time in seconds since 1970."""

    def __init__(self, private_key: str, contact: str, now: Callable[[], float]) -> None:
        from py_vapid import Vapid02  # as above

        # "no-strict": its own pattern of contacts takes no path, and no name without a dot.
        self._pair: Any = Vapid02.from_raw(private_key.encode())
        self._pair.conf = {"no-strict": True}
        self._contact = contact
        self._now = now
        self._lock = threading.Lock()
        self._tokens: dict[str, tuple[str, float]] = {}  # origin → header and its end

    @property
    def public_key(self) -> str:
        """Return the public key as browsers take it: an uncompressed point in base64url."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # as above
        from py_vapid.utils import b64urlencode

        point = self._pair.public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return str(b64urlencode(point))

    def authorization(self, endpoint: str) -> str:
        """Return the header `Authorization` for an endpoint; one is signed for each origin, twice a day."""
        origin, now = find_origin(endpoint), self._now()
        with self._lock:
            header, ends = self._tokens.get(origin, ("", 0.0))
            if ends - now < RENEWAL_SECONDS or ends - now > TOKEN_SECONDS:  # the clock was set back
                ends = int(now) + TOKEN_SECONDS
                header = self._pair.sign({"aud": origin, "exp": int(ends), "sub": self._contact})["Authorization"]
                if len(self._tokens) >= MAX_TOKENS:
                    self._tokens.clear()
                self._tokens[origin] = header, ends
            return header
