"""Which links of a page lead to its stories: decided for groups of links that have the same tags around them.

A group is what a reader sees as one list: links with one path of tags from the root, below one element. The part of
that element from one link to the next is the item of the link.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from operator import itemgetter
from statistics import fmean, mode

from ..document import resolve_http_url
from .html_tree import Element, WebPage, count_letters, get_text
from .list_items import (
    NO_TITLE,
    Node,
    TextPart,
    find_date,
    fold_label,
    has_picture,
    iter_nodes,
    iter_parts,
)
from .list_region import is_link_label, is_other_list
from .url_patterns import (
    is_non_story_url,
    parent_keys,
    registered_domain,
    score_url,
    unwrap_redirect,
    url_key,
    url_shape,
)

MIN_SCORE = 3.0
MIN_BEST_SCORE = 1.5
MIN_SENTENCE_LENGTH = 25  # letters
COMMENT_FRAGMENT = re.compile(r"comm?ent|kommentar|respond|reply|disqus", re.I)
MAX_LINKS = 5_000
MIN_LIST = 3  # links
MAX_BLOCK_DEPTH = 7  # levels from a link up to the element around its item
PAGE_TAGS = ("html", "body", "main")
MAX_ITEM_NODES, MAX_ITEM_ANCHORS = 200, 40
MAX_COLUMNS = 20  # of a table that are told apart
MAX_ANCHORS = 4  # in an item; where there are more, they are a list of their own
OTHER_RELATIONS = frozenset(("tag", "author", "next", "prev", "sponsored", "ugc", "license"))


@dataclass(slots=True)
class StoryLink:
    """A URL in a group: its anchors, the elements from the root to the first of them, its title and its item."""

    url: str
    chain: tuple[Element, ...] = ()
    anchors: list[Element] = field(default_factory=list)
    title: str = ""
    rank: float = 0.0
    has_heading: bool = False
    item: list[Node] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The URL for comparing."""
        return url_key(self.url)


@dataclass(frozen=True)
class LinkGroup:
    """Links that share the first `depth` elements of their chains; `alike` counts all links with their path of tags."""

    links: list[StoryLink]
    depth: int
    alike: int


@dataclass(frozen=True)
class PageLinks:
    """What all links of a page say about one of them: its section pages, its domain unless most lead elsewhere."""

    sections: frozenset[str]
    domain: str | None


def find_story_links(page: WebPage) -> list[StoryLink]:
    """Return the links to stories in document order, each URL once with the best of its titles, and their items."""
    groups = _group_links(page)
    views: dict[Element, tuple[list[Node], dict[Node, int]]] = {}
    for group in groups:
        container = group.links[0].chain[group.depth - 1]
        if container not in views:
            nodes = list(iter_nodes(container))
            views[container] = nodes, {node: index for index, node in enumerate(nodes)}
        _split_items(group, *views[container])
        _set_titles(group.links, _iter_own_parts)
    titled = {link.key for group in groups for link in group.links if link.title}
    for group in groups:
        if 2 * sum(link.key in titled for link in group.links) <= len(group.links):
            _set_titles([link for link in group.links if not link.title], _iter_item_parts)
    all_links = _survey_links(page, [link for group in groups for link in group.links])
    scored = [(group, _score_group(group, all_links)) for group in groups]
    # Where no group is clear, the best of those that are long enough.
    least = max((score for group, score in scored if _is_list_of_headlines(group)), default=MIN_SCORE)
    least = max(min(least, MIN_SCORE), MIN_BEST_SCORE)
    shapes = {url_shape(link.url) for group, score in scored if score >= least for link in group.links}
    chosen = (
        group.links
        for group, score in scored
        if score >= (least if _is_list_of_headlines(group) else MIN_SCORE)
        or (
            score + 1 >= MIN_SCORE and score + fmean(url_shape(link.url) in shapes for link in group.links) >= MIN_SCORE
        )
    )
    links = [link for links in chosen for link in links if _may_be_story(link) and link.key not in all_links.sections]
    return _merge_links(_drop_other_lists(links))


def _survey_links(page: WebPage, links: Sequence[StoryLink]) -> PageLinks:
    domain = registered_domain(page.url)
    parents = Counter(parent for url in {link.key: link.url for link in links}.values() for parent in parent_keys(url))
    is_foreign = [registered_domain(link.url) != domain for link in links if _score_length(link.title) > 0]
    return PageLinks(
        sections=frozenset(key for key, count in parents.items() if count >= 2),
        domain=None if 2 * sum(is_foreign) > len(is_foreign) else domain,
    )


def _drop_other_lists(links: list[StoryLink]) -> list[StoryLink]:
    """Return the links outside of blocks that list no stories; a block with more than half of all links is none."""
    counts = Counter(element for link in links for element in link.chain)
    others = {element for element, count in counts.items() if 2 * count <= len(links) and is_other_list(element)}
    return [link for link in links if others.isdisjoint(link.chain)]


# ── groups ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _group_links(page: WebPage) -> list[LinkGroup]:
    """Return the groups of links, in the order of their first links."""
    page_key = url_key(page.url)
    anchors: list[tuple[Element, str]] = []
    for anchor in islice(page.root.iterfind(".//a[@href]"), MAX_LINKS):
        url = resolve_http_url(page.base_url, anchor.get("href") or "")
        url, _, fragment = unwrap_redirect(url or "").partition("#")
        if url and url_key(url) != page_key and not is_non_story_url(url) and not COMMENT_FRAGMENT.search(fragment):
            anchors.append((anchor, url))
    paths: dict[Element, str] = {}
    parents: dict[str, Counter[Element]] = defaultdict(Counter)
    chains = [(*reversed(list(anchor.iterancestors())), anchor) for anchor, _ in anchors]
    for chain in chains:
        parents[_get_path(chain[:-1], paths)][chain[-2]] += 1
    by_path: dict[str, list[StoryLink]] = defaultdict(list)
    positions: Counter[Element] = Counter()
    for (anchor, url), chain in zip(anchors, chains, strict=True):
        path = _get_path(chain, paths)
        # Where many items have a few links each, the first, the second … of all items are groups.
        counts = parents[path.rpartition(" ")[0]]
        position = 0
        if get_text(anchor) and len(counts) >= MIN_LIST and max(counts.values()) <= MAX_ANCHORS:
            positions[chain[-2]] += 1
            position = positions[chain[-2]]
        links = by_path[f"{path} {_get_class(anchor)} {position}"]
        if not links or links[-1].key != url_key(url):
            links.append(StoryLink(url, chain))
        links[-1].anchors.append(anchor)
    groups = [group for links in by_path.values() for group in _split_by_container(links)]
    order = {anchor: index for index, (anchor, _) in enumerate(anchors)}
    return sorted(groups, key=lambda group: order[group.links[0].anchors[0]])


def _get_path(chain: Sequence[Element], paths: dict[Element, str]) -> str:
    """Return the tags of some elements, each in the one before; cells of tables with the number of their column."""
    path = ""
    for element in chain:
        if element not in paths:
            cells = element.itersiblings("td", preceding=True) if element.tag == "td" else ()
            paths[element] = f"{path} {element.tag}{sum(1 for _ in islice(cells, MAX_COLUMNS)) or ''}"
        path = paths[element]
    return path


def _split_by_container(links: list[StoryLink]) -> Iterator[LinkGroup]:
    """Yield the links of one path in groups, each with the deepest element that a link shares with a neighbour."""
    shared = [_count_shared(first.chain, second.chain) for first, second in pairwise(links)]
    groups: dict[Element, LinkGroup] = {}
    for link, before, after in zip(links, (0, *shared), (*shared, 0), strict=True):
        depth = max(before, after) or len(link.chain) - 1
        groups.setdefault(link.chain[depth - 1], LinkGroup([], depth, len(links))).links.append(link)
    yield from groups.values()


def _count_shared(first: Sequence[Element], second: Sequence[Element]) -> int:
    return next((depth for depth, (a, b) in enumerate(zip(first, second, strict=False)) if a is not b), len(first) - 1)


def _split_items(group: LinkGroup, nodes: list[Node], positions: Mapping[Node, int]) -> None:
    """Set the items of a group: the nodes of its container from one link up to the next.

    What holds many links is no item: so many groups at most look at a node.
    """
    if len(group.links) == 1:
        link, own_anchors = group.links[0], frozenset(group.links[0].anchors)
        link.item[:] = [find_block(link.anchors, lambda anchor: anchor not in own_anchors)]
        return
    starts = [positions[link.chain[group.depth]] for link in group.links]
    length = max(mode(after - before for before, after in pairwise(starts)), 1)
    lead = _count_leading_nodes(nodes, starts, length)
    for link, start, end in zip(group.links, starts, (*starts[1:], starts[-1] + length), strict=True):
        item = nodes[start - lead : min(max(end, start + 1) - lead, start + MAX_ITEM_NODES)]
        anchors = (anchor for node in item if not isinstance(node, str) for anchor in node.iter("a"))
        is_list = sum(1 for _ in islice(anchors, MAX_ITEM_ANCHORS + 1)) > MAX_ITEM_ANCHORS
        link.item[:] = [link.anchors[0]] if is_list else item


def find_block(anchors: Sequence[Element], is_other: Callable[[Element], bool]) -> Element:
    """Return the largest element around the first anchor that has no `is_other` anchor in it."""
    block = anchors[0]
    for depth, ancestor in enumerate(block.iterancestors()):
        if depth >= MAX_BLOCK_DEPTH or ancestor.tag in PAGE_TAGS or any(map(is_other, ancestor.iter("a"))):
            break
        block = ancestor
    return block


def _count_leading_nodes(nodes: list[Node], starts: list[int], length: int) -> int:
    """Return how many nodes of an item stand before its link: those missing behind the last link of the list."""
    missing = min(length - (len(nodes) - starts[-1]), starts[0], MAX_ITEM_NODES)
    first, last = (
        ["" if isinstance(node, str) else node.tag for node in nodes[start - missing : start]]
        for start in (starts[0], starts[-1])
    )
    return missing if missing > 0 and first == last else 0


# ── titles ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def find_titles(links: Sequence[StoryLink]) -> None:
    """Set the titles of the links of one list: their own texts, or those of their items where they share theirs."""
    _set_titles(links, _iter_own_parts)
    _set_titles([link for link in links if not link.title], _iter_item_parts)


def _set_titles(links: Sequence[StoryLink], find_parts: Callable[[StoryLink], Iterator[TextPart]]) -> None:
    """Set the titles of the links of one list to the best of their parts that is not the same for many of them."""
    parts = {link.key: list(find_parts(link)) for link in links}
    counts = Counter(label for texts in parts.values() for label in {fold_label(part.text) for part in texts})
    common = {label for label, count in counts.items() if count >= MIN_LIST or (count > 1 and 2 * count > len(parts))}
    for link in links:
        texts = (part for part in parts[link.key] if not (fold_label(part.text) in common or is_link_label(part.text)))
        rank, part = max(((part.score, part) for part in texts), default=(NO_TITLE, None), key=itemgetter(0))
        if part is not None and rank > NO_TITLE:
            link.title, link.rank, link.has_heading = part.text, rank, part.is_heading


def _iter_own_parts(link: StoryLink) -> Iterator[TextPart]:
    return iter_parts(link.anchors)


def _iter_item_parts(link: StoryLink) -> Iterator[TextPart]:
    """Yield the texts around a link that has none of its own, then what its picture shows."""
    yield from iter_parts(link.item, frozenset(link.anchors))
    for anchor in link.anchors:
        for element in anchor.iter("a", "img"):
            yield from (TextPart(text) for name in ("alt", "title", "aria-label") if (text := element.get(name)))


# ── the decision ────────────────────────────────────────────────────────────────────────────────────────────────────


def _score_group(group: LinkGroup, all_links: PageLinks) -> float:
    """Return how much the links of a group are like those of a list of stories."""

    def share(has: Callable[[StoryLink], object]) -> float:
        return fmean(bool(has(link)) for link in group.links)

    tags = {element.tag for element in group.links[0].chain}
    score = sum((
        fmean(_score_length(link.title) + score_url(link.url) for link in group.links),
        1.0 * (group.alike >= MIN_LIST) + 0.5 * (group.alike >= 2 * MIN_LIST),
        1.5 * share(lambda link: link.has_heading),
        -1.5 * share(lambda link: all_links.domain and registered_domain(link.url) != all_links.domain),
        -3.0 * share(lambda link: link.key in all_links.sections),
        -2.0 * share(_is_inside_sentence),
        -1.0 * (not tags.isdisjoint(("aside", "header")) and "article" not in tags),
    ))  # fmt: skip
    if not MIN_BEST_SCORE - 2 <= score < MIN_SCORE:
        return score  # what the items hold cannot change the decision
    return score + 1.5 * share(lambda link: find_date(link.item)) + 0.5 * share(lambda link: has_picture(link.item))


def _is_inside_sentence(link: StoryLink) -> bool:
    """Return whether a text stands before the link that is too long for a date or a kicker."""
    anchor, parent = link.anchors[0], link.chain[-2]
    before = anchor.getprevious()
    text = parent.text if before is None else before.tail
    return count_letters((text or "").strip()) >= MIN_SENTENCE_LENGTH and link.title in get_text(anchor)


def _is_list_of_headlines(group: LinkGroup) -> bool:
    return len(group.links) >= MIN_LIST and fmean(_score_length(link.title) for link in group.links) >= 0.5


def _score_length(title: str) -> float:
    """Return how much a title is as long as a headline, -1.5 to 2: 0 for two words, 1 for four."""
    if not title:
        return -1.5
    return min(max((count_letters(title) - 14) / 10, (len(title.split()) - 2) / 2 - (len(title) < 14), -1.5), 2.0)


def _may_be_story(link: StoryLink) -> bool:
    relations = {word for anchor in link.anchors for word in (anchor.get("rel") or "").lower().split()}
    return bool(link.title) and relations.isdisjoint(OTHER_RELATIONS)


def _get_class(element: Element) -> str:
    """Return the first class of an element without its digits."""
    return fold_label(next(iter((element.get("class") or "").split()), ""))


def _merge_links(links: Iterable[StoryLink]) -> list[StoryLink]:
    """Return each URL once: with all its anchors, the title most like a headline, and the item of the first."""
    merged: dict[str, StoryLink] = {}
    for link in links:
        first = merged.setdefault(link.key, link)
        if first is link:
            continue
        first.anchors += link.anchors
        if link.rank > first.rank:
            first.title, first.rank = link.title, link.rank
    return list(merged.values())
