"""`feeds` commands in tests: the result of one run in this process, and the output of one on a terminal."""

from __future__ import annotations

import json
import os
import pty
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import forked
from wire import Wire


@dataclass(frozen=True)
class CommandResult:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


RunCommand = Callable[..., CommandResult]  # takes the arguments of `feeds`


def run_on_terminal(wire: Wire, *arguments: str, typed: str = "", colour: bool = True) -> str:
    """Run a command on a pseudo-terminal and return what that shows."""
    controller, terminal = pty.openpty()
    env = {name: value for name, value in wire.env().items() if name != "NO_COLOR"} | {"TERM": "xterm", "COLUMNS": "80"}
    env |= {} if colour else {"NO_COLOR": "1"}
    process = forked.start(arguments, wire.home, env, terminal, terminal)
    os.close(terminal)
    os.write(controller, typed.encode())
    output = b""
    with suppress(OSError):  # Linux: the other end is closed
        while piece := os.read(controller, 65536):
            output += piece
    process.wait(300)
    os.close(controller)
    return output.decode()
