"""Adding of sources to the YAML in place: every comment and every line that is there stays."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from ..errors import ConfigError
from ..model import Config
from .load import parse_config, read_file
from .problems import Problem
from .yaml_reader import Places, PlainValue, YamlDocument, read_yaml

NewSettings = Mapping[str, str | Sequence[str]]
NewSource = tuple[str, NewSettings | str]

SOURCES = ("sources",)

_PLAIN_SCALAR = re.compile(r"[A-Za-z][!-~]*(?<!:)")  # no space, so neither `: ` nor ` #` can occur
_WORD = re.compile(r"[A-Za-z][\w-]*", re.ASCII)
_RESERVED_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def add_sources(path: Path, entries: Sequence[NewSource], env: Mapping[str, str] = os.environ) -> None:
    """Insert sources (id, URL or settings) at the end of `sources:`.

    The new file is written only after it was read back: it must load, and hold what the old one did and the entries.
    Otherwise the file stays as it is and ConfigError is raised.
    """
    if entries:
        new = _edit(path, entries, env)
        parse_config(new, path, env)
        _replace_file(path, new)


def propose_sources(path: Path, entries: Sequence[NewSource], env: Mapping[str, str] = os.environ) -> Config:
    """Return the configuration as it would be after `add_sources`; the file stays as it is."""
    return parse_config(_edit(path, entries, env), path, env)


def _edit(path: Path, entries: Sequence[NewSource], env: Mapping[str, str]) -> bytes:
    data = read_file(path)
    parse_config(data, path, env)
    document = read_yaml(data, str(path))
    names = [name for name, _ in entries]
    places = document.locate([SOURCES, *((*SOURCES, name) for name in names)])
    _refuse_present_ids(path, _sources_of(document), names, places)
    new = _insert(data.decode("utf-8"), document, places, entries).encode("utf-8")
    if not _holds(new, document, entries):
        message = "`sources` cannot be added to line by line, expected one source a line, not in braces"
        raise ConfigError([Problem(places.key(SOURCES), message).format(str(path))])
    return new


def _refuse_present_ids(path: Path, sources: Collection[str], names: Sequence[str], places: Places) -> None:
    """Raise ConfigError for names that are ids already, or that stand twice among the new ones."""
    problems = []
    for index, name in enumerate(names):
        if name in sources or name in names[:index]:
            position = places.key((*SOURCES, name) if name in sources else SOURCES)
            problem = Problem(position, f"the source `{name}` exists already, expected another id")
            problems.append(problem.format(str(path)))
    if problems:
        raise ConfigError(problems)


def _sources_of(document: YamlDocument) -> dict[str, PlainValue]:
    """Return the entries under `sources` of a file that loads."""
    sources = document.values.get("sources")
    return sources if isinstance(sources, dict) else {}


def _holds(new: bytes, old: YamlDocument, entries: Sequence[NewSource]) -> bool:
    """Tell whether the new text means what the old one did, and the entries."""
    try:
        values = read_yaml(new, "").values
    except ConfigError:
        return False
    added = {name: _escape(entry) if isinstance(entry, str) else _escape_all(entry) for name, entry in entries}
    return values == old.values | {"sources": _sources_of(old) | added}


def _escape_all(entry: NewSettings) -> dict[str, str | list[str]]:
    return {key: _escape(value) if isinstance(value, str) else [*map(_escape, value)] for key, value in entry.items()}


# ── text ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _insert(text: str, document: YamlDocument, places: Places, entries: Sequence[NewSource]) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    if "sources" not in document.values:
        at, indent, heading = len(lines), 2, ["", "sources:"]
    else:
        column = places.value(SOURCES).column
        at, indent, heading = places.last_line(SOURCES), column - 1 if document.values["sources"] else 2, []
        if document.values["sources"] == {}:
            lines[at - 1] = lines[at - 1].replace("{}", "", 1)
    if at and not lines[at - 1].endswith(("\n", "\r")):
        lines[at - 1] += newline
    new = [*heading, *(line for entry in entries for line in _format_entry(entry, " " * indent))]
    return "".join([*lines[:at], *(line + newline for line in new), *lines[at:]])


def _format_entry(entry: NewSource, indent: str) -> Iterator[str]:
    name, settings = entry
    if isinstance(settings, str):
        yield f"{indent}{_format_scalar(name)}: {_format_value(settings)}"
        return
    yield f"{indent}{_format_scalar(name)}:"
    for key, value in settings.items():
        yield f"{indent}  {_format_scalar(key)}: {_format_value(value)}"


def _format_value(value: str | Sequence[str]) -> str:
    if isinstance(value, str):
        return _format_scalar(_escape(value))
    return f"[{', '.join(_format_item(_escape(item)) for item in value)}]"


def _format_item(text: str) -> str:
    """Return the text as an item between brackets, where a comma or a bracket of its own would end it."""
    return _format_scalar(text) if _WORD.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _escape(value: str) -> str:
    """Escape `${`: a value from outside has no references."""
    return value.replace("${", "$${")


def _format_scalar(text: str) -> str:
    """Return the text as YAML reads it back, in the double quotes of JSON where it needs quotes."""
    plain = _PLAIN_SCALAR.fullmatch(text) and text.lower() not in _RESERVED_WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)


# ── file ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _replace_file(path: Path, data: bytes) -> None:
    """Replace the file whole or not at all; its mode stays, and a link stays a link."""
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
