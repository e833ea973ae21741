"""The same store makes the same files anywhere (R8), and a turn that brings nothing new touches none (R9)."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import pytest
from origin import Document, Origin
from render.editions import FULL_EDITION, render_files
from wire import Wire, document, rss

from feeds.app import TurnOptions

SURROUNDINGS = (
    {"PYTHONHASHSEED": "0", "TZ": "Pacific/Kiritimati", "LANG": "C", "LC_ALL": "C"},
    {"PYTHONHASHSEED": "4711", "TZ": "America/Caracas", "LANG": "ar_EG.UTF-8", "LC_ALL": "tr_TR.UTF-8"},
)


@pytest.mark.parametrize("surroundings", SURROUNDINGS, ids=lambda surroundings: surroundings["TZ"])
def test_R8_the_same_store_makes_the_same_files_in_another_process_zone_locale_and_folder(
    wire: Wire, origin: Origin, tmp_path_factory: pytest.TempPathFactory, surroundings: dict[str, str]
) -> None:
    story = wire.home / "config" / "stories" / "hello.md"
    story.parent.mkdir(parents=True)
    story.write_text("---\ndate: 2026-01-05\ntags: [b, a]\n---\n# Hello\n\nA text.\n", encoding="utf-8")
    sources = {
        suffix: origin.put(f"/{suffix}", Document(body))
        for suffix, body in render_files(*FULL_EDITION.articles).items()
    }
    wire.declare({**sources, "desk": {"files": "stories/*.md"}, "b": origin.put("/b", document())})
    wire.turn()
    copy = Wire(tmp_path_factory.mktemp("other") / "a folder")
    shutil.copytree(wire.home, copy.home)
    shutil.rmtree(copy.public)
    command = copy.argv("publish")
    process = subprocess.run(command, cwd=copy.home.parent, env=copy.env() | surroundings, capture_output=True)
    assert process.returncode == 0, process.stderr
    assert copy.files() == wire.files()


def test_R9_a_hundred_turns_without_news_touch_no_file_and_tell_no_subscriber(wire: Wire, origin: Origin) -> None:
    """One source answers 304, one the same bytes, one says another time of its making at each visit."""

    def build() -> Iterator[bytes]:
        for number in count():
            yield rss(("1", "One")).replace(b"<channel>", b"<channel><generator>%d</generator>" % number)

    builds = build()
    sources = {
        "validated": origin.put("/validated", document(etag='"1"')),
        "same": origin.put("/same", document()),
        "rebuilt": origin.put("/rebuilt", Document(next(builds))),
    }
    wire.declare(sources)
    with wire.app() as app:
        app.turn()
        files, events = wire.inodes(), len(app.store.outbox(0, 1000))
        for _ in range(100):
            wire.now += timedelta(hours=2)
            origin.put("/rebuilt", Document(next(builds)))
            turn = app.turn(TurnOptions())
            assert (turn.visits, turn.articles, turn.files) == (3, 0, [])
        assert len(app.store.outbox(0, 1000)) == events == 9
    assert wire.inodes() == files
