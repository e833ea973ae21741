"""Interpolation of `${NAME}`, `${NAME:-default}` and `${file:PATH}` in plain values.

A scalar stays text, or None; `$${` stands for a literal `${`.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import is_not
from pathlib import Path

from .problems import Finding, KeyPath, did_you_mean
from .secrets import Secrets, Span
from .yaml_reader import PlainValue

MAX_FILE_BYTES = 65_536

_SPELLING = "expected ${NAME}, ${NAME:-default} or ${file:PATH} (and $${ for a literal ${)"
_REFERENCE = re.compile(r"\$\$\{|\$\{((?:[^${}]|\$\{[^${}]*\}|\$)*)(\}?)")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


class _UnresolvedReference(ValueError):
    """A reference without a value; the message says why."""


@dataclass(slots=True)
class Interpolator:
    """Expands references; collects the secret values and the mistakes."""

    folder: Path
    env: Mapping[str, str]
    secrets: Secrets = field(default_factory=Secrets)
    findings: list[Finding] = field(default_factory=list)

    def expand_mapping(self, values: dict[str, PlainValue], path: KeyPath = ()) -> dict[str, PlainValue]:
        """Return a mapping expanded; without references, the very same one."""
        changed = {}
        for key, value in values.items():
            if value is not None and (type(value) is not str or "${" in value):
                expanded = self.expand(value, (*path, key))
                if expanded is not value:
                    changed[key] = expanded
        return {**values, **changed} if changed else values

    def expand(self, value: PlainValue, path: KeyPath) -> PlainValue:
        """Return a value expanded; without references, the very same one."""
        if isinstance(value, dict):
            return self.expand_mapping(value, path)
        if isinstance(value, list):
            items = [self.expand(item, (*path, index)) for index, item in enumerate(value)]
            return items if any(map(is_not, items, value)) else value
        if value is None or "${" not in value:
            return value
        try:
            text, spans = self._expand_text(value)
        except _UnresolvedReference as error:
            self.findings.append(Finding(path, str(error)))
            return value
        self.secrets.add(path, text, spans)
        return text or None

    def _expand_text(self, text: str) -> tuple[str, list[Span]]:
        """Return the text with its references expanded, and the spans of the values from outside in it."""
        expanded, spans, end = "", [], 0
        for reference in _REFERENCE.finditer(text):
            expanded += text[end : reference.start()]
            value, is_from_outside = self._resolve(reference)
            if is_from_outside and value.strip():
                spans.append((len(expanded), len(expanded) + len(value)))
            expanded += value
            end = reference.end()
        return expanded + text[end:], spans

    def _resolve(self, reference: re.Match[str]) -> tuple[str, bool]:
        """Return the value of a reference, and whether it comes from outside the file."""
        if reference.group() == "$${":
            return "${", False
        inside, closed = reference.groups()
        if not closed:
            raise _UnresolvedReference(f"`{reference.group()}` is not closed, {_SPELLING}")
        if inside.startswith("file:"):
            return self._read_file(self._expand_text(inside.removeprefix("file:"))[0]), True
        name = _NAME.fullmatch(inside)
        if not name:
            raise _UnresolvedReference(f"`{reference.group()}` names nothing, {_SPELLING}")
        return self._read_variable(name[1], name[2])

    def _read_variable(self, name: str, default: str | None) -> tuple[str, bool]:
        value = self.env.get(name)
        if default is not None and not value:
            return default, False
        if value is None:
            near = did_you_mean(name, [other for other in self.env if other[:2].upper() == name[:2].upper()])
            raise _UnresolvedReference(
                f"the environment variable `{name}` is not set, expected it set or `${{{name}:-default}}`{near}"
            )
        return value, True

    def _read_file(self, name: str) -> str:
        path = self.folder / name
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
                message = f"{path} is no file of at most {MAX_FILE_BYTES} bytes, expected one that holds the value"
                raise _UnresolvedReference(message)
            return path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            if isinstance(error, _UnresolvedReference):
                raise
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise _UnresolvedReference(
                f"{path} cannot be read: {reason}, expected a file that holds the value"
            ) from error
