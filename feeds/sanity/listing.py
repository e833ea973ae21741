"""Whether a listing is believable, how its stories are told apart, and which of them are taken (F21, F22, F31, F32)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from urllib.parse import urljoin

from ..model import Parsed, SeenItems, Story

MOSTLY = 0.8  # of a listing (F21)
SHRUNKEN = 0.1  # of the last listing (F31)
TELLING = 10  # stories a listing must have had for its shrinking to mean anything
FLOOD = 50  # new stories at once (F32)
TOO_MANY = 500  # nodes that no list of headlines has (F32)


class Verdict(StrEnum):
    """`normal`; `suspicious`: take the stories, warn, and ask for it whole next time; `quarantine`: take nothing."""

    NORMAL = "normal"
    SUSPICIOUS = "suspicious"
    QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What to make of a listing.

    `identity` is how its stories are told apart from now on, `ids` the upstream id of each story under it, `keep` the
    stories to take, in document order, and `sentence` what the operator should know.
    """

    verdict: Verdict
    identity: str
    ids: tuple[str, ...]
    keep: tuple[int, ...]
    sentence: str | None = None


@dataclass(frozen=True, slots=True)
class _Listing:
    count: int
    new: int
    before: int  # size of the last one, 0 when there is nothing to compare with
    page: bool
    compared: bool
    switched: bool


Rule = tuple[Callable[[_Listing], bool], Verdict, str]

RULES: tuple[Rule, ...] = (
    (
        lambda seen: seen.page and not seen.count,
        Verdict.QUARANTINE,
        "No story was found on the page; if its layout has changed, set `stories:` to what selects them now.",
    ),
    (
        lambda seen: seen.page and seen.count >= TOO_MANY,
        Verdict.QUARANTINE,
        "{count} stories were found on the page, which is more than a list has; make `stories:` more exact.",
    ),
    (
        lambda seen: seen.page and seen.compared and seen.new == seen.count > FLOOD,
        Verdict.QUARANTINE,
        "All {count} stories on the page are new, so nothing was taken; if that is right, run this source by name.",
    ),
    (
        lambda seen: seen.compared and not seen.count and seen.before > 0,
        Verdict.SUSPICIOUS,
        "It lists no story where there were {before}; the articles that came before are kept.",
    ),
    (
        lambda seen: seen.before >= TELLING and seen.count <= seen.before * SHRUNKEN,
        Verdict.SUSPICIOUS,
        "It lists {count} where there were {before} stories; the articles that came before are kept.",
    ),
    (
        lambda seen: seen.switched,
        Verdict.NORMAL,  # the listing is as good as its links are
        "The ids of its stories cannot be relied on; from now on their links tell them apart.",
    ),
    (
        lambda seen: seen.before > 0 and seen.new == seen.count > FLOOD,
        Verdict.SUSPICIOUS,
        "All {count} stories are new at once; see whether the address now leads to something else.",
    ),
)


def judge(
    parsed: Parsed,
    ids: Sequence[str],
    known: SeenItems,
    *,
    first: bool,
    page: bool = False,
    link_of: Callable[[Story], str | None] | None = None,
) -> Judgement:
    """Judge one listing. `ids` are the stories' upstream ids under `known.identity`.

    `first` says that there is nothing to compare with: a first visit, a push, or one that the operator released. `page`
    marks a listing found in a web page, and `link_of` gives a story's link as `known.links` spells it.
    """
    identity, ids = _identity(parsed, ids, known, link_of or (lambda story: _link(story, parsed.base)))
    keep = _without_doubles(parsed.stories, ids)
    seen = _Listing(
        count=len(keep),
        new=sum(ids[index] not in known for index in keep),
        before=0 if first else known.listing_size or 0,
        page=page,
        compared=not first,
        switched=identity != known.identity,
    )
    for applies, verdict, sentence in RULES:
        if applies(seen):
            return Judgement(verdict, identity, ids, keep, sentence.format(count=seen.count, before=seen.before))
    return Judgement(Verdict.NORMAL, identity, ids, keep)


# ── identity ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _identity(
    parsed: Parsed, ids: Sequence[str], known: SeenItems, link_of: Callable[[Story], str | None]
) -> tuple[str, tuple[str, ...]]:
    """How the stories are told apart, and their ids so. Links are looked at only when the ids look wrong."""
    if known.identity == "link":  # for good: going back would make every article new once more
        return "link", tuple(known.links.get(link, link) for link in ids)
    doubtful = _repeated(ids) or _strange(ids, known)
    if not doubtful:
        return known.identity, tuple(ids)
    links = [link_of(story) or own for story, own in zip(parsed.stories, ids, strict=True)]
    if len(set(links)) <= len(ids) * MOSTLY or not (_repeated(ids) or _seen_before(links, known)):
        return known.identity, tuple(ids)
    return "link", tuple(known.links.get(link, link) for link in links)


def _repeated(ids: Sequence[str]) -> bool:
    """Whether the ids tell the stories of this document apart at most by halves (F22)."""
    return len(ids) > 1 and len(set(ids)) * 2 <= len(ids)


def _strange(ids: Sequence[str], known: SeenItems) -> bool:
    """Whether hardly any id was seen before, though others were (F21)."""
    return bool(known) and len(ids) > 1 and sum(own not in known for own in ids) > len(ids) * MOSTLY


def _seen_before(links: Sequence[str], known: SeenItems) -> bool:
    """Whether half of the links are known, so that the stories are old and only their ids are new."""
    return sum(link in known.links for link in links) * 2 >= len(links)


def _link(story: Story, base: str | None) -> str | None:
    for link in story.links:
        if link.rel == "alternate" and link.href:
            return urljoin(link.base or base or "", link.href.strip())
    return story.id if story.id_is_permalink else None


# ── doubles ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _without_doubles(stories: Sequence[Story], ids: Sequence[str]) -> tuple[int, ...]:
    """The stories to take: of those with the same id the one updated last, of equals the first (F22)."""
    if len(set(ids)) == len(ids):
        return tuple(range(len(ids)))
    best: dict[str, int] = {}
    for index, own in enumerate(ids):
        other = best.setdefault(own, index)
        if other != index and _when(stories[index]) > _when(stories[other]):
            best[own] = index
    return tuple(sorted(best.values()))


def _when(story: Story) -> datetime:
    return _date(story.updated) or _date(story.published) or datetime.min.replace(tzinfo=UTC)


def _date(text: str | None) -> datetime | None:
    """The two usual spellings of a date are enough to choose between two versions of one story."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read((text or "").strip())
        except (ValueError, IndexError, OverflowError):
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None
