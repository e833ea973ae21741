"""Functions in worker processes: their limits, their life, and which documents they read."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event

import jobs
import pytest
from factories import fetched
from hostile import HOSTILE_DOCUMENTS, measure_parse
from wire import until

from feeds.errors import FetchError, ParseError
from feeds.model import Fetched, Parsed, SourceFile
from feeds.parse import parse
from feeds.sandbox import CallNotMade, Limits, Worker, Workers, needs_worker

FEEDS = sorted(file for file in (Path(__file__).parent / "data/parse/feeds").iterdir() if ".expect." not in file.name)
MEMORY = pytest.mark.skipif(sys.platform == "darwin", reason="macOS holds no process to a limit on its memory")


@pytest.fixture
def make() -> Iterator[Callable[..., Workers]]:
    """Workers with limits of the test's own, ended after it."""
    made: list[Workers] = []

    def workers(most: int = 1, **limits: float) -> Workers:
        made.append(Workers(Limits(**limits), most))  # type: ignore[arg-type]
        return made[-1]

    yield workers
    for each in made:
        each.close()


def gone(process: int) -> bool:
    """Whether a process has ended, also before its parent has read its exit code."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    command = ["ps", "-o", "stat=", "-p", str(process)]
    status = Path(f"/proc/{process}/status")
    try:
        return "State:\tZ" in status.read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):  # gone, or a system without /proc
        return not subprocess.run(command, capture_output=True, check=False).stdout.strip(b" \nZ+s")


def failure(workers: Workers, function: Callable[..., object], *given: object) -> ParseError:
    with pytest.raises(ParseError) as caught:
        workers.run(function, *given)
    return caught.value


# ── calls and results ───────────────────────────────────────────────────────────────────────────────────────────────


def test_records_cross_as_they_are(make: Callable[..., Workers]) -> None:
    workers = make()
    for file in FEEDS:
        answer = Fetched("https://feeds.example/", file.read_bytes())
        assert workers.run(parse, answer) == parse(answer)


def test_large_answers_cross(make: Callable[..., Workers]) -> None:
    value = os.urandom(15_000_000)
    assert make().run(jobs.identity, value) == value


def test_a_source_error_crosses_with_its_facts(make: Callable[..., Workers]) -> None:
    with pytest.raises(FetchError) as caught:
        make().run(jobs.refuse)
    error = caught.value
    assert type(error) is FetchError
    assert (error.sentence, error.kind, error.status, error.retry_after) == ("Come back later.", "status", 503, 7.5)


@pytest.mark.parametrize(("function", "words"), [(jobs.stumble, "KeyError"), (jobs.nested_function, "pickle")])
def test_a_bug_says_where_it_is(make: Callable[..., Workers], function: Callable[[], object], words: str) -> None:
    workers = make()
    before = workers.run(jobs.whoami)
    with pytest.raises(RuntimeError, match=words) as caught:
        workers.run(function)
    assert "process.py" in caught.value.__notes__[0]
    assert workers.run(jobs.whoami) == before


def test_a_worker_calls_functions_that_it_cannot_import_where_they_are(make: Callable[..., Workers]) -> None:
    """They run in the thread of the caller, and what they raise ends the call."""
    workers = make()
    asked: list[tuple[int, int, int]] = []

    def add(first: int, second: int) -> int:
        asked.append((first, second, os.getpid()))
        return first + second

    assert workers.run(jobs.add_up, [1, 2, 3], add) == 6
    assert asked == [(0, 1, os.getpid()), (1, 2, os.getpid()), (3, 3, os.getpid())]

    def refuse(first: int, second: int) -> int:
        raise LookupError("not here")

    with pytest.raises(LookupError, match="not here"):
        workers.run(jobs.add_up, [1, 2], refuse)
    assert workers.run(jobs.identity, 1) == 1


# ── limits ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_S15_what_never_ends_is_killed(make: Callable[..., Workers]) -> None:
    workers = make(cpu=1, wall=60)
    error = failure(workers, jobs.backtrack)
    assert (error.kind, error.sentence) == ("timeout", "The document took longer than 1 s to read.")
    assert workers.run(jobs.identity, 1) == 1


def test_S15_what_hangs_is_killed(make: Callable[..., Workers]) -> None:
    workers = make(wall=10)
    before = workers.run(jobs.whoami)
    error = failure(workers, jobs.sleep)
    assert (error.kind, error.sentence) == ("timeout", "The document took longer than 10 s to read.")
    assert gone(before)
    assert workers.run(jobs.whoami) != before


def test_S15_the_time_is_that_of_one_call(make: Callable[..., Workers]) -> None:
    """The kernel counts the seconds of a process, which reads one document after the other."""
    workers = make()
    before = workers.run(jobs.end_of_time)
    workers.run(jobs.work, 1.1)
    assert workers.run(jobs.end_of_time) > before


@MEMORY
@pytest.mark.parametrize("function", [jobs.eat, jobs.eat_at_once], ids=["bit by bit", "at once"])
def test_S11_what_eats_memory_is_stopped(make: Callable[..., Workers], function: Callable[[], object]) -> None:
    workers = make(memory=150_000_000)
    error = failure(workers, function)
    assert (error.kind, error.sentence) == ("too_large", "Reading the document takes more than 150 MB of memory.")
    assert workers.run(jobs.identity, 1) == 1


@pytest.mark.parametrize(
    ("function", "argument", "kind", "words"),
    [
        (jobs.exit_with, 0, "crashed", "exit code 0"),
        (jobs.exit_with, 3, "crashed", "exit code 3"),
        (jobs.die_of, signal.SIGSEGV, "crashed", "Segmentation"),
        (jobs.die_of, signal.SIGABRT, "too_large", "memory"),
        (jobs.die_of, signal.SIGKILL, "too_large", "memory"),
        (jobs.die_of, signal.SIGALRM, "timeout", "20 s"),
    ],
)
def test_a_death_is_one_failure(
    make: Callable[..., Workers], function: Callable[[int], object], argument: int, kind: str, words: str
) -> None:
    workers = make()
    error = failure(workers, function, argument)
    assert (error.kind, words in error.sentence) == (kind, True)
    assert workers.run(jobs.identity, 1) == 1


def test_no_process_to_be_had_is_one_failure(make: Callable[..., Workers], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")  # as when it is replaced under a running daemon
    error = failure(make(), jobs.whoami)
    assert error.kind == "crashed"
    assert "/nowhere/python" in error.sentence


HOSTILE = (
    ("S11", "billion laughs", 50_000),
    ("S11", "quadratic entity", 200_000),
    ("S11", "open doctypes", 500_000),
    ("S15", "long author", 1_000_000),
    ("S15", "long attribute", 1_000_000),
    ("S15", "long base, many links", 1_000_000),
    ("F16", "one long item", 10_000_000),
    ("F16", "smallest items", 2_000_000),
    ("F16", "many categories", 2_000_000),
    ("F17", "nested", 1_000_000),
    ("F17", "many namespaces", 1_000_000),
)


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    """Workers for tests that do not ask which one they get."""
    with closing(Workers(Limits(cpu=1, memory=300_000_000), 1)) as shared:
        yield shared


@pytest.mark.parametrize(("row", "name", "size"), HOSTILE)
def test_hostile_documents_are_read_or_refused(workers: Workers, row: str, name: str, size: int) -> None:
    """S11, S15, F16, F17: within the limits, whatever the parser thinks of them."""
    try:
        assert isinstance(
            workers.run(parse, Fetched("https://feeds.example/", HOSTILE_DOCUMENTS[name](size).encode())), Parsed
        )
    except ParseError as error:
        assert error.kind in ("timeout", "too_large", "not_a_feed"), row


# ── how long a worker lives ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_worker_is_used_again_until_it_is_worn(make: Callable[..., Workers]) -> None:
    workers = make(calls=3)
    processes = [workers.run(jobs.whoami) for _ in range(7)]
    assert [processes.count(process) for process in dict.fromkeys(processes)] == [3, 3, 1]
    assert gone(processes[0])


def test_a_large_document_wears_a_worker_out(make: Callable[..., Workers]) -> None:
    workers = make()
    before = workers.run(jobs.whoami)
    workers.run(len, bytes(25_000_000))
    assert workers.run(jobs.whoami) != before


def test_a_worker_killed_while_idle_is_replaced(make: Callable[..., Workers]) -> None:
    workers = make()
    before = workers.run(jobs.whoami)
    os.kill(before, signal.SIGKILL)
    until(lambda: gone(before))
    assert workers.run(jobs.whoami) != before


def test_an_idle_worker_leaves(make: Callable[..., Workers]) -> None:
    workers = make(idle=0.05)
    before = workers.run(jobs.whoami)
    until(lambda: gone(before))
    assert workers.run(jobs.whoami) != before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_a_terminal_sends_to_all_is_not_for_workers(make: Callable[..., Workers], number: int) -> None:
    workers = make()
    before = workers.run(jobs.whoami)
    assert workers.run(jobs.die_of, number) == number
    assert workers.run(jobs.whoami) == before
    assert os.getsid(before) != os.getsid(0)


def test_a_worker_inherits_no_files(make: Callable[..., Workers], tmp_path: Path) -> None:
    with (tmp_path / "x").open("w") as file, socket.socket() as listening:
        for descriptor in (file.fileno(), listening.fileno()):
            os.set_inheritable(descriptor, True)
        assert len(make().run(jobs.descriptors)) == 4  # three streams and the pipe


def test_S15_many_threads_share_few_workers(make: Callable[..., Workers]) -> None:
    workers = make(most=2)
    with ThreadPoolExecutor(8) as threads:
        processes = list(threads.map(lambda _: workers.run(jobs.slowly), range(40)))
        answers = list(threads.map(lambda n: workers.run(jobs.identity, n), range(40)))
    assert len(set(processes)) == 2
    assert answers == list(range(40))


def test_S15_one_hostile_document_delays_no_other(make: Callable[..., Workers]) -> None:
    workers = make(most=2, cpu=2, wall=600)
    with ThreadPoolExecutor(2) as threads:
        spinning = threads.submit(failure, workers, jobs.spin)
        answers = [workers.run(jobs.identity, n) for n in range(20)]
        assert not spinning.done()
    assert answers == list(range(20))
    assert spinning.result().kind == "timeout"


# ── calls sent ahead ────────────────────────────────────────────────────────────────────────────────────────────────


def start_two(
    workers: Workers, threads: ThreadPoolExecutor, first: tuple[object, ...], second: tuple[object, ...]
) -> tuple[Worker, Future[object], Future[object]]:
    """Give a worker a call, and the next one while that is in progress."""
    worker = workers.start()
    in_progress = threads.submit(workers.call, worker, *first)  # type: ignore[arg-type]
    until(lambda: worker._sent == 1)
    assert workers.take() is None
    assert workers.take(2) is worker
    ahead = threads.submit(workers.call, worker, *second)  # type: ignore[arg-type]
    until(lambda: worker._sent == 2)
    assert workers.take(2) is None
    return worker, in_progress, ahead


@pytest.mark.parametrize("size", [1, 1_000_000], ids=["small", "more than a pipe holds"])
def test_L3_a_call_is_sent_ahead_while_another_is_in_progress(make: Callable[..., Workers], size: int) -> None:
    """Also while that one waits for a function of this process."""
    workers, is_sent = make(), Event()

    def add(first: int, second: int) -> int:
        is_sent.wait()
        return first + second

    with ThreadPoolExecutor(2) as threads:
        _, first, second = start_two(workers, threads, (jobs.add_up, [1, 2], add), (len, bytes(size)))
        is_sent.set()
        assert (first.result(), second.result()) == (3, size)
    assert workers.count == 1


@pytest.mark.parametrize("size", [1, 1_000_000], ids=["small", "more than a pipe holds"])
def test_L3_the_death_of_a_worker_costs_one_call(make: Callable[..., Workers], tmp_path: Path, size: int) -> None:
    """The call sent ahead was not begun, so another worker can make it."""
    workers = make()
    with ThreadPoolExecutor(2) as threads:
        announce = jobs.announce_and_sleep, tmp_path / "process"
        worker, first, second = start_two(workers, threads, announce, (len, bytes(size)))
        os.kill(wait_for_process(tmp_path / "process"), signal.SIGKILL)
        with pytest.raises(ParseError, match="memory"):
            first.result()
        with pytest.raises(CallNotMade):
            second.result()
    assert not worker.ready and workers.count == 0
    assert workers.run(jobs.identity, 1) == 1


def test_F38_closing_stops_the_call_sent_ahead_too(make: Callable[..., Workers], tmp_path: Path) -> None:
    workers = make()
    with ThreadPoolExecutor(2) as threads:
        announce = jobs.announce_and_sleep, tmp_path / "process"
        _, *calls = start_two(workers, threads, announce, (jobs.identity, 1))
        process = wait_for_process(tmp_path / "process")
        workers.close()
        for call in calls:
            with pytest.raises(ParseError) as caught:
                call.result()
            assert caught.value.kind == "stopped"
    assert gone(process)


# ── closing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def wait_for_process(path: Path) -> int:
    """Return the process that a job has named in a file."""
    until(path.exists)
    return int(path.read_text())


def test_nothing_is_left_after_closing(make: Callable[..., Workers], tmp_path: Path) -> None:
    workers = make(most=2)
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(failure, workers, jobs.announce_and_spin, tmp_path / "busy")
        busy, idle = wait_for_process(tmp_path / "busy"), workers.run(jobs.whoami)
        workers.close()
        assert gone(busy)
        assert gone(idle)
        assert call.result().kind == "stopped"
    workers.close()


def test_waiting_calls_end_when_the_workers_are_closed(make: Callable[..., Workers], tmp_path: Path) -> None:
    workers = make()
    with ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(failure, workers, jobs.announce_and_spin, tmp_path / "busy") for _ in range(4)]
        wait_for_process(tmp_path / "busy")
        workers.close()
        assert {call.result().kind for call in calls} == {"stopped"}
    assert failure(workers, jobs.whoami).kind == "stopped"


def test_a_worker_that_does_not_leave_is_killed(make: Callable[..., Workers]) -> None:
    workers = make()
    before = workers.run(jobs.linger)
    workers.close()
    assert gone(before)


PARENT = """
import sys, jobs
from pathlib import Path
from feeds.sandbox import Limits, Workers
workers = Workers(Limits(cpu=1, wall={wall}))
workers.run(jobs.{function}, Path(sys.argv[1]))
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("function", "wall"),
    [("announce", 600), ("announce_and_spin", 600), ("announce_and_sleep", 10)],
    ids=["idle", "busy", "hanging"],
)
def test_a_worker_does_not_outlive_its_parent(tmp_path: Path, function: str, wall: int) -> None:
    """Killed, so that it can clean up nothing; its script has no `__main__` guard."""
    script, process = tmp_path / "script.py", tmp_path / "process"
    script.write_text(PARENT.format(function=function, wall=wall))
    command = [sys.executable, str(script), str(process)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as parent:
        worker = wait_for_process(process)
        parent.kill()
    until(lambda: gone(worker))


# ── which documents ─────────────────────────────────────────────────────────────────────────────────────────────────


SMALL = "<rss><channel><item/></channel></rss>"
DOCTYPE = '<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://my.netscape.com/rss.dtd">'
APART = {
    "large": fetched(" " * 600_000 + SMALL),
    "large parts": Fetched("", b"", files=tuple(SourceFile(f"{n}", bytes(1000), None) for n in range(600))),  # type: ignore[arg-type]
    "deep": fetched(HOSTILE_DOCUMENTS["nested"](200_000)),
    "many items": fetched(HOSTILE_DOCUMENTS["smallest items"](200_000)),
    "ampersands": fetched(HOSTILE_DOCUMENTS["ampersands"](400_000)),
    "entities": fetched(f"<!DOCTYPE rss [<!ENTITY a 'b'>]>{SMALL}"),
    "entities, spelled small": fetched(f"<!doctype rss SYSTEM 'x' [ ]>{SMALL}"),
    "open doctypes": fetched(HOSTILE_DOCUMENTS["open doctypes"](5_000)),
    "UTF-16": fetched(SMALL.encode("utf-16")),
    "UTF-16 without a mark": fetched(SMALL.encode("utf-16-be")),
    "long base": fetched(HOSTILE_DOCUMENTS["long base, many links"](5_000)),
    "page": fetched("<!-- x --><!DOCTYPE html><p>a"),
    "page without a doctype": fetched("\ufeff<HTML lang=en><p>a", media_type="text/html"),
    "page of XHTML": fetched("<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>"),
    "piece of a page": fetched("<p>a</p>", media_type="text/html"),
}
HERE = {file.name: fetched(file.read_bytes(), media_type="text/html") for file in FEEDS if "utf16" not in file.name} | {
    "doctype": fetched(f"<?xml version='1.0'?>{DOCTYPE}{SMALL}"),
    "two doctypes": fetched(f"{DOCTYPE}{DOCTYPE}{SMALL}"),
    "feed said to be a page": fetched(SMALL, media_type="text/html"),
    "JSON said to be a page": fetched('{"items": []}', media_type="text/html"),
    "common base": fetched(f"<feed xml:base='https://example.org/{'a' * 100}'/>"),
    "story of our own": Fetched("", b"", files=(SourceFile("a.html", b"<!DOCTYPE html><p>a", None),)),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("fetched", APART.values(), ids=APART.keys())
def test_S11_S15_what_may_hurt_is_read_apart(fetched: Fetched) -> None:
    assert needs_worker(fetched)


@pytest.mark.parametrize("fetched", HERE.values(), ids=HERE.keys())
def test_what_is_harmless_is_read_here(fetched: Fetched) -> None:
    assert not needs_worker(fetched)


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE_DOCUMENTS)
def test_S15_what_is_read_here_costs_little(make: Callable[..., Workers], name: str) -> None:
    """Every shape, as large as is read without a worker: the limits stand for what this process may spend."""
    workers = make(cpu=2, memory=200_000_000)
    for size in (490_000, 240_000, 120_000, 60_000):
        document = fetched(HOSTILE_DOCUMENTS[name](size))
        if not needs_worker(document):
            workers.run(measure_parse, document)
            return
