"""What the tests of the configuration share: a YAML file, and what is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from feeds.config import load
from feeds.errors import ConfigError
from feeds.model import Config, Source

SITE = "site: {title: A, url: http://localhost/}\n"


@pytest.fixture
def write(tmp_path: Path):
    """Write a YAML file below the temporary folder."""

    def write_file(text: str | bytes) -> Path:
        path = tmp_path / "config" / "feeds.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write_file


@pytest.fixture
def load_text(write):
    """Load a YAML text; a `site` is put before it."""

    def load_file(text: str, **env: str) -> Config:
        return load(write(SITE + text), env)

    return load_file


@pytest.fixture
def source(load_text):
    """Load the source that one line of YAML declares."""

    def load_source(entry: str, defaults: str = "{}", **env: str) -> Source:
        return load_text(f"defaults: {defaults}\nsources:\n  it: {entry}\n", **env).sources["it"]

    return load_source


@pytest.fixture
def problems_of():
    """Return the problems of a file, without its name."""

    def find_problems(path: Path, env: Mapping[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load(path, env or {})
        assert all(problem.startswith(f"{path}:") for problem in caught.value.problems)
        return [problem.removeprefix(f"{path}:") for problem in caught.value.problems]

    return find_problems
