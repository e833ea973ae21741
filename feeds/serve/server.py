"""The listening server: uvicorn, started from a program and stopped within two seconds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import FrameType
from typing import Protocol

import uvicorn
from starlette.types import ASGIApp

from ..errors import FeedsError
from .responses import plain_headers


class _Cycle(Protocol):
    """A request that is being answered, as uvicorn keeps it."""

    response_complete: bool


class GuardedProtocol(asyncio.Protocol):
    """Stands before uvicorn's protocol class, whichever that is.

    Uvicorn waits for ever for the rest of a request's head, and for ever for a client to read (slow loris).
    """

    patience: float
    transport: asyncio.Transport
    cycle: _Cycle | None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to watch."""
        super().connection_made(transport)
        self._last: tuple[_Cycle | None, int] | None = None
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Watch no longer."""
        self._timer.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, with the headers of all our answers (S17)."""
        body = b"Bad Request\n"
        head = [b"HTTP/1.1 400 Bad Request", *(b": ".join(line) for line in plain_headers(body)), b"connection: close"]
        self.transport.write(b"\r\n".join([*head, b"", body]))
        self.transport.close()

    def _watch(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self.patience, self._check)

    def _check(self) -> None:
        """Drop the connection if since the last check no request began and no byte left, though one should have.

        An answer under way that waits for news, with nothing left to send, may stand still.
        """
        now = (self.cycle, self.transport.get_write_buffer_size())
        waits = self.cycle is not None and not self.cycle.response_complete and not now[1]
        if now == self._last and not waits:
            self.transport.abort()
            return
        self._last = now
        self._watch()


# ── The listening server: uvicorn, started from a program and stopped within two seconds ──────────────────────────────


_log = logging.getLogger("uvicorn.error")
_LONGEST_HEAD = 65_536  # bytes of a request's headers
_GRACE = 1  # seconds for answers under way when told to stop


def run(
    app: ASGIApp,
    listen: tuple[str, int],
    *,
    on_ready: Callable[[int], None] | None = None,
    stop: Callable[[], bool] | None = None,
    patience: float = 10.0,
) -> None:
    """Serve until SIGTERM or SIGINT, or until `stop` says so; it is asked ten times a second.

    `on_ready` is told the port once connections are accepted, which for port 0 is the one that was found free. Signals
    are heeded in the main thread only. A connection without progress for `patience` seconds is dropped. Raises
    FeedsError when the address cannot be had.
    """
    host, port = listen
    config = uvicorn.Config(
        app,
        host,
        port,
        lifespan="off",
        ws="none",
        log_config=None,
        log_level="error",  # what strangers send is not worth a line; a bug of ours is
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE,
        h11_max_incomplete_event_size=_LONGEST_HEAD,
    )
    config.load()
    config.http_protocol_class = type("Guarded", (GuardedProtocol, config.http_protocol_class), {"patience": patience})
    try:
        _Server(config, on_ready, stop).run()
    except SystemExit as refusal:  # how uvicorn says that it could not listen; the reason is what it was handling
        sentence = (
            f"cannot listen on {host}:{port} ({refusal.__context__}): free it, or name another under `server: listen`"
        )
        raise FeedsError(sentence) from refusal


class _Server(uvicorn.Server):
    """Tells when it is ready, stops when told, and keeps the signal: a stop that was asked for is no failure."""

    def __init__(
        self, config: uvicorn.Config, on_ready: Callable[[int], None] | None, stop: Callable[[], bool] | None
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._stop = stop

    async def main_loop(self) -> None:
        if self._on_ready:
            self._on_ready(self.servers[0].sockets[0].getsockname()[1])
        await super().main_loop()
        _log.setLevel(logging.CRITICAL)  # answers that a stop cuts off are no errors

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or bool(self._stop and self._stop())

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.should_exit = True
