"""Signals of a service, in this process and in real ones from their first line on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from wire import Wire, until

from feeds.daemon.signals import SIGNALS, Service, run_service

LINUX = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the mask of signals is read from /proc")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_A7_signals_stop_and_reload_a_service_and_are_handled_as_before_after_it(number: signal.Signals) -> None:
    before = [signal.getsignal(other) for other in SIGNALS]
    steps = []

    def work(service: Service) -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        assert service.reload.wait(300)
        steps.append("reloaded")
        assert not service.stop.is_set()
        os.kill(os.getpid(), number)
        assert service.stop.wait(300)
        steps.append("stopped")

    run_service(work)
    assert steps == ["reloaded", "stopped"]
    assert [signal.getsignal(other) for other in SIGNALS] == before


def test_A7_signals_act_although_the_work_is_within_a_long_call() -> None:
    """In its thread no handler could run."""
    stopped = threading.Event()

    def work(service: Service) -> None:
        thread = threading.Thread(target=lambda: (service.stop.wait(300), stopped.set()))
        thread.start()
        os.kill(os.getpid(), signal.SIGTERM)
        thread.join(300)

    run_service(work)
    assert stopped.is_set()


def test_A6_what_a_service_fails_with_is_raised() -> None:
    def fail(service: Service) -> None:
        service.fail(ValueError("first"))
        raise KeyError("second")

    with pytest.raises(ValueError, match="first"):
        run_service(fail)
    with pytest.raises(KeyError):
        run_service(lambda service: {}["x"])


@pytest.mark.parametrize(("error", "code"), [("", 0), ("service.fail(ValueError('it broke')); ", 1)])
def test_A7_a_service_whose_work_does_not_end_exits(error: str, code: int) -> None:
    program = (
        "import time; from feeds.daemon import signals; signals.STOP_SECONDS = 0.1\n"
        f"def work(service): {error}print('works', flush=True); time.sleep(600)\n"
        "signals.run_service(work)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        assert process.stdout.readline() == b"works\n"
        process.terminate()
        assert process.wait(300) == code
        assert (b"it broke" in process.stderr.read()) == bool(code)


def _holds_signals(process: subprocess.Popen[str]) -> bool:
    """Whether a process blocks SIGTERM, as a service does in its first line."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return bool(int(status.split("SigBlk:")[1].split()[0], 16) & 1 << signal.SIGTERM - 1)


@LINUX
@pytest.mark.parametrize(
    ("command", "number"), [("daemon", signal.SIGTERM), ("daemon", signal.SIGINT), ("serve", signal.SIGTERM)]
)
def test_A7_signals_are_handled_from_the_first_line_on(wire: Wire, command: str, number: signal.Signals) -> None:
    wire.declare({"a": {"files": "stories/*.md"}})
    process = wire.start(command, "--listen", "127.0.0.1:0")
    until(lambda: _holds_signals(process))
    process.send_signal(signal.SIGHUP)
    process.send_signal(number)
    _, errors = process.communicate(timeout=300)
    assert (process.returncode, "Traceback" in errors) == (0, False), errors


@LINUX
def test_F38_a_command_that_is_interrupted_while_it_is_imported_ends_quietly(wire: Wire) -> None:
    wire.declare({"a": {"files": "stories/*.md"}})
    process = wire.start("run")
    until(lambda: _holds_signals(process))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert (process.returncode, errors.strip()) == (130, "")


def test_A7_signals_are_handled_while_the_store_is_opened(wire: Wire) -> None:
    wire.declare({"a": {"files": "stories/*.md"}})
    process = wire.start("daemon", "--listen", "127.0.0.1:0")
    until(lambda: (wire.home / "data").exists())
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    assert process.wait(300) == 0
    process.communicate()


@LINUX
def test_A7_other_commands_have_signals_as_usual() -> None:
    """Also where one of their arguments is the name of a service."""
    program = (
        "import signal; from feeds.__main__ import main; from feeds.cli import cli\n"
        "held = signal.pthread_sigmask(signal.SIG_BLOCK, [])\n"
        "assert signal.SIGTERM in held\n"
        "cli.get_command(None, 'schema')\n"
        "assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])\n"
    )
    subprocess.run([sys.executable, "-c", program, "schema", "daemon"], check=True)
