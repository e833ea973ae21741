"""The tree → plain values, with `${NAME}`, `${NAME:-default}` and `${file:PATH}` written out.

Every value stays text (or none, a list, a mapping); `$${` stands for a literal `${`.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .problems import Problem, meant
from .yaml_nodes import KeyPath, YamlNode

PlainValue = str | None | list["PlainValue"] | dict[str, "PlainValue"]

MAX_FILE = 65_536

_SPELLING = "expected ${NAME}, ${NAME:-default} or ${file:PATH} (and $${ for a literal ${)"
_REFERENCE = re.compile(r"\$\$\{|\$\{((?:[^${}]|\$\{[^${}]*\}|\$)*)(\}?)")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)

# What comes from outside may be a secret only where visits are described: the rest is published or shown anyway.
_SECRET_SECTIONS = {"sources", "defaults"}
_SECRET_KEYS = {"auth", "headers", "proxy"}
_SHORTEST_SECRET = 4  # elsewhere: masking `80` or `en` would garble every line


class _Unknown(ValueError):
    """A reference that cannot be written out; the message says why."""


@dataclass(slots=True)
class Interpolator:
    """Writes references out, and remembers what is to be masked and what went wrong."""

    folder: Path
    env: Mapping[str, str]
    secrets: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def mapping(self, node: YamlNode, route: KeyPath = ()) -> dict[str, PlainValue]:
        """The plain values of a mapping."""
        value = node.value if isinstance(node.value, dict) else {}
        return {key: self.data(below, (*route, key)) for key, below in value.items()}

    def data(self, node: YamlNode, route: KeyPath = ()) -> PlainValue:
        """The plain value of a node."""
        value = node.value
        if isinstance(value, dict):
            return self.mapping(node, route)
        if isinstance(value, list):
            return [self.data(below, (*route, index)) for index, below in enumerate(value)]
        if value is None or "${" not in value:
            return value
        try:
            return self.text(value, route) or None
        except _Unknown as error:
            self.problems.append(Problem(node.place, str(error)))
            return value

    def text(self, text: str, route: KeyPath) -> str:
        """The text with its references written out."""
        return _REFERENCE.sub(lambda found: self._value(found, route), text)

    def _value(self, found: re.Match[str], route: KeyPath) -> str:
        if found.group() == "$${":
            return "${"
        inside, closed = found.groups()
        if not closed:
            raise _Unknown(f"`{found.group()}` is not closed, {_SPELLING}")
        if inside.startswith("file:"):
            return self._secret(self._file(self.text(inside.removeprefix("file:"), route)), route)
        name = _NAME.fullmatch(inside)
        if not name:
            raise _Unknown(f"`{found.group()}` names nothing, {_SPELLING}")
        return self._variable(name[1], name[2], route)

    def _variable(self, name: str, default: str | None, route: KeyPath) -> str:
        value = self.env.get(name)
        if default is not None and not value:
            return default
        if value is None:
            near = meant(name, [known for known in self.env if known[:2].upper() == name[:2].upper()])
            raise _Unknown(
                f"the environment variable `{name}` is not set, expected it set or `${{{name}:-default}}`{near}"
            )
        return self._secret(value, route)

    def _file(self, name: str) -> str:
        path = self.folder / name
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE:
                raise _Unknown(f"{path} is no file of at most {MAX_FILE} bytes, expected one that holds the value")
            return path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            if isinstance(error, _Unknown):
                raise
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise _Unknown(f"{path} cannot be read: {reason}, expected a file that holds the value") from error

    def _secret(self, value: str, route: KeyPath) -> str:
        if route and route[0] in _SECRET_SECTIONS and value.strip():
            sure = bool(_SECRET_KEYS.intersection(map(str, route)))
            if sure or len(value) >= _SHORTEST_SECRET:
                self.secrets.add(value)
        return value
