"""Programs as sources, run for real: what they print, how they fail, and that nothing of them goes on running."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from factories import visit
from fetching import expect_document
from wire import until

from feeds.config import load
from feeds.errors import FailureKind, FetchError
from feeds.fetch import Fetcher
from feeds.model import Fetched, NotModified, Visit, VisitState, replace

SECRET = "s3cret-token-of-mine"


class Bench:
    """A configuration with one source, whose program is run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fetchers: list[Fetcher] = []

    def visit(self, *command: str, **settings: object) -> tuple[Fetcher, Visit]:
        """A fetcher, and a visit that runs these words."""
        path = self.folder / "config" / "feeds.yaml"
        path.parent.mkdir(exist_ok=True)
        entry = {"command": command, **settings}
        tree = {"site": {"title": "A", "url": "https://a.example/"}, "allow_commands": True, "sources": {"it": entry}}
        path.write_text(json.dumps(tree), encoding="utf-8")
        (self.folder / "data").mkdir(exist_ok=True)
        config = load(path, os.environ | {"TOKEN": SECRET})
        source = config.sources["it"]
        fetcher = Fetcher.for_installation(config)
        self.fetchers.append(fetcher)
        return fetcher, replace(visit(source), state=VisitState(source.address))

    def run(self, *command: str, **settings: object) -> Fetched:
        """What a command prints."""
        fetcher, visit = self.visit(*command, **settings)
        return expect_document(fetcher.fetch(visit))

    def fail(self, *command: str, **settings: object) -> FetchError:
        """The error of a command that must fail."""
        fetcher, visit = self.visit(*command, **settings)
        with pytest.raises(FetchError) as caught:
            fetcher.fetch(visit)
        return caught.value

    def python(self, code: str) -> tuple[str, ...]:
        """The words that run a Python program."""
        return sys.executable, "-I", "-S", "-c", code


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    for fetcher in bench.fetchers:
        fetcher.close()


def is_running(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat")
        return not status.exists() or status.read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def read_pids(path: Path) -> list[int]:
    """The numbers that programs wrote into a file, once there are two."""
    until(lambda: path.exists() and len(path.read_text(encoding="ascii").split()) == 2)
    return [int(word) for word in path.read_text(encoding="ascii").split()]


def forking(path: Path) -> str:
    """A shell program that writes its number and that of its child into a file, and lasts."""
    return f"trap '' TERM; sleep 600 & echo $$ $! > {path}.new; mv {path}.new {path}; wait"


def test_S22_shell_characters_are_only_text(bench: Bench) -> None:
    words = ["$HOME", "`id`", "a; exit 3", "*", "a\nb", "'\"", "", "> out", "ünï"]
    response = bench.run(*bench.python("import sys; print(*map(ascii, sys.argv[1:]))"), *words)
    assert response.body.decode().strip() == " ".join(map(ascii, words))
    assert [path.name for path in (bench.folder / "config").iterdir()] == ["feeds.yaml"]


def test_a_program_gets_its_folder_a_small_environment_and_no_input(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNRELATED", "x")
    monkeypatch.delenv("LANG", raising=False)
    code = "import json, os, sys; print(json.dumps([os.getcwd(), dict(os.environ), sys.stdin.read()]))"
    response = bench.run(*bench.python(code), env={"KEY": "a ${TOKEN}"})
    folder, environment, stdin = json.loads(response.body)
    assert Path(folder) == (bench.folder / "config").resolve()
    environment.pop("LC_CTYPE", None)  # Python's own
    environment.pop("__CF_USER_TEXT_ENCODING", None)  # that of macOS
    home, path = os.environ["HOME"], os.environ["PATH"]
    assert environment == {"HOME": home, "LANG": "C.UTF-8", "PATH": path, "KEY": f"a {SECRET}"}
    assert stdin == ""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system has no /proc")
def test_a_program_starts_with_no_signal_held_back_on_all_cores_and_with_bounded_memory(bench: Bench) -> None:
    body = bench.run("cat", "/proc/self/status", "/proc/self/limits").body.decode()
    facts = dict(line.split(":", 1) for line in body.splitlines() if ":" in line)
    assert int(facts["SigBlk"], 16) == 0
    own = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    assert facts["Cpus_allowed"] == own["Cpus_allowed"]


@pytest.mark.skipif(sys.platform != "linux", reason="this system bounds the memory of no other process")
def test_S15_a_program_that_takes_too_much_memory_fails(bench: Bench) -> None:
    code = "import time; time.sleep(0.2); print(len(bytearray(1_500_000_000)))"
    error = bench.fail(*bench.python(code))
    assert "exit code 1: MemoryError" in error.sentence


def test_a_program_beside_the_file_is_run_and_one_in_the_home_folder(bench: Bench) -> None:
    program = bench.folder / "config" / "tools" / "wire"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho $1\n", encoding="ascii")
    program.chmod(0o755)
    assert bench.run("tools/wire", "x").body == b"x\n"
    _, visit = bench.visit("~/tools/wire", "~/x")
    assert visit.source.command == (f"{os.environ['HOME']}/tools/wire", "~/x")


def test_E4_equal_output_is_not_modified(bench: Bench) -> None:
    fetcher, visit = bench.visit("echo", "one")
    first = expect_document(fetcher.fetch(visit))
    again = fetcher.fetch(replace(visit, state=replace(visit.state, body_digest=first.body_digest)))
    assert isinstance(again, NotModified)


def test_the_output_is_found_at_its_base(bench: Bench) -> None:
    assert bench.run("echo", "x", base="https://a.example/news/").url == "https://a.example/news/"


@pytest.mark.parametrize(
    ("command", "kind", "sentence"),
    [
        (["no-such-program"], "missing", "no-such-program cannot be started: there is no such program"),
        (["./feeds.yaml"], "missing", "./feeds.yaml cannot be started: it may not be run. `chmod +x`"),
        (["false"], "exit", "false failed with exit code 1, and wrote nothing to its error output."),
        (
            ["sh", "-c", "echo a >&2; echo 'b  c.' >&2; echo >&2; exit 7"],
            "exit",
            "sh failed with exit code 7: b c. The",
        ),
        (["sh", "-c", "kill -SEGV $$"], "exit", "sh was ended by SIGSEGV"),
    ],
)
def test_a_failure_names_the_program_and_what_it_said(
    bench: Bench, command: list[str], kind: str, sentence: str
) -> None:
    error = bench.fail(*command)
    assert (error.kind, error.sentence[: len(sentence)]) == (FailureKind(kind), sentence)


def test_a_script_without_an_interpreter_is_explained(bench: Bench) -> None:
    bench.visit("true")
    script = bench.folder / "config" / "script"
    script.write_bytes(b"\x7f\x00no program")
    script.chmod(0o755)
    assert "A script begins with #! and its interpreter." in bench.fail("./script").sentence


@pytest.mark.parametrize("length", [0, 200_000], ids=["short", "long"])
def test_a_secret_in_the_error_output_is_masked_and_the_output_shortened(bench: Bench, length: int) -> None:
    code = f"import os, sys; sys.exit('x' * {length} + 'the key ' + os.environ['KEY'] + ' is wrong ' + 'y' * 1000)"
    error = bench.fail(*bench.python(code), env={"KEY": "${TOKEN}"})
    assert SECRET[:8] not in error.sentence and len(error.sentence) < 500
    if not length:
        assert "exit code 1: the key *** is wrong yyy" in error.sentence


def test_a_program_that_is_named_by_a_secret_is_masked(bench: Bench) -> None:
    assert bench.fail("${TOKEN}").sentence.startswith("*** cannot be started")


def test_F11_a_slow_program_is_ended_with_its_children(bench: Bench, tmp_path: Path) -> None:
    error = bench.fail("sh", "-c", forking(tmp_path / "pids"), timeout="1s")
    assert error.kind is FailureKind.TIMEOUT
    assert error.sentence == (
        "sh was not done within 1 s, and was ended. If that is expected, raise `timeout:` of the source."
    )
    pids = read_pids(tmp_path / "pids")
    until(lambda: not any(map(is_running, pids)))


def test_a_program_that_closes_its_output_and_goes_on_is_ended(bench: Bench) -> None:
    assert bench.fail("sh", "-c", "exec >&- 2>&-; sleep 600", timeout="1s").kind is FailureKind.TIMEOUT


def test_endless_output_is_ended_and_endless_error_output_is_no_failure(bench: Bench) -> None:
    error = bench.fail("yes", max_bytes="1MB")
    assert error.kind is FailureKind.TOO_LARGE
    assert "yes printed more than 1,000,000 bytes, and was ended" in error.sentence
    assert bench.run("sh", "-c", "head -c 9000000 /dev/zero >&2; echo ok").body == b"ok\n"


def test_what_a_program_leaves_behind_is_ended_and_not_waited_for(bench: Bench, tmp_path: Path) -> None:
    began = time.monotonic()
    response = bench.run("sh", "-c", f"sleep 600 & echo $$ $! > {tmp_path / 'pids'}; echo done", timeout="300s")
    assert response.body == b"done\n"
    assert time.monotonic() - began < 300
    pids = read_pids(tmp_path / "pids")
    until(lambda: not any(map(is_running, pids)))


def test_F38_a_stop_ends_a_program_with_its_children_and_starts_no_other(bench: Bench, tmp_path: Path) -> None:
    fetcher, visit = bench.visit("sh", "-c", forking(tmp_path / "pids"), timeout="600s")
    errors: list[FetchError] = []
    thread = threading.Thread(target=collect_error, args=[lambda: fetcher.fetch(visit), errors])
    thread.start()
    pids = read_pids(tmp_path / "pids")
    fetcher.close()
    thread.join()
    assert [error.kind for error in errors] == [FailureKind.STOPPED]
    until(lambda: not any(map(is_running, pids)))
    with pytest.raises(FetchError, match="stopping"):
        fetcher.fetch(visit)


def collect_error(call: Callable[[], object], errors: list[FetchError]) -> None:
    try:
        call()
    except FetchError as error:
        errors.append(error)


def test_a_program_never_runs_twice_at_once_for_one_source_whoever_runs_it(bench: Bench, tmp_path: Path) -> None:
    fetcher, visit = bench.visit("sh", "-c", forking(tmp_path / "pids"), timeout="600s")
    errors: list[FetchError] = []
    thread = threading.Thread(target=collect_error, args=[lambda: fetcher.fetch(visit), errors])
    thread.start()
    read_pids(tmp_path / "pids")
    other, same = bench.visit("sh", "-c", "echo again")
    with pytest.raises(FetchError) as caught:
        other.fetch(same)
    assert caught.value.kind is FailureKind.RUNNING
    fetcher.close()
    thread.join()
    assert expect_document(other.fetch(same)).body == b"again\n"


def test_a_fetcher_without_a_configuration_runs_nothing(bench: Bench) -> None:
    _, visit = bench.visit("touch", "made")
    fetcher = Fetcher(load(bench.folder / "config" / "feeds.yaml", {}).site)
    with pytest.raises(FetchError, match="Programs may not be run"):
        fetcher.fetch(visit)
    fetcher.close()
    assert not (bench.folder / "config" / "made").exists()
