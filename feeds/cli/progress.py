"""Progress bars on stderr, where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from ..app import Turn
from ..app.operations import OperationProgress, turn_progress

ShowProgress = Callable[[OperationProgress], None]


@contextmanager
def show_progress() -> Iterator[ShowProgress]:
    """Show a progress bar with a total and the time left; yield the function that updates it.

    Without a terminal nothing is shown. What is logged or printed to stderr meanwhile stands above the bar.
    """
    if not sys.stderr.isatty():
        yield lambda progress: None
        return
    from rich.console import Console  # only terminals pay for it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def update(progress: OperationProgress) -> None:
            bar.update(task, description=progress.text, completed=progress.done, total=progress.total)

        yield update


class FirstRound:
    """A progress bar over the turns of a daemon, until all that was due at its start is visited."""

    def __init__(self) -> None:
        self._resources = ExitStack()
        self._show: ShowProgress | None = None
        self._visits = 0  # of the turns that have ended
        self._is_over = False

    def follow(self, turn: Turn) -> None:
        """Show a turn so far."""
        if self._is_over:
            return
        if self._show is None:
            self._show = self._resources.enter_context(show_progress())
        progress = turn_progress(turn)
        done, total = progress.done + self._visits, progress.total + self._visits
        self._show(OperationProgress(done, total, progress.text))

    def end_turn(self, turn: Turn) -> None:
        """Take a turn into account that has ended; what it left waits for its hosts."""
        self._visits += turn.visits
        if not turn.pending:
            self.close()

    def close(self) -> None:
        """End the bar, for good."""
        self._is_over = True
        self._resources.close()
