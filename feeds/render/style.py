"""The stylesheet that makes a feed document readable for someone who opens it in a browser."""

from __future__ import annotations

from importlib.resources import files

from ..model import Document

PATH = "assets/feed.css"


def stylesheet() -> Document:
    """Give the stylesheet as it lies beside this module."""
    return Document(PATH, files(__package__).joinpath("feed.css").read_bytes(), "text/css")
