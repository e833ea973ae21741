"""The one door to the outside: visits in, fetched bytes out, over HTTP or from disk, behind the guard."""

from __future__ import annotations

from .client import Fetcher

__all__ = ["Fetcher"]
