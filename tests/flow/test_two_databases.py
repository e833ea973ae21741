"""One contract, two databases: the same sources make the same files, byte for byte, at every moment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flow.test_lives import FEEDS, pass_time
from lives import World
from wire import Wire


def live(wire: Wire, seed: int, ticks: int) -> Iterator[dict[str, bytes]]:
    """Let a world live; yield the published files after each turn."""
    world = World(seed)
    archived = {"limit": {"count": 8, "hours": 0}}
    feeds = FEEDS | {"short": {"title": "Short", "steps": ["dedupe", archived]}, "each": {"each": "source"}}
    wire.declare({name: f"https://{name}.example/feed" for name in world.lives}, feeds)
    for tick in range(ticks):
        pass_time(wire, world)
        with wire.app(lambda site: world) as app:
            app.turn()
            if tick == ticks // 2:
                app.store.retract(str(wire.items()[1]["id"]), app.now())
                app.issue()
        yield wire.files()


@pytest.mark.parametrize("seed", range(3))
def test_the_same_sources_make_the_same_files_on_both(tmp_path: Path, postgres_url: str, seed: int) -> None:
    ours, theirs = Wire(tmp_path / "sqlite"), Wire(tmp_path / "postgresql", store=postgres_url)
    count = 0
    for files, others in zip(live(ours, seed, 8), live(theirs, seed, 8), strict=True):
        assert files == others
        count += 1
    assert count == 8 and len(ours.items()) > 10
    assert not (theirs.home / "data" / "feeds.db").exists()
