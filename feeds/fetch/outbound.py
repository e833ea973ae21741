"""Requests that are no visits: to push services, hubs, callbacks and webhooks, whose addresses others may choose."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping, Sequence

from ..errors import FailureKind, FetchError, PushError
from ..model import OutboundAnswer, Site
from .connection import Opener, shared_tls_context
from .problems import FetchProblem
from .request import format_user_agent
from .ssrf import GuardedConnector, Resolve, resolve_with_system
from .target import RequestTarget, parse_target
from .throttle import Unthrottled
from .transport import OutboundRequest, Transport, prepare_get

MAX_IDLE_PER_HOST = 8  # connections that are kept: a push service gets as many requests at once
MAX_ANSWER_SIZE = 1024  # bytes of a body (R61): an answer says little, or is not worth reading
REFUSED_ADDRESS = "The address is none that may be requested, expected http or https, a host, and no login."
ALLOW_ADVICE = "It was not contacted. If it is yours and meant, name its network under `server: {allow_private: […]}`."


class OutboundClient:
    """Sends single requests, from any number of threads, through the same guard as visits.

    Redirects are not followed and proxies of the environment are not used. `allow` names networks that may be
    contacted besides the public ones, as in `10.0.0.0/8`, or, with `allowed_only`, no others.
    """

    def __init__(
        self,
        site: Site,
        allow: Sequence[str] = (),
        *,
        allowed_only: bool = False,
        resolve: Resolve = resolve_with_system,
        clock: Callable[[], float] = time.monotonic,
        tls: Callable[[], ssl.SSLContext] = shared_tls_context,
    ) -> None:
        self._user_agent = format_user_agent(site)
        self._guard = GuardedConnector(allow, resolve, allowed_only=allowed_only)
        self._transport = Transport(Opener(self._guard, tls, clock), MAX_IDLE_PER_HOST)

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None, *, seconds: float
    ) -> OutboundAnswer:
        """Return the answer to one request, of whatever status, with the first 1,024 bytes of its body.

        All of it ends within `seconds`; a body that breaks off or takes longer is cut. Raise PushError when there is no
        answer; its sentence names the host alone, as paths of callbacks and push services are secrets.
        """
        target = _parse(url)
        request = prepare_get(
            target, {"User-Agent": self._user_agent, **headers}, Unthrottled(self._transport.start_deadline(seconds))
        )
        request.method, request.body = method, body
        try:
            return self._exchange(request)
        except FetchError as error:
            raise _as_push_error(target, error) from error

    def may_contact(self, url: str, *, seconds: float) -> bool:
        """Return whether all addresses that a host has now may be contacted."""
        try:
            self._guard.check(parse_target(url), self._transport.start_deadline(seconds))
        except FetchProblem:
            return False
        return True

    def close(self) -> None:
        """Close all connections for good; requests in progress raise PushError of kind `stopped` at once."""
        self._transport.close()

    def _exchange(self, request: OutboundRequest) -> OutboundAnswer:
        response = self._transport.send(request)
        body = b""
        try:
            for piece in response.iter_content(MAX_ANSWER_SIZE):
                body += piece
                if len(body) >= MAX_ANSWER_SIZE:
                    break
        except FetchError as error:
            if error.kind is FailureKind.STOPPED:
                raise
            # The status says what was done with the request, however its body ends.
        finally:
            response.close()
        return OutboundAnswer(response.status_code, dict(response.headers.lower_items()), body[:MAX_ANSWER_SIZE])


def _parse(url: str) -> RequestTarget:
    try:
        return parse_target(url)
    except FetchProblem as problem:  # which shows the address
        raise PushError(REFUSED_ADDRESS, kind=FailureKind.REFUSED) from problem


def _as_push_error(target: RequestTarget, error: FetchError) -> PushError:
    """Return the error without the advice for visits."""
    problem = error.__cause__
    if not isinstance(problem, FetchProblem):
        return PushError(error.sentence, kind=error.kind)
    advice = f" {ALLOW_ADVICE}" if error.kind is FailureKind.REFUSED else ""
    return PushError(f"{target.netloc} {problem.what}.{advice}", kind=error.kind)
