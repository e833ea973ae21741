"""Inbound HTTP: an ASGI application that serves the published files as a static server would, and its server.

`create_app` makes the application, `run` serves it until told to stop.
"""

from __future__ import annotations

from starlette.types import ASGIApp

from .app import NO_SERVICES, Endpoint, Services, create_app
from .live import LiveStreams
from .push import PushRoutes, SubscribeForm
from .redirects import PublishedElsewhere
from .server import ReplaceableApp, ServerAddress, run
from .traffic import Traffic

__all__ = [
    "NO_SERVICES",
    "ASGIApp",
    "Endpoint",
    "LiveStreams",
    "PublishedElsewhere",
    "PushRoutes",
    "ReplaceableApp",
    "ServerAddress",
    "Services",
    "SubscribeForm",
    "Traffic",
    "create_app",
    "run",
]
