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
    process = wire.fork("run")
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


# ── what run says (D1) ──────────────────────────────────────────────────────────────────────────────────────────────


def test_D1_q_is_silent_until_something_is_wrong(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    """Else cron sends a mail at every story."""
    wire.declare({"good": origin.put("/good", document()), "later": origin.put("/later", document(("9", "Nine")))})
    assert feeds("check", "-q").out.count("warning") == len(feeds("check", "--json").json["warnings"])
    for arguments in (
        ["run", "-q"],
        ["run", "-q", "good"],
        ["publish", "-q"],
        ["retract", "-q", "https://a.example/1"],
    ):
        assert (feeds(*arguments).code, feeds(*arguments).out) == (0, "")
    origin.put("/later", raw(reply(b"", 500), KEEP))
    worse = feeds("run", "-q", "--all")
    assert (worse.code, worse.out.count("\n"), worse.out.startswith("later: ")) == (0, 1, True)
    assert feeds("run", "-q", "--all").out == ""  # it was told


def test_D1_a_named_source_always_gets_an_answer(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    rests = raw(reply(b"", 503, retry_after="3600"), KEEP)
    wire.declare(
        {
            "good": origin.put("/good", document()),
            "bad": origin.put("/bad", raw(reply(b"", 500), KEEP)),
            "rests": origin.put("/rests", rests, host="127.0.0.9"),
            "off": {"feed": origin.url("/off"), "enabled": False},
        }
    )
    assert "good: 4 articles new or changed" in feeds("run", "good").out
    assert feeds("run", "good").out == "good: nothing new\n"
    first = sorted(feeds("run", "bad", "rests").out.splitlines())
    assert [line.split(":")[0] for line in first] == ["bad", "rests"]
    again = feeds("run", "bad", "rests", "off").out
    assert first[0] in again
    assert "rests: not visited: 127.0.0.9 asked not to be visited before 20" in again
    assert "off: not visited: it is disabled by `enabled: false`" in again
    origin.put("/bad", document(("9", "Nine")))
    better = feeds("run", "bad", "--json").json
    assert better["answers"] == [{"source": "bad", "sentence": "works again; 1 article new or changed"}]
    assert (better["changes"], better["left"], better["ended_by"]) == ({"bad": 1}, 0, None)


def test_D1_for_says_what_it_left(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    sources: dict[str, object] = {f"s{number}": origin.put(f"/{number}", document()) for number in range(3)}
    wire.declare(sources)
    ended = feeds("run", "--for", "0s")
    left = "3 visits left, because the time of `--for` is over; what is due stays due"
    assert ended.out.splitlines()[-1] == left
    assert feeds("run", "s1", "--for", "0s").out.startswith("s1: not visited: the time of `--for` was over\n")
    report = feeds("run", "--for", "0s", "--json").json
    assert (report["left"], report["ended_by"], report["visits"]) == (3, "time", 0)
    assert feeds("run", "--for", "1h", "--json").json["left"] == 0


def test_D1_a_host_that_may_not_be_asked_yet_is_named_only_where_its_source_is(
    wire: Wire, feeds: RunCommand, origin: Origin
) -> None:
    wire.declare({"a": origin.put("/a", document()), "b": origin.put("/b", document())}, hosts={"gap": "1h"})
    first = feeds("run", "--wait", "0s", "--json").json
    assert (first["visits"], first["left"], first["ended_by"]) == (1, 1, "wait")
    assert feeds("run", "--wait", "0s").out == ""
    answers = feeds("run", "a", "b", "--wait", "0s").out.splitlines()
    assert answers == [f"{id}: not visited: its host may not be asked yet; `--wait` waits longer" for id in ("a", "b")]
