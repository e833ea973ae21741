"""Adding sources to the YAML in place: every comment and every line that is there stays."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..errors import ConfigError
from ..model import Config
from .load import check, contents
from .problems import Problem
from .yaml_nodes import YamlNode, read

NewSettings = Mapping[str, str | Sequence[str]]
NewSource = tuple[str, NewSettings | str]

_PLAIN = re.compile(r"[A-Za-z][!-~]*(?<!:)")  # no space, so neither `: ` nor ` #` can occur
_WORD = re.compile(r"[A-Za-z][\w-]*", re.ASCII)
_WORDS_OF_YAML = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def add_sources(path: Path, entries: Sequence[NewSource], env: Mapping[str, str] = os.environ) -> None:
    """Insert sources (id, URL or settings) at the end of `sources:`; ConfigError, and an untouched file, if that fails.

    The new file is written only after it was read back: it must load, and say what the old one said and the entries.
    """
    if entries:
        new = _edited(path, entries, env)
        check(new, path, env)
        _replace(path, new)


def proposed(path: Path, entries: Sequence[NewSource], env: Mapping[str, str] = os.environ) -> Config:
    """The configuration as it would be after `add_sources`; the file stays as it is."""
    return check(_edited(path, entries, env), path, env)


def _edited(path: Path, entries: Sequence[NewSource], env: Mapping[str, str]) -> bytes:
    data = contents(path)
    check(data, path, env)
    root, _ = read(data, str(path))
    _refuse_known(path, root, entries)
    new = _inserted(data.decode("utf-8"), root, entries).encode("utf-8")
    if not _says(new, root, entries):
        message = "`sources` cannot be added to line by line, expected one source a line, not in braces"
        raise ConfigError([Problem(root.find_key(("sources",)), message).line(str(path))])
    return new


def _refuse_known(path: Path, root: YamlNode, entries: Sequence[NewSource]) -> None:
    sources = root.child("sources")
    known = dict(sources.keys) if sources else {}
    problems = []
    for name, _ in entries:
        if name in known:
            problem = Problem(known[name], f"the source `{name}` exists already, expected another id")
            problems.append(problem.line(str(path)))
        known.setdefault(name, root.find_key(("sources",)))
    if problems:
        raise ConfigError(problems)


def _says(new: bytes, old: YamlNode, entries: Sequence[NewSource]) -> bool:
    """Whether the new text means what the old one did, and the entries."""
    try:
        told = read(new, "")[0].plain()
    except ConfigError:
        return False
    before = old.plain()
    assert isinstance(before, dict)
    added = {name: _escaped(said) if isinstance(said, str) else _all_escaped(said) for name, said in entries}
    return told == before | {"sources": (before.get("sources") or {}) | added}


def _all_escaped(entry: NewSettings) -> dict[str, str | list[str]]:
    return {key: _escaped(said) if isinstance(said, str) else [*map(_escaped, said)] for key, said in entry.items()}


# ── text ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _inserted(text: str, root: YamlNode, entries: Sequence[NewSource]) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    sources = root.child("sources")
    if sources is None:
        at, indent, heading = len(lines), 2, ["", "sources:"]
    else:
        at, indent, heading = sources.last, _indent(sources), []
        if sources.value == {}:
            lines[at - 1] = lines[at - 1].replace("{}", "", 1)
    if at and not lines[at - 1].endswith(("\n", "\r")):
        lines[at - 1] += newline
    new = [*heading, *(line for entry in entries for line in _written(entry, " " * indent))]
    return "".join([*lines[:at], *(line + newline for line in new), *lines[at:]])


def _indent(sources: YamlNode) -> int:
    return sources.place.column - 1 if sources.value else 2


def _written(entry: NewSource, indent: str) -> Iterator[str]:
    name, said = entry
    if isinstance(said, str):
        yield f"{indent}{_scalar(name)}: {_scalar(_escaped(said))}"
        return
    yield f"{indent}{_scalar(name)}:"
    for key, value in said.items():
        yield f"{indent}  {_scalar(key)}: {_value(value)}"


def _value(said: str | Sequence[str]) -> str:
    if isinstance(said, str):
        return _scalar(_escaped(said))
    return f"[{', '.join(_quoted(_escaped(one)) for one in said)}]"


def _quoted(text: str) -> str:
    """The text as an item between brackets, where a comma or a bracket of its own would end it."""
    return _scalar(text) if _WORD.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _escaped(value: str) -> str:
    """What comes from outside holds no references: a `${` in it is meant as it stands."""
    return value.replace("${", "$${")


def _scalar(text: str) -> str:
    """The text as YAML reads it back; in double quotes, which are JSON's, where it must be."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS_OF_YAML
    return text if plain else json.dumps(text, ensure_ascii=False)


# ── file ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _replace(path: Path, data: bytes) -> None:
    """Whole or not at all, with the mode it had; a link stays a link."""
    target = path.resolve()
    try:
        mode = target.stat().st_mode & 0o7777
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise ConfigError([f"{path}: cannot be written: {error.strerror}"]) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise ConfigError([f"{path}: cannot be written: {error.strerror}"]) from error
