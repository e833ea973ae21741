"""Inbound HTTP: the published files as any static server would give them, and the server that listens.

`create_app` makes a plain ASGI application, `run` serves one until it is told to stop.
"""

from __future__ import annotations

from starlette.types import ASGIApp

from .app import create_app
from .server import run

__all__ = ["ASGIApp", "create_app", "run"]
