"""An installation with sources of every condition, some days old: what the operator's pages show."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import format_datetime
from html import escape

from origin import RESET, Document, Origin, raw, redirect, reply
from wire import Wire

from feeds.app.operations import OperationIO, RunRequest, perform_operation

NAMES = ("Harbour Post", "Le Fil du Matin", "Valley Gazette", "Nordlys", "La Lanterna", "Signal & Noise")
WORDS = (
    "Council votes to reopen the old ferry line",
    "New figures for the winter harvest",
    "A library that lends tools",
    "Storm closes the pass for a second night",
    "Museum returns three drums",
    "Trains run again after the flood",
)
OTHERS = ("slow-mirror", "quiet-corner", "city-desk", "shaky-line", "archive-1998", "old-blog", "shop-front", "relay")


def listing(name: str, times: list[datetime]) -> bytes:
    """An RSS document with a story for each time."""
    items = "".join(
        f"<item><guid isPermaLink='false'>{name}-{at:%d%H%M}</guid>"
        f"<title>{escape(WORDS[(at.hour + at.day) % len(WORDS)])}: {escape(name)} {at:%d %H:%M}</title>"
        f"<link>https://{name}.example/{at:%d%H%M}</link><pubDate>{format_datetime(at)}</pubDate></item>"
        for at in times
    )
    title = NAMES[sum(map(ord, name)) % len(NAMES)]
    return f"<rss version='2.0'><channel><title>{escape(title)}</title>{items}</channel></rss>".encode()


def fill(wire: Wire, origin: Origin, healthy: int = 4, turns: int = 6) -> None:
    """Declare the sources, and let time pass in turns."""
    names = [f"news-{number}" for number in range(healthy)]
    sources: dict[str, object] = {name: origin.put(f"/{name}", Document(b"")) for name in names}
    addresses = {name: origin.put(f"/{name}", Document(b"")) for name in OTHERS}
    sources |= addresses | {
        "paused": {"feed": origin.put("/paused", Document(b"")), "enabled": False},
        "members-only": {"feed": origin.put("/members", Document(listing("members", [wire.now]))), "private": True},
        "unheard": {"feed": origin.put("/unheard", Document(b"")), "enabled": True, "cron": "0 0 1 1 *"},
    }
    feeds = {
        "all": {"title": "Everything", "steps": ["dedupe"]},
        "harbour": {"title": "The harbour", "sources": names[:2], "steps": [{"drop": {"title": "library"}}]},
        "short": {"title": "In short", "steps": [{"limit": {"count": 3, "hours": 0}}]},
    }
    wire.declare(sources, feeds, hosts={"gap": "0s", "at_once": 64})
    start = wire.now
    history = {
        name: [start - timedelta(hours=7 * n + len(name)) for n in range(60 // (1 + number % 5))]
        for number, name in enumerate(names)
    }
    for turn in range(turns):
        wire.now = start + turn * timedelta(hours=1, minutes=7)
        for number, name in enumerate(names):
            if (turn + number) % 3 != 1:
                history[name].insert(0, wire.now - timedelta(minutes=number))
            origin.put(f"/{name}", Document(listing(name, history[name][:40]), etag=f'"{len(history[name])}"'))
        origin.put("/slow-mirror", Document(listing("mirror", [start])) if turn % 3 else raw(RESET))
        origin.put("/quiet-corner", Document(listing("quiet", [start - timedelta(days=200)]), etag='"1"'))
        origin.put("/city-desk", Document(listing("city", [start])) if turn < 2 else raw(reply(b"", 500)))
        origin.put("/shaky-line", raw(reply(b"<html><body>Please log in</body></html>", 200, content_type="text/html")))
        origin.put("/archive-1998", Document(listing("archive", [start])) if turn < 1 else raw(reply(b"", 410)))
        ids = [start - timedelta(hours=n + 100 * (turn > 1)) for n in range(60)]
        origin.put("/old-blog", Document(listing("blog" if turn < 2 else "casino", ids)))
        origin.put("/shop-front", Document(listing("shop", [])))
        origin.put("/relay", redirect(addresses["quiet-corner"], 301))
        with wire.app() as app:
            perform_operation(app, RunRequest(everything=True, wait=0.0), OperationIO())
