"""Inbound HTTP: an ASGI application that serves the published files as a static server would, and its server.

`create_app` makes the application, `run` serves it until told to stop.
"""

from __future__ import annotations

from starlette.types import ASGIApp

from .app import create_app
from .live import LiveStreams
from .server import ReplaceableApp, run

__all__ = ["ASGIApp", "LiveStreams", "ReplaceableApp", "create_app", "run"]
