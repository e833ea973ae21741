"""The warnings of `feeds check`: what is not wrong but will surprise."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from ..compose import select_sources
from ..model import Config, Feed, Kind, Source, StoredDeclaration, replace
from ..steps import Tag
from .paths import encode_file_name
from .secrets import MIN_SEARCHED_LENGTH
from .validate import is_loopback
from .values import comparable_url, is_url

_EXAMPLE_HOSTS = ("example.com", "example.net", "example.org")
_EXAMPLE_ENDINGS = (".example", ".invalid", ".test", *(f".{host}" for host in _EXAMPLE_HOSTS))
_MAX_NAMES_SHOWN = 5


def find_warnings(config: Config) -> list[str]:
    """Return one sentence for each thing that will surprise, the most serious first."""
    return [sentence for check in _CHECKS for sentence in check(config)]


def find_renamed(
    sources: Mapping[str, Source], stored: Iterable[StoredDeclaration], article_counts: Mapping[str, int]
) -> list[tuple[str, str]]:
    """Return (new id, old id) of each source that has the address of a stored one that is no longer declared.

    `sources` holds the outlines of OPML lists too. Without `was:`, every story of such a source is published twice.
    """
    replaced = {id for source in sources.values() for id in source.was}
    old_ids = {
        _identify(old.address, old.fingerprint): old.source_id
        for old in stored
        if old.source_id not in sources and old.source_id not in replaced and old.source_id in article_counts
    }
    new_sources = ((source, _identify(source.address, source.fingerprint)) for source in sources.values())
    return [(source.id, old_ids[identity]) for source, identity in new_sources if identity in old_ids]


def format_rename(new_id: str, old_id: str, articles: int) -> str:
    """Return the sentence about a source that was renamed without `was:`."""
    return (
        f"the source {new_id} has the address of {old_id}, which is no longer declared: `was: [{old_id}]` hands over"
        f" its articles ({articles}), without it every story comes twice"
    )


def _identify(address: str, fingerprint: str) -> str:
    """Return what a source has in common with itself under another id; files are only told apart with their folder."""
    return comparable_url(address) if is_url(address) else fingerprint


def _check_folders(config: Config) -> Iterator[str]:
    if not isinstance(config.public, Path):
        if config.site.compress:
            yield f"site.compress has no effect: what {config.public} holds is compressed by what serves it"
    elif config.data.is_relative_to(config.public):
        yield f"data ({config.data}) lies inside public ({config.public}): keys and store would be served"
    elif config.public.is_relative_to(config.data):
        yield f"public ({config.public}) lies inside data ({config.data}), which other servers may not read"


def _check_site_url(config: Config) -> Iterator[str]:
    url = config.site.url
    host = urlsplit(url).hostname or ""
    if is_loopback(url):
        yield f"site.url is {url}: the feeds work on this machine only"
    elif host in _EXAMPLE_HOSTS or host.endswith(_EXAMPLE_ENDINGS):
        yield f"site.url is {url}: an example, no reader will reach the feeds there"
    elif url.startswith("http:"):
        yield f"site.url is {url}: without https, the feeds can be changed on their way"


def _check_contact(config: Config) -> Iterator[str]:
    if config.site.contact is None and any(_is_foreign(source) for source in config.sources.values()):
        yield "site.contact is missing: operators of sources cannot ask before they block"


def _check_sections(config: Config) -> Iterator[str]:
    if not config.sources:
        yield "there are no sources: nothing will be pulled"
    if not config.feeds:
        yield "there are no feeds: nothing will be published"


def _check_empty_feeds(config: Config) -> Iterator[str]:
    if not config.sources:
        return
    for feed in config.feeds.values():
        sources = _list_sources(feed, config)
        tags = {tag.casefold() for tag in feed.tags}
        if sources and not any(source.enabled for source in sources):
            yield f"the feed {feed.id} selects nothing: all of its sources are switched off"
        elif tags and not any(tags & {tag.casefold() for tag in source.tags} for source in sources):
            names = ", ".join(feed.tags)
            late = any(tags & {tag.casefold() for tag in step.add} for step in _list_tag_steps(feed, sources))
            remedy = ", and a step only adds it afterwards; `- keep: {tag: …}` selects by it then" if late else ""
            sentence = f"selects nothing, unless articles have the tag themselves: no source adds {names}"
            yield f"the feed {feed.id} {sentence}{remedy}"


def _list_tag_steps(feed: Feed, sources: Iterable[Source]) -> list[Tag]:
    steps = (*feed.steps, *(step for source in sources for step in source.steps))
    return [step for step in steps if isinstance(step, Tag)]


def _check_titles(config: Config) -> Iterator[str]:
    for feed in config.feeds.values():
        if feed.each and (placeholder := f"{{{feed.each}}}") not in feed.title:
            yield f"all feeds of {feed.id} have the same title: {placeholder} in its `title` tells them apart"


def _check_unused_sources(config: Config) -> Iterator[str]:
    used = {source.id for feed in config.feeds.values() for source in _list_sources(feed, config)}
    unused = [name for name in config.sources if name not in used]
    if unused and config.feeds:
        yield f"in no feed: {_join_names(unused)}"


def _check_private_sources(config: Config) -> Iterator[str]:
    for feed in config.feeds.values():
        if not feed.tags and (left_out := find_left_out(feed, config.sources)):
            yield describe_left_out(feed.id, left_out)


def find_left_out(feed: Feed, sources: Mapping[str, Source]) -> list[str]:
    """Return the ids of the private sources that a feed would take from if they were not private."""
    if feed.sources or not any(source.unlisted for source in sources.values()):
        return []
    selected = set(select_sources(feed, sources))
    return [id for id, source in sources.items() if source.unlisted and id not in selected]


def describe_left_out(feed_id: str, source_ids: Sequence[str]) -> str:
    """Return the sentence about private sources that a feed leaves out, and how to put them there."""
    names = _join_names(source_ids)
    remedy = "name them under its `sources`, or one of their tags under its `tags`, to publish them there"
    return f"private, and so left out of the feed {feed_id}: {names}; {remedy}"


def _check_short_secrets(config: Config) -> Iterator[str]:
    if config.short_secrets:
        names = _join_names(config.short_secrets)
        yield f"secrets of fewer than {MIN_SEARCHED_LENGTH} characters are not searched for in published files: {names}"


def _check_encryption(config: Config) -> Iterator[str]:
    plain = [source for source in config.sources.values() if _is_foreign(source) and source.address.startswith("http:")]
    with_secrets = [source.id for source in plain if source.basic_auth or source.bearer]
    if with_secrets:
        yield f"credentials are sent unencrypted (http instead of https): {_join_names(with_secrets)}"
    if without := [source.id for source in plain if source.id not in set(with_secrets)]:
        yield f"fetched over http instead of https: {_join_names(without)}"


def _check_files(config: Config) -> Iterator[str]:
    for source in config.sources.values():
        if source.root is None or not source.enabled:
            continue
        if source.kind is Kind.COMMAND:
            yield from _check_program(source)
            continue
        name = encode_file_name(source.address)
        if source.kind is Kind.FILES and next(source.root.glob(name), None) is None:
            yield f"the source {source.id} finds no file {source.address} in {source.root}"
        elif source.kind is not Kind.FILES and not (source.root / name).is_file():
            yield f"the source {source.id} finds no file {source.root / source.address}"


def _check_program(source: Source) -> Iterator[str]:
    """Warn of a program that cannot be found: beside the YAML where it is a path, else in PATH."""
    name = source.command[0]
    variables = dict(source.env)
    place = str(source.root / name) if source.root and "/" in name else name
    if shutil.which(place, path=variables.get("PATH")) is None:
        yield f"the source {source.id} finds no program {name}, or one that may not be run"


_CHECKS: tuple[Callable[[Config], Iterator[str]], ...] = (
    _check_folders,
    _check_site_url,
    _check_contact,
    _check_sections,
    _check_empty_feeds,
    _check_titles,
    _check_unused_sources,
    _check_private_sources,
    _check_short_secrets,
    _check_files,
    _check_encryption,
)


def _list_sources(feed: Feed, config: Config) -> list[Source]:
    """Return the declared sources that a feed takes from; a list, where the feed takes one of its outlines."""
    lists = tuple(reference.partition("/")[0] for reference in feed.sources)
    return [config.sources[id] for id in select_sources(replace(feed, sources=lists), config.sources)]


def _is_foreign(source: Source) -> bool:
    return source.root is None and not is_loopback(source.address)


def _join_names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_NAMES_SHOWN} more" if len(names) > _MAX_NAMES_SHOWN else ""
    return ", ".join(names[:_MAX_NAMES_SHOWN]) + more
