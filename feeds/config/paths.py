"""Where things lie: the YAML file itself, and what its paths mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError


@dataclass(frozen=True, slots=True)
class ConfigEnvironment:
    """Where a file stands: its folder, the home folder for `~`, and `$STATE_DIRECTORY`."""

    path: Path
    home: Path | None = None
    state: Path | None = None

    @property
    def folder(self) -> Path:
        """The folder that relative paths begin at."""
        return self.path.parent

    def locate(self, text: str) -> Path:
        """A path of the file, absolute, links resolved."""
        if self.home and (text == "~" or text.startswith("~/")):
            return (self.home / text[2:]).resolve()
        return (self.folder / text).resolve()


def surroundings(path: Path, env: Mapping[str, str]) -> ConfigEnvironment:
    """What the file's place and the environment say."""
    home, state = env.get("HOME"), env.get("STATE_DIRECTORY")
    first = state.split(":")[0] if state else ""  # systemd lists several, separated by colons
    return ConfigEnvironment(path.absolute(), Path(home) if home else None, Path(first).resolve() if first else None)


def find(explicit: Path | None, env: Mapping[str, str]) -> Path:
    """The file to load: the one that was named, else the first that exists (DESIGN §5.2)."""
    if explicit is not None:
        return explicit
    if named := env.get("FEEDS_CONFIG"):
        return Path(named)
    candidates = list(_candidates(env))
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    looked = ", ".join(map(str, candidates))
    raise ConfigError([f"no configuration found in {looked}, expected one there or after --config: try `feeds init`"])


def _candidates(env: Mapping[str, str]) -> Iterator[Path]:
    yield Path("config/feeds.yaml")
    if home := env.get("HOME"):
        yield Path(home, ".config/feeds/feeds.yaml")
    yield Path("/etc/feeds/feeds.yaml")


def local(text: str, around: ConfigEnvironment) -> tuple[Path, str]:
    """The folder a path or glob certainly lies in, and the rest: what is read can then be held to that folder (S14)."""
    fixed, wild = split_glob(text)
    if not wild:
        head, _, tail = fixed.rpartition("/")
        fixed, wild = head or ("/" if text.startswith("/") else "."), tail
    return around.locate(fixed), wild


def split_glob(text: str) -> tuple[str, str]:
    """`a/b/*.md` → (`a/b`, `*.md`); the second is empty when nothing is wild."""
    parts = text.split("/")
    first = next((index for index, part in enumerate(parts) if re.search(r"[*?\[]", part)), len(parts))
    fixed = "/".join(parts[:first]) or ("/" if text.startswith("/") else ".")
    return fixed, "/".join(parts[first:])
