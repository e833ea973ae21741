"""The only room that opens outbound sockets: fetches visits over HTTP or from disk."""

from __future__ import annotations

from .client import Fetcher

__all__ = ["Fetcher"]
