"""Plugin packages, put into a folder of the import path as an installer would leave them."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path

SAMPLE = Path(__file__).parent / "data" / "plugin"


def install(folder: Path, name: str, code: str, entry_points: Mapping[str, Mapping[str, str]]) -> None:
    """Install a package of one module; `entry_points`: group → name → object."""
    (folder / f"{name}.py").write_text(code, encoding="utf-8")
    _write_metadata(folder, name, "1.0", entry_points)


def install_sample(folder: Path) -> None:
    """Install the sample plugin as its pyproject.toml declares it."""
    project = tomllib.loads((SAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    package = project["name"].replace("-", "_")
    shutil.copytree(SAMPLE / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    _write_metadata(folder, project["name"], project["version"], project["entry-points"])


def _write_metadata(folder: Path, name: str, version: str, entry_points: Mapping[str, Mapping[str, str]]) -> None:
    metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    lines = [
        line
        for group, entries in entry_points.items()
        for line in (f"[{group}]", *(f"{key} = {value}" for key, value in entries.items()))
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
