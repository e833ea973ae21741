"""A YAML file → the configuration, or all that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from ..errors import ConfigError
from ..model import Config
from . import build
from .interpolate import Interpolator, PlainValue
from .masking import hide
from .messages import problems
from .paths import surroundings
from .problems import Problem
from .schema import FileShape
from .validate import Finding, findings
from .yaml_nodes import MAX_BYTES, YamlNode, read


def load(path: Path, env: Mapping[str, str]) -> Config:
    """The configuration in a file; ConfigError with every problem, each `file:line:column: …`."""
    return check(contents(path), path, env)


def check(data: bytes, path: Path, env: Mapping[str, str]) -> Config:
    """The configuration that these bytes would be, if they stood in that file."""
    root, twice = read(data, str(path))
    around = surroundings(path, env)
    expander = Interpolator(around.folder, env)
    values = expander.mapping(root)
    shape, wrong = _shape(values, root)
    wrong += twice + expander.problems
    wrong += [_located(finding, root) for finding in findings(values, around)]
    if shape is None or wrong:
        hidden = (Problem(place, hide(message, expander.secrets.printed)) for place, message in sorted(set(wrong)))
        raise ConfigError([problem.line(str(path)) for problem in hidden])
    return build.config(shape, around, expander.secrets)


def _shape(values: dict[str, PlainValue], root: YamlNode) -> tuple[FileShape | None, list[Problem]]:
    try:
        return FileShape.model_validate(values), []
    except ValidationError as error:
        return None, list(problems(error, root))


def _located(finding: Finding, root: YamlNode) -> Problem:
    place = root.find_key(finding.route) if finding.at_key else root.find(finding.route)
    return Problem(place, finding.message)


def contents(path: Path) -> bytes:
    """The bytes of a file; ConfigError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        hint = ", expected the file (`feeds init` writes one)" if isinstance(error, FileNotFoundError) else ""
        raise ConfigError([f"{path}:1:1: the file cannot be read: {error.strerror}{hint}"]) from error
