"""The page of the manual with the recipes: whole configurations for usual installations."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import as_file, files
from itertools import takewhile
from pathlib import Path

from .manual import Heading, Listing, ManualBlock, ManualPage, Paragraph, paragraphs

INTRODUCTION = """
Each is a whole configuration that `feeds check` accepts. Copy one, put your own addresses into it, and start with
`feeds run` or `feeds daemon`.
"""


def make_recipe_page() -> ManualPage:
    """Return the page, made of the files of the folder."""
    with as_file(files("feeds")) as package:
        in_wheel = package / "sample" / "recipes"
        folder = in_wheel if in_wheel.is_dir() else package.parent / "config" / "recipes"
        return ManualPage("feeds-recipes", 7, "whole configurations to begin with", tuple(_blocks(folder)))


def _blocks(folder: Path) -> Iterator[ManualBlock]:
    yield Heading("DESCRIPTION")
    yield from paragraphs(INTRODUCTION)
    for path in sorted(folder.glob("*.yaml")):
        lines = path.read_text(encoding="utf-8").splitlines()
        yield Heading(path.stem.upper())
        comment = [*takewhile(lambda line: line.startswith("#"), lines[1:])]  # the first line is for editors
        yield Paragraph(f"{path.name}: {_first_paragraph(comment)}")
        yield Listing("\n".join(lines[2:]))


def _first_paragraph(comment: list[str]) -> str:
    text = "\n".join(line.removeprefix("#").strip() for line in comment).strip()
    return text.partition("\n\n")[0]
