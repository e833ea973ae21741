"""The only room that opens outbound sockets: fetches visits over HTTP or from disk, and sends what others ask for."""

from __future__ import annotations

from .client import Fetcher
from .outbound import OutboundClient

__all__ = ["Fetcher", "OutboundClient"]
