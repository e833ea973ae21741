"""`feeds run` and `publish`."""

from __future__ import annotations

import signal

import pytest
from command import RunCommand
from origin import HANG, KEEP, Document, Origin, raw, reply
from wire import Wire, document, rss, until


def test_run_prints_only_what_changed_and_strict_exits_with_4(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    wire.declare({"good": origin.put("/good", document()), "bad": origin.put("/bad", raw(reply(b"", 500), KEEP))})
    first = feeds("run")
    assert first.code == 0
    assert first.out.splitlines()[0].startswith("bad: ")
    assert "4 articles new or changed" in first.out
    assert feeds("run").out == ""
    still = feeds("run", "--strict", "--json")
    assert (still.code, still.json["failing"], still.json["visits"]) == (4, 1, 0)
    assert feeds("run", "--strict", "good").code == 0
    origin.put("/bad", document())
    assert "bad: works again" in feeds("run", "--all").out


def test_run_sends_validators_unless_refetch_is_given(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document(etag='"1"'))})
    feeds("run")
    assert feeds("run", "a", "--json").json["not_modified"] == 1
    feeds("run", "a", "--refetch")
    assert ["if-none-match" in request.headers for request in origin.requests] == [False, True, False]


def test_S15_status_says_that_a_story_was_too_long_to_be_kept_whole(
    wire: Wire, feeds: RunCommand, origin: Origin
) -> None:
    long = document(("1", "One"), ("2", "Two"))
    long.body = long.body.replace(b"About Two.", b"many words " * 60_000)
    wire.declare({"a": origin.put("/a", long)})
    feeds("run")
    assert "a story is longer than 500,000 characters, the beginning is kept" in feeds("status", "a").out
    assert len(wire.items()) == 2


def test_run_takes_the_id_of_an_outline_as_status_shows_it(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    opml = (
        f'<opml version="2.0"><body><outline type="rss" text="Ann" xmlUrl="{origin.put("/ann", document())}"/></body>'
    )
    wire.declare({"friends": {"opml": origin.put("/list", Document(f"{opml}</opml>".encode()))}})
    feeds("run")
    assert "friends/ann  " in feeds("status").out
    assert feeds("run", "friends/ann", "--json").json["visits"] == 1
    assert "did you mean `friends/ann`" in feeds("run", "friends/an").err


def test_publish_writes_missing_files_again(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document())})
    feeds("run")
    (wire.public / "all.rss").unlink()
    assert feeds("publish", "all", "--json").json["files"] == ["all.rss"]
    assert feeds("publish").out.startswith("0 files")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_F38_a_run_that_is_stopped_ends_soon_and_quietly(
    wire: Wire, origin: Origin, number: signal.Signals, code: int
) -> None:
    wire.declare({"hangs": {"feed": origin.put("/hangs", raw(HANG)), "timeout": "10m"}})
    process = wire.start("run")
    until(lambda: origin.requests)
    process.send_signal(number)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == code
    assert errors.strip() == ""


def test_the_address_of_a_private_source_is_shown_nowhere(wire: Wire, origin: Origin) -> None:
    """Neither when it fails, nor in the status, nor in what is published."""
    secret = origin.put("/secret-path", raw(reply(b"no", 500), KEEP))
    wire.declare(
        {"hidden": {"feed": secret, "private": True}, "open": origin.put("/open", Document(rss(("1", "One"))))}
    )
    ran, status = wire.command("run", "-v"), wire.command("status", "hidden")
    assert "hidden" in ran.stdout
    for result in (ran.stdout, ran.stderr, status.stdout, status.stderr):
        assert "secret-path" not in result
    assert not [name for name, body in wire.files().items() if b"secret-path" in body]
