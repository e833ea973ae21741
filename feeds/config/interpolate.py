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
from .secrets import Secrets, Span
from .yaml_nodes import KeyPath, YamlNode

PlainValue = str | None | list["PlainValue"] | dict[str, "PlainValue"]

MAX_FILE = 65_536

_SPELLING = "expected ${NAME}, ${NAME:-default} or ${file:PATH} (and $${ for a literal ${)"
_REFERENCE = re.compile(r"\$\$\{|\$\{((?:[^${}]|\$\{[^${}]*\}|\$)*)(\}?)")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


class _Unknown(ValueError):
    """A reference that cannot be written out; the message says why."""


@dataclass(slots=True)
class Interpolator:
    """Writes references out, and remembers which values are secret and what went wrong."""

    folder: Path
    env: Mapping[str, str]
    secrets: Secrets = field(default_factory=Secrets)
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
            text, spans = self._written(value)
        except _Unknown as error:
            self.problems.append(Problem(node.place, str(error)))
            return value
        self.secrets.add(route, text, spans)
        return text or None

    def _written(self, text: str) -> tuple[str, list[Span]]:
        """The text with its references written out, and where in it the values from outside stand."""
        written, spans, rest = "", [], 0
        for reference in _REFERENCE.finditer(text):
            written += text[rest : reference.start()]
            value, is_from_outside = self._value(reference)
            if is_from_outside and value.strip():
                spans.append((len(written), len(written) + len(value)))
            written += value
            rest = reference.end()
        return written + text[rest:], spans

    def _value(self, reference: re.Match[str]) -> tuple[str, bool]:
        """The value of a reference, and whether it comes from outside the file."""
        if reference.group() == "$${":
            return "${", False
        inside, closed = reference.groups()
        if not closed:
            raise _Unknown(f"`{reference.group()}` is not closed, {_SPELLING}")
        if inside.startswith("file:"):
            return self._file(self._written(inside.removeprefix("file:"))[0]), True
        name = _NAME.fullmatch(inside)
        if not name:
            raise _Unknown(f"`{reference.group()}` names nothing, {_SPELLING}")
        return self._variable(name[1], name[2])

    def _variable(self, name: str, default: str | None) -> tuple[str, bool]:
        value = self.env.get(name)
        if default is not None and not value:
            return default, False
        if value is None:
            near = meant(name, [known for known in self.env if known[:2].upper() == name[:2].upper()])
            raise _Unknown(
                f"the environment variable `{name}` is not set, expected it set or `${{{name}:-default}}`{near}"
            )
        return value, True

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
