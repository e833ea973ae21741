"""An RSS, Atom and JSON Feed publisher and aggregator.

`read(body, url, headers)` reads one document; `App(config_path).turn()` pulls what is due and publishes what changed.
"""

from __future__ import annotations

from importlib import import_module

from .errors import ConfigError, FeedsError, FetchError, LockedError, ParseError, PublishError, SourceError, StoreError

__version__ = "0.1.0"

__all__ = [
    "App",
    "Turn",
    "TurnOptions",
    "read",
    "FeedsError",
    "ConfigError",
    "SourceError",
    "FetchError",
    "ParseError",
    "StoreError",
    "LockedError",
    "PublishError",
    "__version__",
]

# Imported on first use, so that `feeds --help` does not pay for the parsers and the database.
_LAZY = {"App": "feeds.app", "Turn": "feeds.app", "TurnOptions": "feeds.app", "read": "feeds.pipeline"}


def __getattr__(name: str) -> object:
    """Import a heavy public name on first use (PEP 562)."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
