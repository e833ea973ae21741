"""Loading of a YAML file: the configuration, or every problem of the file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from ..errors import ConfigError
from ..masking import mask
from ..model import Config, Source
from . import build
from .interpolate import Interpolator
from .messages import describe_errors
from .paths import find_location
from .problems import Finding, Problem
from .schema import FileShape, SourceShape, sources_adapter
from .validate import find_mistakes
from .values import parse_store
from .yaml_reader import MAX_BYTES, PlainValue, YamlDocument, read_yaml

SOURCES_AT_ONCE = 100
RESTART_SETTINGS = ("data", "store", "public", "server")  # that the server process holds, or the lock


def load(path: Path, env: Mapping[str, str]) -> Config:
    """Return the configuration in a file; raise ConfigError with every problem, each `file:line:column: …`."""
    return parse_config(read_file(path), path, env)


def reload(current: Config, env: Mapping[str, str]) -> Config:
    """Return the edited configuration; raise ConfigError as `load` does, or where only a restart can take it."""
    edited = load(current.path, env)
    for name in RESTART_SETTINGS:
        if getattr(current, name) != getattr(edited, name):
            raise ConfigError([f"{edited.path}: `{name}` cannot change without a restart"])
    return edited


def read_store_address(text: str, current: Config, env: Mapping[str, str]) -> str:
    """Return the address that `store:` would have with this text, in which references to secrets may stand."""
    interpolator = Interpolator(find_location(current.path, env).folder, env)
    address = interpolator.expand(text, ("store",))
    try:
        if interpolator.findings:
            raise ValueError(interpolator.findings[0].message)
        return parse_store(str(address))
    except ValueError as error:
        raise ConfigError([f"the address of the database: {error}"]) from error


def parse_config(data: bytes, path: Path, env: Mapping[str, str]) -> Config:
    """Return the configuration that these bytes are as the contents of that file; raise ConfigError as `load` does."""
    document = read_yaml(data, str(path))
    location = find_location(path, env)
    interpolator = Interpolator(location.folder, env)
    values = interpolator.expand_mapping(document.values)
    findings = [*interpolator.findings, *find_mistakes(values, location)]
    entries = values.get("sources")
    shape = _validate(values | {"sources": {}} if isinstance(entries, dict) else values, findings)
    secrets = interpolator.secrets
    context = build.make_context(shape, location, secrets) if shape and not findings else None
    sources: dict[str, Source] = {}
    for shapes in _validate_sources(entries if isinstance(entries, dict) else {}, findings):
        if context and not findings:
            sources |= build.build_sources(shapes, context)
    if context is None or findings or document.problems:
        problems = {*document.problems, *_locate(findings, document)}
        masked = (Problem(position, mask(message, secrets.printed)) for position, message in sorted(problems))
        raise ConfigError([problem.format(str(path)) for problem in masked])
    return build.build_config(context, sources)


def _validate(values: dict[str, PlainValue], findings: list[Finding]) -> FileShape | None:
    """Return the shape of a file; add what is wrong with it to `findings`."""
    try:
        return FileShape.model_validate(values)
    except ValidationError as error:
        findings += describe_errors(error)
        return None


def _validate_sources(
    entries: Mapping[str, PlainValue], findings: list[Finding]
) -> Iterator[Mapping[str, str | SourceShape]]:
    """Yield the shapes of some sources at a time, which need ten times the memory of what is built of them."""
    adapter = sources_adapter()
    names = iter(entries)
    while batch := {name: entries[name] for name in islice(names, SOURCES_AT_ONCE)}:
        try:
            yield adapter.validate_python(batch)
        except ValidationError as error:
            findings += describe_errors(error, ("sources",))


def _locate(findings: Collection[Finding], document: YamlDocument) -> Iterator[Problem]:
    places = document.locate(finding.path for finding in findings)
    for finding in findings:
        position = places.key(finding.path) if finding.at_key else places.value(finding.path)
        yield Problem(position, finding.message)


def read_file(path: Path) -> bytes:
    """Return the bytes of a file, cut after one more than `MAX_BYTES`; raise ConfigError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        hint = ", expected the file (`feeds init` writes one)" if isinstance(error, FileNotFoundError) else ""
        raise ConfigError([f"{path}:1:1: the file cannot be read: {error.strerror}{hint}"]) from error
