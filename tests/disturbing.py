"""Installations that publish the same of files that change; one is disturbed: its turns, and what differs then."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from operator import itemgetter
from typing import Any

import forked
from killing import turn_until
from wire import Wire

from feeds.app.verification import verify_installation
from feeds.model import replace

KillAt = Callable[[str, bool, int], bool]
SENTENCE = "The ferry left at seven with forty passengers and a cargo of apples, and nobody gave it a second look. "


class Files:
    """Two source feeds as files, and our own stories with a picture, in several installations alike."""

    def __init__(self, *installations: Wire) -> None:
        self.installations = installations
        self.rounds = 0

    def change(self, size: int = 1) -> None:
        """Add a story to each source, edit one and take one of our own back; a feed comes or goes each time."""
        self.rounds += 1
        for wire in self.installations:
            folder = wire.config.parent
            (folder / "stories").mkdir(parents=True, exist_ok=True)
            feeds: dict[str, object] = {"all": {"steps": [{"limit": 10000}]}, f"other{self.rounds % 2}": {}}
            sources = {name: {"feed": f"{name}.rss", "every": "1h"} for name in ("one", "two")}
            wire.declare({**sources, "desk": {"files": "stories/*.md"}}, feeds)
            for name in ("one", "two"):
                (folder / f"{name}.rss").write_text(self._feed(name, size), encoding="utf-8")
            for number in range(self.rounds):
                path = folder / "stories" / f"{number}.md"
                text = f"# desk {number}\n\n![](pic.png) Edit {max(number, self.rounds - 2)}.\n"
                path.write_text(f"---\ndate: 2026-02-01\n---\n{text}", encoding="utf-8")
                os.utime(path, (0, number + self.rounds))  # a file that was written just now is looked at again later
            (folder / "stories" / "pic.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
            os.utime(folder / "stories" / "pic.png", (0, 0))
            if self.rounds > 2:
                (folder / "stories" / f"{self.rounds - 3}.md").unlink()
            wire.now += timedelta(hours=2)

    def _feed(self, name: str, size: int) -> str:
        items = "".join(
            f"<item><guid isPermaLink='false'>{name}-{number}</guid><title>{name} {number}</title>"
            f"<link>https://a.example/{name}/{number}</link>"
            f"<description>Edit {max(number, self.rounds - 1)}. {SENTENCE * size}</description>"
            f"<pubDate>Sun, 01 Feb 2026 {number // 60 % 24:02}:{number % 60:02}:00 GMT</pubDate></item>"
            for number in range(self.rounds)
        )
        return f"<rss version='2.0'><channel><title>{name}</title>{items}</channel></rss>"


def state(wire: Wire) -> dict[str, Any]:
    """What readers, subscribers and operators get of an installation; which feed is issued first is nobody's affair."""
    with wire.app() as app:
        events = [(event.kind, event.feed_id, event.published_id, event.item) for _, event in app.store.outbox(0, 9999)]
        faults = [*verify_installation(app.config, app.store), *app.store.damage()]
        articles = [replace(article, key=0, changed=0) for article in app.store.articles()]
    events.sort(key=itemgetter(1))
    return {"files": wire.files(), "events": events, "faults": faults, "articles": articles}


def differences(told: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Return the parts of two states that differ."""
    return [part for part in expected if told[part] != expected[part]]


def killer_of(wire: Wire) -> KillAt:
    """Return a function that makes a turn end before or after the nth call of a place, if it gets there."""

    def kill(place: str, is_after: bool, nth: int) -> bool:
        code = forked.call(turn_until, wire, place, is_after, nth).wait()
        assert code in (0, -signal.SIGKILL)
        return code != 0

    return kill
