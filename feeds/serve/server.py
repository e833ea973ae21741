"""The HTTP server: uvicorn, run inside the program and stopped within two seconds."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from ipaddress import ip_network
from socket import IPPROTO_TCP, TCP_NOTSENT_LOWAT
from types import FrameType
from typing import Any, NamedTuple, Protocol

import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import FeedsError
from .limits import LOG_INTERVAL, MAX_CONNECTIONS, ClientLimits, busy_response, reserve_descriptors
from .responses import text_response

_log = logging.getLogger("uvicorn.error")
_warnings = logging.getLogger(__name__)

_MAX_HEADERS_SIZE = 65_536  # bytes of a request's headers
# Bytes that may wait for a client, here and in the kernel; what exceeds them waits until most of them are taken.
_WRITE_BUFFER_SIZE = 16_384
_KERNEL_BUFFER_SIZE = 65_536
_BACKLOG = 2048  # connections that wait to be accepted; all of them may be, at once
_EXHAUSTION = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_SHUTDOWN_TIMEOUT = 1  # seconds for responses in progress when the server stops
TICK_SECONDS = 0.5  # between two looks whether to stop: more often costs more than all else of a server at rest


class _Cycle(Protocol):
    """uvicorn's record of the request in progress."""

    response_complete: bool


class GuardedProtocol(asyncio.Protocol):
    """A mixin for uvicorn's protocol class that drops connections without progress.

    uvicorn itself waits for ever for the rest of a request's headers, and for ever for a client to read (slow loris).
    """

    stall_timeout: float
    limits: ClientLimits
    transport: asyncio.Transport
    cycle: _Cycle | None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bound what is held for a client that does not read, here and in the kernel (A9), and start the timer."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=_WRITE_BUFFER_SIZE)
        transport.get_extra_info("socket").setsockopt(IPPROTO_TCP, TCP_NOTSENT_LOWAT, _KERNEL_BUFFER_SIZE)
        self._address: str = transport.get_extra_info("peername")[0]
        self._is_admitted = self.limits.admit(self._address)
        self._last_state: tuple[_Cycle | None, int, int] | None = None
        self._resume_count = 0
        self._start_timer()
        if not self._is_admitted:
            self._send_and_close(busy_response())

    def resume_writing(self) -> None:
        """Note that the client took most of what was written."""
        self._resume_count += 1
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timer."""
        self._timer.cancel()
        if self._is_admitted:
            self.limits.release(self._address)
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, with the security headers of every response (S17)."""
        self._send_and_close(text_response("Bad Request", 400, {"connection": "close"}))

    def _send_and_close(self, response: Response) -> None:
        status = f"HTTP/1.1 {response.status_code} {HTTPStatus(response.status_code).phrase}"
        head = [status.encode(), *map(b": ".join, response.raw_headers)]
        self.transport.write(b"\r\n".join([*head, b"", response.body]))
        self.transport.close()

    def _start_timer(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self.stall_timeout, self._check_progress)

    def _check_progress(self) -> None:
        """Drop the connection if no request began and no byte was sent since the last check.

        A response in progress that waits for new content, with nothing left to send, is no stall.
        """
        buffer_size = self.transport.get_write_buffer_size()
        state = (self.cycle, buffer_size, self._resume_count)
        is_waiting = self.cycle is not None and not self.cycle.response_complete and not buffer_size
        if state == self._last_state and not is_waiting:
            self.transport.abort()
            return
        self._last_state = state
        self._start_timer()


class BoundedHeaders(asyncio.Protocol):
    """A mixin for uvicorn's protocol class on httptools, which sets no limit to the headers of a request; h11 does."""

    _headers_size: int | None = None  # bytes received since a request began; None where its headers are complete

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        self._headers_size = 0
        super().on_message_begin()  # type: ignore[misc]

    def on_headers_complete(self) -> None:
        """Note that the headers are complete."""
        self._headers_size = None
        super().on_headers_complete()  # type: ignore[misc]

    def data_received(self, data: bytes) -> None:
        """Refuse headers that do not end (A9)."""
        super().data_received(data)
        if self._headers_size is not None:
            self._headers_size += len(data)
            if self._headers_size > _MAX_HEADERS_SIZE:
                self._headers_size = None
                self.send_400_response("")  # type: ignore[attr-defined]


class ReplaceableApp:
    """An ASGI application that can be replaced while it is served; requests in progress are finished by the old one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request by the application of now."""
        await self._app(scope, receive, send)

    def replace(self, app: ASGIApp) -> None:
        """Answer further requests by this application."""
        self._app = app


class ServerAddress(NamedTuple):
    """An address to listen on, the key under `server` that names it, and how many connections it takes at once."""

    host: str
    port: int
    setting: str = "listen"
    max_connections: int = MAX_CONNECTIONS  # less where there are not as many open files


def run(
    app: ASGIApp,
    listen: tuple[str, int] | ServerAddress,
    *,
    on_ready: Callable[[int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    stall_timeout: float = 10.0,
    trusted_proxies: Sequence[str] = (),
) -> None:
    """Serve until SIGTERM or SIGINT, or until `should_stop`, called at each tick, returns true.

    `on_ready` is called with the port once connections are accepted; for port 0 that is the port the system chose.
    Signals are handled in the main thread only. A connection without progress for `stall_timeout` seconds is dropped.
    `trusted_proxies` are networks whose X-Forwarded-For names the client, as far as connections are limited.
    Raises FeedsError when the address is not available.
    """
    host, port, setting, max_connections = ServerAddress(*listen)
    total = min(reserve_descriptors(), max_connections)
    config = uvicorn.Config(
        app,
        host,
        port,
        backlog=min(_BACKLOG, total),
        lifespan="off",
        ws="none",
        log_config=None,
        log_level="error",  # malformed requests are not logged, bugs of ours are
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        # uvicorn trusts no network that is written with an address in it, such as 10.1.2.3/8.
        forwarded_allow_ips=[str(ip_network(network, strict=False)) for network in trusted_proxies],
        timeout_graceful_shutdown=_SHUTDOWN_TIMEOUT,
        h11_max_incomplete_event_size=_MAX_HEADERS_SIZE,
    )
    config.load()
    limits = ClientLimits("connections", total, trusted_proxies)
    config.http_protocol_class = type(
        "Guarded",
        (GuardedProtocol, BoundedHeaders, config.http_protocol_class),
        {"stall_timeout": stall_timeout, "limits": limits},
    )
    _log.setLevel(logging.CRITICAL)  # an address that is not available is told below
    try:
        _Server(config, on_ready, should_stop).run()
    except SystemExit as error:  # uvicorn exits when it cannot listen, while it handles the OSError
        raise FeedsError(
            f"cannot listen on {host}:{port} ({_describe(error.__context__)}): "
            f"free it, or name another under `server: {setting}`"
        ) from error


def _describe(error: BaseException | None) -> str:
    """Return the system's words for an error; asyncio puts others before them."""
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number).lower() if number and number > 0 else str(getattr(error, "strerror", None) or error)


class _ExhaustionHandler:
    """Handler of what an event loop cannot raise: one line a minute where it can accept no connection (F28).

    asyncio tries again a second later, but reports each connection that waits, up to the backlog.
    """

    def __init__(self) -> None:
        self._logged_at = -LOG_INTERVAL

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in _EXHAUSTION:
            loop.default_exception_handler(context)
        elif time.monotonic() - self._logged_at >= LOG_INTERVAL:
            self._logged_at = time.monotonic()
            _warnings.warning("connections wait: %s; raise the limit of open files", os.strerror(error.errno).lower())


class _Server(uvicorn.Server):
    """A uvicorn server with the two callbacks; a signal stops it and is not raised again, so the exit code is 0."""

    def __init__(
        self, config: uvicorn.Config, on_ready: Callable[[int], None] | None, should_stop: Callable[[], bool] | None
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._should_stop = should_stop

    async def main_loop(self) -> None:
        asyncio.get_running_loop().set_exception_handler(_ExhaustionHandler())
        _log.setLevel(logging.ERROR)
        if self._on_ready:
            self._on_ready(self.servers[0].sockets[0].getsockname()[1])
        while not await self.on_tick(0):  # 0: the Date of responses is set at each tick
            await asyncio.sleep(TICK_SECONDS)
        _log.setLevel(logging.CRITICAL)  # a response that the stop cuts off is no error

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or bool(self._should_stop and self._should_stop())

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.should_exit = True
