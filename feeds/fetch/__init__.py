"""The only room that opens outbound sockets: fetches visits over HTTP, from disk or from a program, and sends."""

from __future__ import annotations

from .client import Fetcher
from .outbound import OutboundClient

__all__ = ["Fetcher", "OutboundClient"]
