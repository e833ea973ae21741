"""An RSS, Atom and JSON Feed publisher and aggregator.

`read(body, url, headers)` reads one document. `App(config_path)` is an installation: `turn()` pulls what is due and
publishes what changed, `articles()` returns what is stored, `status()` the state of every source and feed.
"""

from __future__ import annotations

from importlib import import_module

from .errors import (
    ConfigError,
    FailureKind,
    FeedsError,
    FetchError,
    LockedError,
    ParseError,
    PublishError,
    SourceError,
    StoreError,
)

__version__ = "0.1.0"

# Imported on first use, so that `feeds --help` does not pay for the parsers and the database. Type checkers read the
# same names in `__init__.pyi`.
_LAZY_NAMES = {
    "feeds.pipeline": ("ReadAs", "read"),
    "feeds.app": ("App", "Turn", "TurnEnd", "TurnOptions"),
    "feeds.app.turn": ("NetworkClient",),
    "feeds.model": (
        "Article",
        "Attachment",
        "Author",
        "Category",
        "Comments",
        "FeedStatus",
        "Failure",
        "InstallationStatus",
        "Media",
        "Move",
        "Origin",
        "Podcast",
        "OrphanedSource",
        "PublishingStatus",
        "Site",
        "SourceStatus",
        "StoryFile",
        "StoryPage",
        "Theme",
        "Twin",
        "WaitingJobs",
        "WorkerStatus",
    ),
}
_LAZY = {name: module for module, names in _LAZY_NAMES.items() for name in names}

__all__ = [
    "App",
    "Turn",
    "TurnEnd",
    "TurnOptions",
    "read",
    "ReadAs",
    # what articles() returns
    "Article",
    "Attachment",
    "Author",
    "Category",
    "Comments",
    "Media",
    "Origin",
    "Podcast",
    "StoryFile",
    "StoryPage",
    "Twin",
    "WaitingJobs",
    "WorkerStatus",
    # what status() returns
    "InstallationStatus",
    "SourceStatus",
    "FeedStatus",
    "PublishingStatus",
    "OrphanedSource",
    "Failure",
    "FailureKind",
    "Move",
    # what raises
    "FeedsError",
    "ConfigError",
    "SourceError",
    "FetchError",
    "ParseError",
    "StoreError",
    "LockedError",
    "PublishError",
    # for a network of one's own
    "NetworkClient",
    "Site",
    "Theme",
    "__version__",
]


def __getattr__(name: str) -> object:
    """Import a heavy public name on first use (PEP 562)."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return __all__
