"""The messages between a worker and the process that it works for: calls, callbacks and their answers, pickled."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Sequence
from io import BytesIO
from multiprocessing.connection import Connection
from types import FunctionType
from typing import Any, ClassVar, NamedTuple

# The first byte of what the parent sends, as a call may come while the one before it waits for an answer.
CALL, ANSWER = b"c", b"a"


class CallResult(NamedTuple):
    """What a function returned or raised."""

    value: object
    error: Exception | None = None


class Callback(NamedTuple):
    """A call, out of a worker, of one of the functions among the arguments of its own call."""

    number: int
    arguments: tuple[object, ...]


class Messages:
    """In a worker: what the parent sends, calls and answers."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._calls = deque[bytes]()  # that came before the answer which the one in progress waited for

    def receive_call(self) -> bytes:
        """Return the next call, pickled; raise EOFError or OSError when there is no parent any more."""
        return self._calls.popleft() if self._calls else self._pipe.recv_bytes()[1:]

    def ask(self, callback: Callback) -> object:
        """Return what a function of the parent returns."""
        self.send(pickle_message(callback))
        while not (message := self._pipe.recv_bytes()).startswith(ANSWER):
            self._calls.append(message[1:])
        return pickle.loads(memoryview(message)[1:])

    def send(self, message: bytes) -> None:
        """Send a pickled message to the parent."""
        self._pipe.send_bytes(message)


class RemoteFunction:
    """In a worker: a function of the process that called it."""

    messages: ClassVar[Messages]

    def __init__(self, number: int) -> None:
        self._number = number

    def __call__(self, *arguments: object) -> object:
        """Return what the function returns there."""
        return self.messages.ask(Callback(self._number, arguments))


class _CallPickler(pickle.Pickler):
    """Pickles a call; `callbacks` are the functions in it that another process cannot import."""

    def __init__(self, buffer: BytesIO) -> None:
        super().__init__(buffer, pickle.HIGHEST_PROTOCOL)
        self.callbacks: list[Callable[..., object]] = []

    def reducer_override(self, value: object) -> Any:
        """Return how to make a value in the other process, or NotImplemented for the usual way."""
        if not isinstance(value, FunctionType) or "<" not in value.__qualname__:
            return NotImplemented
        self.callbacks.append(value)
        return RemoteFunction, (len(self.callbacks) - 1,)


def pickle_call(
    function: Callable[..., object], arguments: tuple[object, ...]
) -> tuple[bytes, Sequence[Callable[..., object]]]:
    """Return a call as bytes, and the functions among its arguments that a worker calls back by their number."""
    buffer = BytesIO()
    pickler = _CallPickler(buffer)
    pickler.dump((function, arguments))
    return buffer.getvalue(), pickler.callbacks


def pickle_message(message: object) -> bytes:
    """Return a message as bytes."""
    return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
