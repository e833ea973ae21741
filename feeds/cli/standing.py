"""How a source stands, in one sentence: a table from condition to sentence, first match wins, and what is added."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..model import Failure, Source, SourceState
from .words import ago, count, line, span

QUIET = timedelta(days=90)  # after which it is worth saying that nothing new has come

GONE = 410  # the status with which a server says that something is gone for good (E11)
WITHHELD = "quarantine"  # the kind of failure that takes nothing from a listing until the operator says so (F32)


@dataclass(frozen=True, slots=True)
class Standing:
    """A source as declared, what is remembered of it, and when that is said."""

    source: Source
    state: SourceState | None
    now: datetime

    @property
    def known(self) -> SourceState:
        """What is remembered, for conditions that stand behind `not visited yet`."""
        assert self.state is not None
        return self.state

    @property
    def failure(self) -> Failure | None:
        """What went wrong the last time, if anything did."""
        return self.state.failure if self.state else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was strange about the last listing."""
        return self.state.warnings if self.state else ()

    @property
    def failing_for(self) -> str:
        """`3 h`, `now`."""
        return span(self.now - (self.known.failing_since or self.now))

    @property
    def newest_for(self) -> timedelta:
        """How old the newest article is; nothing when there is none."""
        return self.now - self.known.newest if self.known.newest else timedelta(0)


@dataclass(frozen=True, slots=True)
class Condition:
    """One way to stand: `name` is for programs, `says` for people, `colour` for their eyes."""

    name: str
    holds: Callable[[Standing], object]
    says: Callable[[Standing], str]
    colour: str


def _sentence(standing: Standing) -> str:
    failure = standing.failure
    return line(failure.sentence).rstrip(".") if failure else ""


def _since(standing: Standing) -> str:
    """`for 3 h`, or for the first time."""
    tries = standing.known.failures
    return f"for {standing.failing_for}, {count(tries, 'visit')}" if tries > 1 else "at its last visit"


def _held(standing: Standing) -> str:
    known = standing.known
    newest = f", newest {ago(known.newest, standing.now)}" if known.newest else ""
    return f"{count(known.articles, 'article')}{newest}"


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        "disabled",
        lambda standing: not standing.source.enabled,
        lambda standing: "disabled by `enabled: false`; its articles stay",
        "bright_black",
    ),
    Condition(
        "unvisited",
        lambda standing: standing.state is None or (standing.state.last_at is None and not _planned(standing)),
        lambda standing: "not visited yet",
        "bright_black",
    ),
    Condition(
        "interrupted",
        lambda standing: standing.known.last_at is None,
        lambda standing: "its first visit is under way or was interrupted; nothing is lost",
        "yellow",
    ),
    Condition(
        "quarantined",
        lambda standing: standing.failure and standing.failure.kind == WITHHELD,
        lambda standing: (
            f"quarantined {_since(standing)}: {_sentence(standing)};"
            f" `feeds run {standing.source.id}` takes it as it is; {_held(standing)}"
        ),
        "yellow",
    ),
    Condition(
        "gone",
        lambda standing: standing.failure and standing.failure.status == GONE,
        lambda standing: f"gone {_since(standing)}: {_sentence(standing)}; {_held(standing)}",
        "red",
    ),
    Condition(
        "never_worked",
        lambda standing: standing.failure and standing.known.worked_at is None,
        lambda standing: f"has never worked, failing {_since(standing)}: {_sentence(standing)}",
        "red",
    ),
    Condition(
        "failing",
        lambda standing: standing.failure,
        lambda standing: (
            f"failing {_since(standing)}, worked {ago(standing.known.worked_at, standing.now)}: {_sentence(standing)}"
        ),
        "red",
    ),
    Condition(
        "empty",
        lambda standing: not standing.known.articles and not standing.known.pending,
        lambda standing: "works, but has no articles",
        "yellow",
    ),
    Condition(
        "suspicious",
        lambda standing: standing.warnings,
        lambda standing: f"{_held(standing)}; {' '.join(map(line, standing.warnings)).rstrip('.')}",
        "yellow",
    ),
    Condition(
        "quiet",
        lambda standing: standing.newest_for >= QUIET,
        lambda standing: f"works, but nothing new for {span(standing.newest_for)}; {_held(standing)}",
        "yellow",
    ),
    Condition("fine", lambda standing: True, _held, "green"),
)


def _planned(standing: Standing) -> bool:
    """Whether a visit was claimed: only that moves the due time of a source that was never visited (E12)."""
    return standing.known.due_at > standing.now


# ── what is said besides ────────────────────────────────────────────────────────────────────────────────────────────


def _pending(standing: Standing) -> str:
    pending = standing.state.pending if standing.state else 0
    return f"{count(pending, 'story page')} still to be visited" if pending else ""


def _moving(standing: Standing) -> str:
    """E10: followed at once, believed after days, never written into the YAML."""
    move = standing.state.move if standing.state else None
    if move is None:
        return ""
    seen = f"{count(move.visits, 'visit')} since {ago(move.since, standing.now)}"
    return f"redirects permanently{_to(standing, move.target)} ({seen}): if that stays so, change its address"


def _moved(standing: Standing) -> str:
    state = standing.state
    if state is None or not state.url or state.url == standing.source.address or standing.source.root:
        return ""
    return f"has moved for good: in the YAML, put{_to(standing, state.url) or ' its new address'} in place of the old"


def _to(standing: Standing, address: str) -> str:
    """The address of a private source appears nowhere."""
    return "" if standing.source.private else f" {line(address)}"


def _next(standing: Standing) -> str:
    if not standing.source.enabled:
        return ""
    state, now = standing.state, standing.now
    if state is None or state.due_at <= now:
        return "due now"
    return f"next visit {ago(state.due_at, now)}"


BESIDES: tuple[Callable[[Standing], str], ...] = (_pending, _moving, _moved, _next)


def condition(standing: Standing) -> Condition:
    """The one condition that holds."""
    return next(one for one in CONDITIONS if one.holds(standing))


def sentence(standing: Standing) -> str:
    """How the source stands, in one sentence."""
    besides = (say(standing) for say in BESIDES)
    return "; ".join([condition(standing).says(standing), *filter(None, besides)])
