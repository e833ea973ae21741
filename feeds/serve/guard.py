"""What a connection may not do: stand still for long, or be told of its mistakes without our headers."""

from __future__ import annotations

import asyncio
from typing import Protocol

from .answer import plain_headers


class _Cycle(Protocol):
    """A request that is being answered, as uvicorn keeps it."""

    response_complete: bool


class Guard(asyncio.Protocol):
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
