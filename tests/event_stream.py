"""A client of event streams: it reads messages as a browser does (WHATWG HTML §9.2.6)."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

LINE_END = re.compile(rb"\r\n|\r|\n")


class Message(NamedTuple):
    """One event: the id that a browser remembers with it, its type and its data."""

    id: str
    kind: str
    data: str

    @property
    def item(self) -> Any:
        return json.loads(self.data)


class EventStream:
    """An open stream. `last_id` is what a browser sends when it comes back; `retry` is in milliseconds."""

    def __init__(self, port: int, path: str = "/live", last_id: str | None = None, timeout: float = 300) -> None:
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        resume = f"Last-Event-ID: {last_id}\r\n" if last_id is not None else ""
        self.connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{resume}\r\n".encode())
        self.file = self.connection.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        lines = iter(self.file.readline, b"\r\n")
        self.headers = {
            name.lower(): value.strip() for name, _, value in (line.decode().partition(":") for line in lines)
        }
        self.last_id = last_id
        self.retry: int | None = None
        self.comments = 0
        self._lines = self._read_lines()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self.file.close()
        self.connection.close()

    def wait_until_open(self) -> Self:
        """Read until the stream names a place to resume from."""
        while self.last_id is None or self.retry is None:
            self._read_field(next(self._lines), {})
        return self

    def messages(self) -> Iterator[Message]:
        """Yield the events until the stream ends."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if line:
                self._read_field(line, fields)
            elif "data" in fields:
                yield Message(self.last_id or "", fields.get("event", "message"), fields["data"])
                fields = {}
            else:
                fields = {}

    def read(self, count: int) -> list[Message]:
        messages = self.messages()
        return [next(messages) for _ in range(count)]

    def _read_field(self, line: bytes, fields: dict[str, str]) -> None:
        name, _, value = line.decode().partition(":")
        value = value.removeprefix(" ")
        if not name:
            self.comments += bool(line)
        elif name == "id":
            self.last_id = value
        elif name == "retry":
            self.retry = int(value)
        elif name == "data":
            fields["data"] = f"{fields['data']}\n{value}" if "data" in fields else value
        else:
            fields[name] = value

    def _read_lines(self) -> Iterator[bytes]:
        """Yield the lines of the body, which comes in chunks."""
        rest = b""
        while size := int(self.file.readline() or b"0", 16):
            rest += self.file.read(size)
            self.file.readline()
            *lines, rest = LINE_END.split(rest)
            yield from lines
