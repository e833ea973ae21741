"""What goes wrong with a fetch, as sentences for the operator: what the host did, and what to do about it."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import urllib3.exceptions

from .. import http_headers
from ..errors import FailureKind, FetchError

RETRY_NEXT_VISIT = "The next visit tries again."
OPERATOR_MUST_FIX = "Its operator has to fix that."
ADVICE: Mapping[FailureKind, str] = {
    FailureKind.DNS: "Check the name in the address, and the DNS of this machine.",
    FailureKind.TLS: "Its operator has to fix that. A private authority can be trusted through SSL_CERT_FILE.",
    FailureKind.TIMEOUT: RETRY_NEXT_VISIT,
    FailureKind.CONNECTION: RETRY_NEXT_VISIT,
    FailureKind.TRUNCATED: f"Nothing of it was used. {RETRY_NEXT_VISIT}",
    FailureKind.ENCODING: OPERATOR_MUST_FIX,
    FailureKind.TOO_LARGE: "If that is expected, raise `max_bytes:` of the source.",
    FailureKind.REDIRECT: "Set the address to where the document is now.",
    FailureKind.REFUSED: "",
    FailureKind.CHALLENGE: "Ask its operator to let feed readers through, or use another address of theirs.",
    FailureKind.STATUS: RETRY_NEXT_VISIT,
    FailureKind.STOPPED: RETRY_NEXT_VISIT,
}

STATUS_PROBLEMS: Mapping[int, tuple[str, str]] = {  # status → what the host did, and the advice
    401: ("asks for a login", "Add `auth: {basic: [user, password]}` or `auth: {bearer: token}` to the source."),
    403: ("refuses to give us the document", "Check its terms, its robots rules, and whether it wants a login."),
    404: ("does not have the document", "Check the address; visits become rare while it is missing."),
    406: ("has the document in no form we accept", "Check the address."),
    407: ("is behind a proxy that asks for a login", "Add it: `proxy: http://user:${PASSWORD}@host:port`."),
    410: (
        "says the document is gone for good",
        "Take the source out, or correct its address; visits are a week apart.",
    ),
    429: ("is visited too often", "It is not visited for a while; raise `every:` of its sources."),
    451: ("may not give us the document for legal reasons", "Take the source out."),
    503: ("is out of service", "It is not visited for a while."),
}


class FetchProblem(Exception):
    """What went wrong, without the place: the host is the subject of `what`, as in “closed the connection”.

    `kind` is that of the FetchError it becomes; it decides the `advice` where none is given.
    """

    def __init__(self, kind: FailureKind, what: str, advice: str | None = None) -> None:
        super().__init__(what)
        self.kind = kind
        self.what = what
        self.advice = ADVICE[kind] if advice is None else advice


@contextmanager
def raise_fetch_error(place: str) -> Iterator[None]:
    """Turn a FetchProblem raised inside into a FetchError, whose sentence begins with the place."""
    try:
        yield
    except FetchProblem as problem:
        raise FetchError(f"{place} {problem.what}. {problem.advice}".rstrip(), kind=problem.kind) from problem


def make_stop_problem() -> FetchProblem:
    """Make the problem of a request that is abandoned because the program stops (F38)."""
    return FetchProblem(FailureKind.STOPPED, "was not waited for, because this program is stopping")


def make_status_error(status: int, headers: Mapping[str, str], place: str, host: str | None = None) -> FetchError:
    """Make the error for a response that is neither the document nor a redirect to it.

    `host` is the host that redirects led to, None where the visited host itself responded.
    """
    retry_after = http_headers.parse_retry_after(headers)
    if "challenge" in headers.get("cf-mitigated", "").lower():
        kind, what, advice = (
            FailureKind.CHALLENGE,
            "answers with a challenge for browsers",
            ADVICE[FailureKind.CHALLENGE],
        )
    else:
        kind, (what, advice) = FailureKind.STATUS, STATUS_PROBLEMS.get(status) or _describe_class(status)
    sentence = f"{place} {what} ({status}). {advice}"
    return FetchError(sentence, kind=kind, status=status, retry_after=retry_after, host=host)


def _describe_class(status: int) -> tuple[str, str]:
    if status >= 500:
        return "has a fault of its own", RETRY_NEXT_VISIT
    if status >= 400:
        return "does not accept our request", "Check the address and the `headers:` of the source."
    return "gave an answer that we did not ask for", "Check the address."


def describe_library_error(error: Exception) -> FetchProblem:
    """Return the problem that an error of urllib3 or http.client stands for."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, urllib3.exceptions.IncompleteRead):
            end = cause.partial + cause.expected
            what = f"closed the connection after {cause.partial:,} of {end:,} bytes"
            return FetchProblem(FailureKind.TRUNCATED, what)
        if isinstance(cause, http.client.IncompleteRead):
            return FetchProblem(FailureKind.TRUNCATED, "closed the connection in the middle of a chunk")
        if isinstance(cause, OSError):
            return describe_socket_error(cause)
        cause = next((part for part in cause.args if isinstance(part, BaseException)), None)
    return FetchProblem(FailureKind.CONNECTION, f"does not speak HTTP/1.1 ({str(error)[:100]!a})")


def describe_socket_error(error: OSError) -> FetchProblem:
    """Return the problem that an error of a socket stands for."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return FetchProblem(FailureKind.TLS, f"has a certificate that cannot be trusted ({error.verify_message})")
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        return FetchProblem(FailureKind.TLS, f"does not speak TLS as it should ({error.reason or error})")
    if isinstance(error, socket.gaierror):
        return FetchProblem(FailureKind.DNS, f"has no address ({error.strerror or error})")
    if isinstance(error, ConnectionRefusedError):
        return FetchProblem(FailureKind.CONNECTION, "accepts no connections")
    if isinstance(error, (ConnectionError, ssl.SSLEOFError)):
        return FetchProblem(FailureKind.CONNECTION, "broke the connection off")
    return FetchProblem(FailureKind.CONNECTION, f"cannot be reached ({error.strerror or error})")
