"""The routes: which address is answered by what."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from .file_response import deliver
from .files import Files
from .index_page import STYLE_PATH, IndexPage, style
from .media_types import FORMATS, PUBLIC
from .responses import Request, tell_plainly

_log = logging.getLogger(__name__)


def create_app(root: Path, *, gone: Callable[[], Mapping[str, str | None]], health: Callable[[], bool]) -> ASGIApp:
    """Make the application that serves the published files below `root`.

    `gone` tells of each feed id that is no longer published its successor, or none. `health` says whether all is well.
    Both are asked while others wait, so they answer from memory.
    """
    return _Application(root, gone, health)


class _Application:
    def __init__(self, root: Path, gone: Callable[[], Mapping[str, str | None]], health: Callable[[], bool]) -> None:
        self._files = Files(root)
        self._listing = IndexPage(root)
        self._style = style()
        self._gone = gone
        self._health = health
        self._routes = {"/": self._home, "/health": self._tell_health}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"feeds serves HTTP only, not {scope['type']!r}")
        if scope["method"] not in {"GET", "HEAD"}:
            await tell_plainly(send, 405, (b"allow", b"GET, HEAD"))
            return
        asked = Request.of(scope)
        try:
            await self._routes.get(asked.path, self._file)(asked, send)
        except OSError as error:
            _log.error("cannot serve %r: %s", asked.path, error)
            await tell_plainly(send, 503)

    async def _home(self, asked: Request, send: Send) -> None:
        index = Request(asked.head, "/index.html", asked.headers)
        if not await deliver(self._files, index, send):
            await self._listing.page().answer(asked, send)

    async def _tell_health(self, asked: Request, send: Send) -> None:
        well = self._health()
        await tell_plainly(send, 200 if well else 503, word="ok" if well else "degraded")

    async def _file(self, asked: Request, send: Send) -> None:
        if await deliver(self._files, asked, send):
            return
        if asked.path == STYLE_PATH:
            await self._style.answer(asked, send)
        else:
            await self._tell_absence(asked, send)

    async def _tell_absence(self, asked: Request, send: Send) -> None:
        """Say that there is no such file, and of a feed that was here once, that it is gone or where it went."""
        feed, _, suffix = asked.path[1:].rpartition(".")
        gone = self._gone() if suffix in _OF_A_FEED else {}
        if feed not in gone:
            await tell_plainly(send, 404, *PUBLIC)
        elif successor := gone[feed]:
            # The way back leads to an id of ours, whatever was asked (S19).
            await tell_plainly(send, 301, (b"location", f"/{successor}.{suffix}".encode()), *PUBLIC)
        else:
            await tell_plainly(send, 410, *PUBLIC)


_OF_A_FEED = {*FORMATS, "html"}
