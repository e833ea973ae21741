"""Is a listing believable? How its stories are identified, and which are taken (F21, F22, F31, F32)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from urllib.parse import urljoin

from ..model import HeldStory, Parsed, SeenItems, Story
from ..revision import page_key

# What identifies the stories of a source whose ids are not reliable → in words.
IDENTITIES = {"link": "their links", "page": "their links without a query", "title": "their titles and dates"}
MOST_SHARE = 0.8  # of a listing (F21)
SHRUNKEN_SHARE = 0.1  # of the last listing (F31)
MIN_COMPARED_STORIES = 10  # stories a listing must have had for its shrinking to mean anything
MAX_NEW_STORIES = 50  # new stories at once (F32)
MAX_LISTED_LINKS = 500  # nodes that no list of headlines has (F32)


class Verdict(StrEnum):
    """`normal`; `suspicious`: take the stories, warn, and fetch it whole next time; `quarantine`: take nothing."""

    NORMAL = "normal"
    SUSPICIOUS = "suspicious"
    QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The decision on a listing.

    `identity` says what identifies its stories from now on, `ids` holds the upstream id of each story under it, `keep`
    the indexes of the stories to take, in document order, and `sentence` what the operator should know. `renamed_ids`
    are the held ids of stories that came under new ones, with these.
    """

    verdict: Verdict
    identity: str
    ids: tuple[str, ...]
    keep: tuple[int, ...]
    sentence: str | None = None
    renamed_ids: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Listing:
    count: int
    new: int
    renamed: int  # that are held under another id
    previous_count: int  # of the last listing; 0 when there is nothing to compare with
    is_page: bool
    compared: bool
    switches_identity: bool


Rule = tuple[Callable[[_Listing], bool], Verdict, str]

RULES: tuple[Rule, ...] = (
    (
        lambda listing: listing.is_page and not listing.count,
        Verdict.QUARANTINE,
        "No story was found on the page: set `stories:` to what selects their links, or give the address of a feed.",
    ),
    (
        lambda listing: listing.is_page and listing.count >= MAX_LISTED_LINKS,
        Verdict.QUARANTINE,
        "{count} stories were found on the page, which is more than a list has; make `stories:` more exact.",
    ),
    (
        lambda listing: listing.is_page and listing.compared and listing.new == listing.count > MAX_NEW_STORIES,
        Verdict.QUARANTINE,
        "All {count} stories on the page are new, so nothing was taken; if that is right, run this source by name.",
    ),
    (
        lambda listing: listing.compared and not listing.count and listing.previous_count > 0,
        Verdict.SUSPICIOUS,
        "It lists no story where there were {previous_count}; the articles that came before are kept.",
    ),
    (
        lambda listing: (
            listing.previous_count >= MIN_COMPARED_STORIES and listing.count <= listing.previous_count * SHRUNKEN_SHARE
        ),
        Verdict.SUSPICIOUS,
        "It lists {count} where there were {previous_count} stories; the articles that came before are kept.",
    ),
    (
        lambda listing: listing.switches_identity,
        Verdict.NORMAL,  # the listing is as good as its links are
        "The ids of its stories are not reliable; from now on {identified_by} identify them.",
    ),
    (
        lambda listing: listing.renamed > 0,
        Verdict.NORMAL,
        "Of its stories {renamed} came under new ids; title, date and link tell that they are those from before.",
    ),
    (
        lambda listing: listing.previous_count > 0 and listing.new == listing.count > MAX_NEW_STORIES,
        Verdict.SUSPICIOUS,
        "All {count} stories are new at once; see whether the address now leads to something else.",
    ),
)


def judge(
    parsed: Parsed,
    ids: Sequence[str],
    seen_items: SeenItems,
    *,
    first: bool,
    is_page: bool = False,
    keys: StoryKeys | None = None,
) -> Judgement:
    """Decide whether to accept a listing. `ids` are the stories' upstream ids under `seen_items.identity`.

    `first` says that there is nothing to compare with: a first visit, or one that the operator accepts as it is.
    `is_page` marks a listing found in a web page; `keys` spells links and titles as `seen_items` does.
    """
    keys = keys or StoryKeys(lambda story: _link(story, parsed.base))
    identity, listed_ids = _identify(parsed, ids, seen_items, keys)
    ids = _find_held_ids(parsed.stories, listed_ids, seen_items, keys)
    renamed_ids = {held: listed for held, listed in zip(ids, listed_ids, strict=True) if held != listed}
    keep = _without_duplicates(parsed.stories, ids)
    listing = _Listing(
        count=len(keep),
        new=sum(ids[index] not in seen_items for index in keep),
        renamed=len(renamed_ids),
        previous_count=0 if first else seen_items.listing_size or 0,
        is_page=is_page,
        compared=not first,
        switches_identity=identity != seen_items.identity,
    )
    for applies, verdict, sentence in RULES:
        if applies(listing):
            sentence = sentence.format(
                count=listing.count,
                renamed=listing.renamed,
                previous_count=listing.previous_count,
                identified_by=IDENTITIES.get(identity, ""),
            )
            return Judgement(verdict, identity, ids, keep, sentence, renamed_ids)
    return Judgement(Verdict.NORMAL, identity, ids, keep)


# ── identity ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class StoryKeys:
    """What stories can be told apart by besides their ids: a link, title and date, or all that a reader sees."""

    link_of: Callable[[Story], str | None]
    title_of: Callable[[Story], str | None] = lambda story: None
    moment_of: Callable[[Story], datetime | None] = lambda story: None
    digest_of: Callable[[Story], str | None] = lambda story: None
    is_distinctive: Callable[[str], bool] = lambda title: False  # whether a title is hardly that of a series


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to tell the stories of a source apart; `held` are the keys of those that are stored, with their ids."""

    name: str
    key_of: Callable[[Story], str | None]
    held: Callable[[], Mapping[str, str]]
    is_link: bool = True  # so a new story has its link as its id
    least_share: float = 0.5  # of the stories with new ids whose keys must be held, so that only their ids are new


def _identify(
    parsed: Parsed,
    ids: Sequence[str],
    seen_items: SeenItems,
    story_keys: StoryKeys,
) -> tuple[str, tuple[str, ...]]:
    """Return what identifies the stories, and their ids under it; the next way is tried only if the ids look wrong.

    A source never goes back to an earlier way: it would make every article new once more.
    """
    link_of = story_keys.link_of
    ways = (
        # After an outage most stories are new; few that have a link of old ones are proof enough.
        _Way("link", _on(link_of, _shorten), lambda: _rekey(seen_items.links, _shorten), least_share=0.1),
        _Way("page", _on(link_of, _strip_query), lambda: _rekey(seen_items.links, _strip_query)),
        _Way("title", story_keys.title_of, lambda: seen_items.titles, is_link=False),
    )
    names = [way.name for way in ways]
    first = names.index(seen_items.identity) if seen_items.identity in names else -1
    current = tuple(ids) if first < 0 else _ids_under(ways[first], parsed.stories, ids, link_of)
    if not (_are_repeated(current) or _are_mostly_unseen(current, seen_items)):
        return seen_items.identity, current
    for way in ways[first + 1 :]:
        keys = list(map(way.key_of, parsed.stories))
        titles = map(story_keys.title_of, parsed.stories)
        if len(set(filter(None, keys))) > len(ids) * MOST_SHARE and (
            (way.name == "link" and _are_repeated(ids))
            or _share_of_held(keys, current, seen_items, way.held()) >= way.least_share
            or _holds_one_whole(keys, titles, current, seen_items, way.held())
        ):
            return way.name, _ids_under(way, parsed.stories, ids, link_of)
    return seen_items.identity, current


def _ids_under(
    way: _Way, stories: Sequence[Story], ids: Sequence[str], link_of: Callable[[Story], str | None]
) -> tuple[str, ...]:
    """Return the ids that the stories have here, and for new ones those that they get."""
    held = way.held()
    own_ids = ((way.is_link and link_of(story)) or own for story, own in zip(stories, ids, strict=True))
    keys = (way.key_of(story) for story in stories)
    return tuple(held.get(key or own, own) for key, own in zip(keys, own_ids, strict=True))


def _find_held_ids(
    stories: Sequence[Story], ids: Sequence[str], seen_items: SeenItems, keys: StoryKeys
) -> tuple[str, ...]:
    """Return the ids with that of the held story in the place of an unseen one, where the two are certainly one story.

    A held story that is listed under its own id, too, is another one.
    """
    unseen = [index for index, own in enumerate(ids) if own not in seen_items] if seen_items else []
    held_ids, taken = list(ids), set(ids)
    for find in (_find_equal, _find_similar, _find_undated):
        pairs = [(index, held) for index, held in find(stories, unseen, seen_items, keys) if held not in taken]
        counts = Counter(value for pair in set(pairs) for value in pair)
        for index, held in pairs:
            if counts[index] == counts[held] == 1:
                held_ids[index] = held
                taken.add(held)
        unseen = [index for index in unseen if held_ids[index] == ids[index]]
    return tuple(held_ids)


def _find_equal(
    stories: Sequence[Story], unseen: Iterable[int], seen_items: SeenItems, keys: StoryKeys
) -> Iterator[tuple[int, str]]:
    """Yield (index, held id) of the stories that differ in nothing that a reader sees.

    Without a date and without a text, another story may have the same title and link.
    """
    dated = (index for index in unseen if any(map(bool, _dates_and_texts(stories[index]))))
    digests = {digest: index for index in dated if (digest := keys.digest_of(stories[index]))}
    if digests:
        yield from ((digests[digest], held) for held, digest in seen_items.digests.items() if digest in digests)


def _dates_and_texts(story: Story) -> tuple[object, ...]:
    return story.published, story.updated, story.content, story.summary


def _find_similar(
    stories: Sequence[Story], unseen: Iterable[int], seen_items: SeenItems, keys: StoryKeys
) -> Iterator[tuple[int, str]]:
    """Yield (index, held id) of the stories with one title that were published at one moment.

    Where the moment may be a date alone, or an hour that a clock was set to, their links must be the same, too.
    """
    moments = {index: moment for index in unseen if (moment := keys.moment_of(stories[index]))}
    held_stories = seen_items.find_stories(set(moments.values())) if moments else ()
    titles: dict[tuple[datetime, str], list[HeldStory]] = {}
    for held in held_stories:
        titles.setdefault((held.published, held.title), []).append(held)
    for index, moment in moments.items():
        title = (keys.title_of(stories[index]) or "").rpartition(_WITHOUT_DATE)[0]
        is_exact = moment.second or moment.minute % 15
        for held in titles.get((moment, title), ()) if title else ():
            if is_exact or _is_same_page(keys.link_of(stories[index]), held.link_key):
                yield index, held.upstream_id


def _find_undated(
    stories: Sequence[Story], unseen: Iterable[int], seen_items: SeenItems, keys: StoryKeys
) -> Iterator[tuple[int, str]]:
    """Yield (index, held id) of the stories without a date whose distinctive title and link are those of a held one."""
    titles = {index: keys.title_of(stories[index]) or "" for index in unseen if not keys.moment_of(stories[index])}
    distinctive = {index: title for index, title in titles.items() if keys.is_distinctive(title)}
    links = {held: link for link, held in seen_items.links.items()} if distinctive else {}
    for index, title in distinctive.items():
        held = seen_items.titles.get(title)
        if held in links and _is_same_page(keys.link_of(stories[index]), links[held]):
            yield index, held


def _is_same_page(link: str | None, other: str) -> bool:
    return link is not None and "://" in link and page_key(link) == page_key(other)


_SCHEME_AND_WWW = re.compile(r"https?://(?:www\.)?", re.IGNORECASE)
_WITHOUT_DATE = "\x1f"  # the end of the key of a title without a date
_SESSION = re.compile(r";jsessionid=[^?#]*|[?#].*", re.IGNORECASE | re.DOTALL)


def _shorten(link: str) -> str:
    """Return what stays of a link when its site moves to `https` or to `www.`, or drops the last slash."""
    return _SCHEME_AND_WWW.sub("", link, count=1).rstrip("/")


def _strip_query(link: str) -> str:
    return _shorten(_SESSION.sub("", link))


def _on(link_of: Callable[[Story], str | None], spell: Callable[[str], str]) -> Callable[[Story], str | None]:
    """Return the spelled link of a story; None for one that has another id where no link is."""
    return lambda story: spell(link) if (link := link_of(story)) and "://" in link else None


def _rekey(links: Mapping[str, str], spell: Callable[[str], str]) -> Mapping[str, str]:
    return {spell(link): id for link, id in links.items()}


def _are_repeated(ids: Sequence[str]) -> bool:
    """Return whether at most half of the ids differ (F22)."""
    return len(ids) > 1 and len(set(ids)) * 2 <= len(ids)


def _are_mostly_unseen(ids: Sequence[str], seen_items: SeenItems) -> bool:
    """Return whether hardly any id was seen before, though the source was (F21)."""
    return bool(seen_items) and len(ids) > 1 and sum(own not in seen_items for own in ids) > len(ids) * MOST_SHARE


def _share_of_held(
    keys: Sequence[str | None], ids: Sequence[str], seen_items: SeenItems, held: Mapping[str, str]
) -> float:
    """Return the share of the stories with unseen ids that are held under another id."""
    unseen = [key for key, own in zip(keys, ids, strict=True) if own not in seen_items]
    return sum(key in held for key in unseen) / len(unseen) if unseen else 0.0


def _holds_one_whole(
    keys: Iterable[str | None],
    titles: Iterable[str | None],
    ids: Iterable[str],
    seen_items: SeenItems,
    held: Mapping[str, str],
) -> bool:
    """Return whether a story with an unseen id is held with its title and its link or date, so that it is no new one.

    After a long outage it may be the only one that the source had before.
    """
    return any(
        own not in seen_items
        and key
        and title
        and not key.endswith(_WITHOUT_DATE)
        and key in held
        and held[key] == seen_items.titles.get(title)
        for key, title, own in zip(keys, titles, ids, strict=True)
    )


def _link(story: Story, base: str | None) -> str | None:
    for link in story.links:
        if link.rel == "alternate" and link.href:
            return urljoin(link.base or base or "", link.href.strip())
    return story.id if story.id_is_permalink else None


# ── duplicates ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _without_duplicates(stories: Sequence[Story], ids: Sequence[str]) -> tuple[int, ...]:
    """Return the stories to take: of those with one id the one updated last, of equals the first (F22)."""
    if len(set(ids)) == len(ids):
        return tuple(range(len(ids)))
    best: dict[str, int] = {}
    for index, own in enumerate(ids):
        other = best.setdefault(own, index)
        if other != index and _last_change(stories[index]) > _last_change(stories[other]):
            best[own] = index
    return tuple(sorted(best.values()))


def _last_change(story: Story) -> datetime:
    return _parse_date(story.updated) or _parse_date(story.published) or datetime.min.replace(tzinfo=UTC)


def _parse_date(text: str | None) -> datetime | None:
    """Return an ISO 8601 or RFC 2822 date, enough to choose between two versions of one story."""
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            date = parse((text or "").strip())
        except (ValueError, IndexError, OverflowError):
            continue
        return date if date.tzinfo else date.replace(tzinfo=UTC)
    return None
