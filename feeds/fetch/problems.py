"""Every way a fetch goes wrong, as an operator reads it: who did what, and what to do about it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from .. import http_headers
from ..errors import FetchError

AGAIN = "The next visit tries again."
ADVICE: Mapping[str, str] = {
    "dns": "Check the name in the address, and the DNS of this machine.",
    "tls": "Its operator has to mend that; a private authority can be trusted through SSL_CERT_FILE.",
    "timeout": AGAIN,
    "connection": AGAIN,
    "truncated": f"Nothing of it was used. {AGAIN}",
    "encoding": "Its operator has to mend that.",
    "too_large": "If that is expected, raise `max_bytes:` of the source.",
    "redirect": "Set the address to where the document is now.",
    "refused": "",
    "challenge": "Ask its operator to let feed readers through, or use another address of theirs.",
    "status": AGAIN,
    "stopped": AGAIN,
}

STATUSES: Mapping[int, tuple[str, str]] = {
    401: ("asks for a login", "Add `auth: {basic: [user, password]}` or `auth: {bearer: token}` to the source."),
    403: ("refuses to give us the document", "Check its terms, its robots rules, and whether it wants a login."),
    404: ("does not have the document", "Check the address; visits become rare while it is missing."),
    406: ("has the document in no form we take", "Check the address."),
    410: ("says the document is gone for good", "Visits have stopped; take the source out, or give its new address."),
    429: ("is visited too often", "It is left alone for a while; raise `every:` of its sources."),
    451: ("may not give us the document for legal reasons", "Take the source out."),
    503: ("is out of service", "It is left alone for a while."),
}


class FetchProblem(Exception):
    """What went wrong, without saying where: `what` is said of the host, as in “closed the connection”."""

    def __init__(self, kind: str, what: str, advice: str | None = None) -> None:
        super().__init__(what)
        self.kind = kind
        self.what = what
        self.advice = ADVICE[kind] if advice is None else advice


def stopped() -> FetchProblem:
    """The trouble of whoever still waits when all are to stop (F38)."""
    return FetchProblem("stopped", "was left, because this program is stopping")


@contextmanager
def told_of(place: str) -> Iterator[None]:
    """Turn trouble inside into a FetchError about this place."""
    try:
        yield
    except FetchProblem as trouble:
        raise failure(trouble, place) from trouble


def failure(trouble: FetchProblem, place: str) -> FetchError:
    """The error for one trouble at one place."""
    return FetchError(f"{place} {trouble.what}. {trouble.advice}".rstrip(), kind=trouble.kind)


def rejected(status: int, headers: Mapping[str, str], place: str, host: str | None = None) -> FetchError:
    """The error for an answer that is neither the document nor a redirect to it; `host` is whom redirects led to."""
    wait = http_headers.retry_after(headers)
    if "challenge" in headers.get("cf-mitigated", "").lower():
        sentence = f"{place} answers with a challenge for browsers ({status}). {ADVICE['challenge']}"
        return FetchError(sentence, kind="challenge", status=status, retry_after=wait, host=host)
    what, advice = STATUSES.get(status) or _by_class(status)
    return FetchError(f"{place} {what} ({status}). {advice}", kind="status", status=status, retry_after=wait, host=host)


def _by_class(status: int) -> tuple[str, str]:
    if status >= 500:
        return "has a fault of its own", AGAIN
    if status >= 400:
        return "does not accept our request", "Check the address and the `headers:` of the source."
    return "gave an answer that we did not ask for", "Check the address."


def of_socket(error: OSError) -> FetchProblem:
    """The trouble behind an error of a socket."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return FetchProblem("tls", f"has a certificate that cannot be trusted ({error.verify_message})")
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        return FetchProblem("tls", f"does not speak TLS as it should ({error.reason or error})")
    if isinstance(error, socket.gaierror):
        return FetchProblem("dns", f"has no address ({error.strerror or error})")
    if isinstance(error, ConnectionRefusedError):
        return FetchProblem("connection", "accepts no connections")
    if isinstance(error, (ConnectionError, ssl.SSLEOFError)):
        return FetchProblem("connection", "broke the connection off")
    return FetchProblem("connection", f"cannot be reached ({error.strerror or error})")
