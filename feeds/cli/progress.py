"""A line on the terminal that says how far a turn has come. In a pipe, a file or a cron job there is none."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..app import Turn
from .words import count


@contextmanager
def shown() -> Iterator[Callable[[Turn], None]]:
    """Give what is to be told of the turn as it goes on; it is shown while inside."""
    if not sys.stderr.isatty():
        yield lambda turn: None
        return
    from rich.console import Console  # only terminals pay for it

    with Console(stderr=True).status("pulling what is due") as status:
        yield lambda turn: status.update(_words(turn))


def _words(turn: Turn) -> str:
    return f"{count(turn.visits, 'visit')}, {count(turn.articles, 'article')} new or changed, {turn.failures} failed"
