"""The path of the YAML file, and the resolution of the paths in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError


@dataclass(frozen=True, slots=True)
class ConfigLocation:
    """The path of the YAML file, the home folder for `~`, and `$STATE_DIRECTORY`; paths in the YAML depend on them."""

    path: Path
    home: Path | None = None
    state: Path | None = None

    @property
    def folder(self) -> Path:
        """Return the folder that relative paths begin at."""
        return self.path.parent

    def resolve(self, text: str) -> Path:
        """Return a path of the YAML, absolute, links resolved."""
        return (self.folder / self.expand_home(encode_file_name(text))).resolve()

    def expand_home(self, text: str) -> str:
        """Return a path with `~` replaced by the home folder."""
        return str(self.home / text[2:]) if self.home and (text == "~" or text.startswith("~/")) else text


def encode_file_name(text: str) -> str:
    """Return a path or glob as Python passes it to the system: names of files are UTF-8, whatever the locale."""
    return os.fsdecode(text.encode("utf-8", "surrogateescape"))


def find_location(path: Path, env: Mapping[str, str]) -> ConfigLocation:
    """Return the location of a file in an environment."""
    home, state = env.get("HOME"), env.get("STATE_DIRECTORY")
    first = state.split(":")[0] if state else ""  # systemd lists several, separated by colons
    return ConfigLocation(path.absolute(), Path(home) if home else None, Path(first).resolve() if first else None)


def find_path(explicit: Path | None, env: Mapping[str, str]) -> Path:
    """Return the file to load: the one that is named, else the first that exists.

    Raise ConfigError if there is none.
    """
    if explicit is not None:
        return explicit
    if from_environment := env.get("FEEDS_CONFIG"):
        return Path(from_environment)
    candidates = list(_list_default_paths(env))
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    places = ", ".join(map(str, candidates))
    raise ConfigError([f"no configuration found in {places}, expected one there or after --config: try `feeds init`"])


def _list_default_paths(env: Mapping[str, str]) -> Iterator[Path]:
    yield Path("config/feeds.yaml")
    if home := env.get("HOME"):
        yield Path(home, ".config/feeds/feeds.yaml")
    yield Path("/etc/feeds/feeds.yaml")


def split_root(text: str, location: ConfigLocation) -> tuple[Path, str]:
    """Return the folder that a path or glob lies in, and the rest; nothing outside the folder may be read (S14)."""
    fixed, wild = split_glob(text)
    if not wild:
        head, _, tail = fixed.rpartition("/")
        fixed, wild = head or ("/" if text.startswith("/") else "."), tail
    return location.resolve(fixed), wild


def split_glob(text: str) -> tuple[str, str]:
    """Return the fixed and the wild part of a glob, `a/b` and `*.md` of `a/b/*.md`; the second may be empty."""
    parts = text.split("/")
    first = next((index for index, part in enumerate(parts) if re.search(r"[*?\[]", part)), len(parts))
    fixed = "/".join(parts[:first]) or ("/" if text.startswith("/") else ".")
    return fixed, "/".join(parts[first:])
