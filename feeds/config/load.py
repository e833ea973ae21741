"""Loading of a YAML file: the configuration, or every problem of the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from ..errors import ConfigError
from ..model import Config
from . import build
from .interpolate import Interpolator, PlainValue
from .masking import mask
from .messages import describe_errors
from .paths import find_location
from .problems import Problem
from .schema import FileShape
from .validate import Finding, find_mistakes
from .yaml_nodes import MAX_BYTES, YamlNode, read_yaml

RESTART_SETTINGS = ("data", "public", "server")  # that the server process holds, or the lock


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


def parse_config(data: bytes, path: Path, env: Mapping[str, str]) -> Config:
    """Return the configuration that these bytes are as the contents of that file; raise ConfigError as `load` does."""
    root, duplicates = read_yaml(data, str(path))
    location = find_location(path, env)
    interpolator = Interpolator(location.folder, env)
    values = interpolator.expand_mapping(root)
    shape, problems = _validate(values, root)
    problems += duplicates + interpolator.problems
    problems += [_locate(finding, root) for finding in find_mistakes(values, location)]
    secrets = interpolator.secrets
    if shape is None or problems:
        masked = (Problem(position, mask(message, secrets.printed)) for position, message in sorted(set(problems)))
        raise ConfigError([problem.format(str(path)) for problem in masked])
    return build.build_config(shape, location, secrets)


def _validate(values: dict[str, PlainValue], root: YamlNode) -> tuple[FileShape | None, list[Problem]]:
    try:
        return FileShape.model_validate(values), []
    except ValidationError as error:
        return None, list(describe_errors(error, root))


def _locate(finding: Finding, root: YamlNode) -> Problem:
    position = root.find_key(finding.path) if finding.at_key else root.find(finding.path)
    return Problem(position, finding.message)


def read_file(path: Path) -> bytes:
    """Return the bytes of a file, cut after one more than `MAX_BYTES`; raise ConfigError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        hint = ", expected the file (`feeds init` writes one)" if isinstance(error, FileNotFoundError) else ""
        raise ConfigError([f"{path}:1:1: the file cannot be read: {error.strerror}{hint}"]) from error
