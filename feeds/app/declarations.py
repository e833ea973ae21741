"""What declarations stand for: a source for each outline of an OPML list, a feed for each source or tag (`each`)."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from .. import config as configuration
from ..compose import select_sources
from ..config.fingerprint import add_fingerprints
from ..model import Config, Feed, Kind, Outline, Source, replace
from ..store import Store

log = logging.getLogger("feeds.app")


def with_outlines(declared: Mapping[str, Source], outlines: Mapping[str, Sequence[Outline]]) -> Mapping[str, Source]:
    """Return the declared sources and, after each OPML list, a source with its settings for each of its outlines."""
    sources: dict[str, Source] = {}
    for source in declared.values():
        sources[source.id] = source
        for outline in outlines.get(source.id, ())[: source.max_items] if source.kind is Kind.OPML else ():
            id = f"{source.id}/{outline.name}"
            sources[id] = replace(
                source,
                id=id,
                kind=Kind.ANY,
                address=outline.address,
                root=None,
                tags=tuple(dict.fromkeys((*source.tags, *outline.tags))),
                was=(),
                fingerprint=f"{source.fingerprint}/{outline.address}",
            )
    return sources


def expand_feeds(
    config: Config,
    sources: Mapping[str, Source],
    store: Store,
    published: Collection[str],
    earlier: Mapping[str, Feed] | None = None,
) -> Config:
    """Return the configuration with a feed for each source or tag in the place of each feed with `each`.

    `published` are the ids of the feeds that have a ledger. Feeds of an `earlier` expansion of the same configuration
    are taken over where they did not change.
    """
    if not any(feed.each for feed in config.feeds.values()):
        return config
    titles = store.source_titles()
    feeds: dict[str, Feed] = {}
    for feed in config.feeds.values():
        if feed.each == "source":
            members = _feeds_by_source(feed, sources, titles)
        elif feed.each == "tag":
            members = _feeds_by_tag(feed, sources, store, published)
        else:
            members = iter((feed,))
        feeds |= {member.id: member for member in members}
    earlier = earlier or {}
    new_feeds = {
        id: feed
        for id, feed in feeds.items()
        if not feed.fingerprint and (id not in earlier or replace(earlier[id], fingerprint="") != feed)
    }
    feeds |= {id: earlier[id] for id, feed in feeds.items() if not feed.fingerprint and id not in new_feeds}
    new_feeds = add_fingerprints(new_feeds, config.site, config.sources, config.searched_secrets)
    return replace(config, feeds={**feeds, **new_feeds})


def _feeds_by_source(feed: Feed, sources: Mapping[str, Source], titles: Mapping[str, str]) -> Iterator[Feed]:
    """Yield a feed for each source that a feed takes from: with `tags`, of those that have one of them."""
    tags = {tag.casefold() for tag in feed.tags}
    for id in select_sources(feed, sources):
        source = sources[id]
        if source.kind is Kind.OPML or (tags and tags.isdisjoint(tag.casefold() for tag in source.tags)):
            continue
        yield _make_member(feed, (id, *source.was), titles.get(id) or id, sources=(id,), tags=())


def _feeds_by_tag(
    feed: Feed, sources: Mapping[str, Source], store: Store, published: Collection[str]
) -> Iterator[Feed]:
    """Yield a feed for each tag of the sources that a feed takes from, and of our own stories in them.

    Once it has published a story of ours, it stays when the last story with its tag is gone: one may come back.
    """
    from ..normalize import tag_slug  # loads the cleaner of HTML, which a turn with nothing due does without

    selected = [sources[id] for id in select_sources(feed, sources)]
    own = [source.id for source in selected if source.kind is Kind.FILES]
    wanted = {tag.casefold() for tag in feed.tags}
    declared_tags = (tag for source in selected for tag in source.tags)
    spellings: dict[str, dict[str, str]] = {}  # by member, the first spelling of each tag
    for tag in (*declared_tags, *(store.story_tags(own) if own else ())):
        if not wanted or tag.casefold() in wanted:
            spellings.setdefault(tag_slug(tag), {}).setdefault(tag.casefold(), tag)
    for id in sorted(published) if own else ():
        name, _, member = id.partition("/")
        if name == feed.id and member not in spellings and not store.published_sources(id).isdisjoint(own):
            spellings[member] = {member: member}
    for member, tags in sorted(spellings.items()):
        yield _make_member(feed, (member,), next(iter(tags.values())), tags=tuple(sorted(tags.values())))


def _make_member(feed: Feed, names: Sequence[str], title: str, **selection: object) -> Feed:
    """Return the feed of one source or tag, with its title in the place of `{source}` or `{tag}`.

    `names` are its part of the id, and those that were so earlier.
    """
    placeholder = f"{{{feed.each}}}"
    id, *earlier_ids = (f"{feed_id}/{name}" for feed_id in (feed.id, *feed.was) for name in names)
    return replace(
        feed,
        id=id,
        title=feed.title.replace(placeholder, title),
        description=feed.description.replace(placeholder, title),
        was=tuple(earlier_ids),
        each=None,
        fingerprint="",
        **selection,
    )


def rename_feeds(feeds: Iterable[Feed], store: Store) -> None:
    """Lead the earlier ids of feeds to them, where they are not led there yet."""
    successors = {id: feed.id for feed in feeds for id in feed.was}
    if successors:
        ledgers, withdrawn = store.ledgers(), store.withdrawn()
        for id, successor in successors.items():
            if id in ledgers or withdrawn.get(id) != successor:
                store.rename(id, successor)


def warn_of_renamed_sources(sources: Mapping[str, Source], new_sources: Collection[str], store: Store) -> None:
    """Log the sources that are new and have the address of one that is no longer declared."""
    stored = store.declarations() if new_sources else []
    if all(declaration.source_id in sources for declaration in stored):
        return
    article_counts = store.article_counts()
    for new_id, old_id in configuration.find_renamed(sources, stored, article_counts):
        if new_id in new_sources:
            log.warning(configuration.format_rename(new_id, old_id, article_counts[old_id]))
