"""Watched files: the configuration, and the folders of our own stories."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from watchfiles import watch

from ..app import App
from ..model import Kind

log = logging.getLogger("feeds.daemon")

StoryFolders = Mapping[tuple[Path, int], Collection[str]]  # path and inode → ids of the sources in it

# Milliseconds without a change after which an edit is complete, and after how many it is taken in any case: of the
# configuration (F25), and of our own stories, which are only read once they stand still (F34).
CONFIG_QUIET, CONFIG_MAX_DELAY = 1_000, 10_000
STORY_QUIET, STORY_MAX_DELAY = 250, 500
FOLDER_CHECK = 5_000  # milliseconds between two looks whether other folders are to be watched
RETRY_SECONDS = 30.0  # after which what could not be watched is tried again


def watch_config(path: Path, stop: threading.Event, on_change: Callable[[], None]) -> None:
    """Call `on_change` when the configuration changes, and when it may have changed before it was watched."""
    paths = {path, path.resolve()}
    folders, names = {path.parent for path in paths}, {path.name for path in paths}

    def watch_folders() -> None:  # not the file, as editors replace files and links change
        batches = _changed_paths(folders, stop, CONFIG_QUIET, CONFIG_MAX_DELAY, is_deep=False)
        next(batches)
        on_change()
        for changed in batches:
            if any(path.name in names for path in changed):
                on_change()

    _watch_until(stop, watch_folders, f"the configuration {path}; SIGHUP and `feeds reload` work")


def watch_stories(app: App, wake: Callable[[Collection[str]], None], stop: threading.Event) -> None:
    """Wake a source of files as soon as something in its folder changes; the schedule finds what this misses."""
    _watch_until(
        stop, lambda: _wake_on_changes(app, wake, stop), "the folders of our own stories; they are read when due"
    )


def _watch_until(stop: threading.Event, watch_folders: Callable[[], None], what: str) -> None:
    """Watch again each time it ends, after a pause where the system refuses."""
    while not stop.is_set():
        try:
            watch_folders()
        except (OSError, RuntimeError) as error:  # RuntimeError: watchfiles met a limit of the system
            log.warning("cannot watch %s: %s", what, error)
            stop.wait(RETRY_SECONDS)


def _wake_on_changes(app: App, wake: Callable[[Collection[str]], None], stop: threading.Event) -> None:
    """Wake the sources whose folder changes; return when other folders are to be watched."""
    folders = story_folders(app)
    if not folders:
        stop.wait(FOLDER_CHECK / 1000)
        return
    paths = [path for path, _ in folders]
    for changed in _changed_paths(paths, stop, STORY_QUIET, STORY_MAX_DELAY):
        for (folder, _), source_ids in folders.items():
            if any(path.is_relative_to(folder) for path in changed):
                wake(source_ids)
        if story_folders(app) != folders:
            return


def _changed_paths(
    folders: Collection[Path], stop: threading.Event, quiet: int, max_delay: int, *, is_deep: bool = True
) -> Iterator[Collection[Path]]:
    """Yield the paths that change; at first all folders, as they may have changed before they were watched."""
    batches = watch(
        *folders,
        stop_event=stop,
        raise_interrupt=False,
        step=quiet,
        debounce=max_delay,
        rust_timeout=FOLDER_CHECK,
        yield_on_timeout=True,
        recursive=is_deep,
        ignore_permission_denied=is_deep,  # of a folder inside; those that are named must be readable
    )
    next(batches, None)
    yield folders
    for changes in batches:
        yield [Path(name) for _, name in changes]


def story_folders(app: App) -> StoryFolders:
    """Return the folders of our own stories; the inode tells a new folder of the same name."""
    folders: dict[tuple[Path, int], set[str]] = {}
    for source in app.config.sources.values():
        if source.kind is Kind.FILES and source.enabled and source.root is not None:
            with suppress(OSError):
                path = source.root.resolve(strict=True)
                folders.setdefault((path, path.stat().st_ino), set()).add(source.id)
    return folders
