"""The checked shape → the records: defaults merged, paths resolved, fingerprints made."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from ..model import (
    Condition,
    Config,
    Cron,
    Drop,
    Feed,
    HostLimits,
    Interval,
    Keep,
    Kind,
    Limit,
    Schedule,
    ServerSettings,
    Site,
    Source,
    Step,
)
from . import fingerprint
from .masking import holds, secrets_in
from .paths import ConfigEnvironment, local
from .patterns import Regexp
from .schema import (
    KINDS,
    SELECTORS,
    AutoShape,
    ConditionsShape,
    FeedShape,
    FileShape,
    LimitShape,
    SettingsShape,
    SourceShape,
    StepShape,
)
from .secrets import SEARCHED, Secrets
from .values import is_remote


def config(shape: FileShape, around: ConfigEnvironment, secrets: Secrets) -> Config:
    """The whole configuration."""
    site = Site(
        title=shape.site.title,
        url=shape.site.url,
        description=shape.site.description or "",
        language=shape.site.language,
        timezone=shape.site.timezone,
        contact=shape.site.contact,
    )
    sources = {
        name: source(name, entry, shape.defaults, _BuildContext(around, site, secrets))
        for name, entry in shape.sources.items()
    }
    searched = _searched(secrets, shape, sources.values())
    return Config(
        path=around.path,
        site=site,
        data=around.state or around.locate(shape.data),
        public=around.locate(shape.public),
        server=ServerSettings(shape.server.listen, shape.server.admin, shape.server.trusted_proxies),
        hosts=HostLimits(shape.hosts.gap, shape.hosts.at_once),
        sources=sources,
        feeds=_feeds(shape, site, sources, searched),
        secrets=searched | secrets.printed | _private(sources.values()),
        searched_secrets=searched,
    )


# ── sources ─────────────────────────────────────────────────────────────────────────────────────────────────────────


LOCAL = Interval(60.0)  # how often our own files are looked at when nothing is said: a look costs one stat a file


@dataclass(frozen=True, slots=True)
class _BuildContext:
    around: ConfigEnvironment
    site: Site
    secrets: Secrets


def source(name: str, entry: str | SourceShape, defaults: SettingsShape, ground: _BuildContext) -> Source:
    """One source, with the defaults under its own settings."""
    own = entry if isinstance(entry, SourceShape) else SourceShape()
    said = _merged(defaults, own)
    kind, address, root = _address(entry, ground.around)
    auth = said.auth
    made = Source(
        id=name,
        kind=kind,
        address=address,
        schedule=_schedule(said, ground.site.timezone, LOCAL if root and not _timed(defaults, own) else None),
        root=root,
        tags=said.tags,
        was=own.was,
        full_text=said.full_text,
        read_as=said.read_as,
        selectors={key: value for key in SELECTORS if (value := getattr(said, key)) is not None},
        include=said.include,
        exclude=said.exclude,
        headers=tuple(said.headers.items()),
        basic_auth=auth.basic if auth else None,
        bearer=auth.bearer if auth else None,
        private=said.private or (_is_visited(kind, root) and _holds_secret(name, own, ground.secrets)),
        proxy=said.proxy,
        timeout=said.timeout,
        max_bytes=said.max_bytes,
        max_items=said.max_items,
        allow_private=said.allow_private,
        language=said.language,
        timezone=said.timezone,
        steps=tuple(step(one) for one in said.steps),
        enabled=said.enabled,
    )
    return replace(made, fingerprint=fingerprint.of_source(made, ground.site.url))


def _is_visited(kind: Kind, root: Path | None) -> bool:
    """Whether anything of the source goes out to the network: of a local list, its outlines do."""
    return root is None or kind is Kind.OPML


def _holds_secret(name: str, own: SourceShape, secrets: Secrets) -> bool:
    """Whether a value from outside stands in the address, headers or auth of a source, its own or the defaults'."""
    return name in secrets.sources or bool(secrets.defaults - own.model_fields_set)


def _merged(defaults: SettingsShape, own: SourceShape) -> SettingsShape:
    mine = own.model_fields_set
    if not mine:
        return defaults
    update = {key: getattr(own, key) for key in mine if key in SettingsShape.model_fields}
    if {"every", "cron"} & mine:  # one decides; what the defaults say of the other is no longer meant
        update = {"every": own.every, "cron": own.cron} | update
    return defaults.model_copy(update=update)


def _timed(*settings: SettingsShape) -> bool:
    """Whether the operator said when to look."""
    return any({"every", "cron"} & one.model_fields_set for one in settings)


def _schedule(said: SettingsShape, timezone: str, unsaid: Interval | None) -> Schedule:
    if unsaid is not None:
        return unsaid
    if said.cron is not None:
        return Cron(said.cron, timezone)
    if isinstance(said.every, AutoShape):
        return said.every.auto
    return Interval(said.every)


def _address(entry: str | SourceShape, around: ConfigEnvironment) -> tuple[Kind, str, Path | None]:
    if isinstance(entry, str):
        return Kind.ANY, entry, None
    kind, text = next((Kind(key), value) for key in KINDS if (value := getattr(entry, key)) is not None)
    if kind is not Kind.FILES and is_remote(text):
        return kind, text, None
    root, rest = local(text, around)
    return kind, rest, root


# ── feeds and steps ─────────────────────────────────────────────────────────────────────────────────────────────────


def _feeds(shape: FileShape, site: Site, sources: Mapping[str, Source], searched: frozenset[str]) -> dict[str, Feed]:
    traces = {name: fingerprint.trace(source) for name, source in sources.items()}
    everything = sorted(traces.values())
    made: dict[str, Feed] = {}
    for name, said in shape.feeds.items():
        chosen = _chosen(said.sources, traces) if said.sources else everything
        unsigned = feed(name, said)
        made[name] = replace(unsigned, fingerprint=fingerprint.of_feed(unsigned, site, [*chosen, *sorted(searched)]))
    return made


def _chosen(references: Iterable[str], traces: Mapping[str, str]) -> list[str]:
    return sorted({traces[reference.partition("/")[0]] for reference in references})


def feed(name: str, said: FeedShape) -> Feed:
    """One feed, without its fingerprint."""
    return Feed(
        id=name,
        title=said.title or name,
        description=said.description or "",
        sources=said.sources,
        tags=said.tags,
        steps=tuple(step(one) for one in said.steps),
        author=said.author,
        link=said.link,
        image=said.image,
        icon=said.icon,
        language=said.language,
        was=said.was,
    )


def step(said: StepShape) -> Step:
    """One step, compiled."""
    if said.keep is not None:
        return Keep(_conditions(said.keep))
    if said.drop is not None:
        return Drop(_conditions(said.drop))
    if isinstance(said.limit, LimitShape):
        return Limit(said.limit.count, said.limit.hours)
    return Limit(said.limit) if said.limit is not None else Limit()


def _conditions(said: Regexp | ConditionsShape) -> tuple[Condition, ...]:
    if isinstance(said, Regexp):
        return (Condition("any", said),)
    named = ((name, getattr(said, name)) for name in ConditionsShape.model_fields)
    return tuple(Condition(name, pattern) for name, pattern in named if pattern is not None)


def _searched(secrets: Secrets, shape: FileShape, sources: Iterable[Source]) -> frozenset[str]:
    """The secrets that may stand in no document: not those that the file itself publishes elsewhere."""
    logins = (source.basic_auth for source in sources if source.basic_auth)
    secret_logins = (login for login in logins if any(holds(word, secrets.printed) for word in login))
    encoded = (b64encode(":".join(login).encode()).decode("ascii") for login in secret_logins)
    found = frozenset((*secrets.searched, *(login for login in encoded if len(login) >= SEARCHED)))
    return found - secrets_in("\n".join(_published(shape, sources)), found)


def _published(shape: FileShape, sources: Iterable[Source]) -> Iterator[str]:
    """The texts of the file that stand in published documents."""
    site = shape.site
    yield from filter(None, (site.title, site.url, site.description, site.contact))
    for name, said in shape.feeds.items():
        yield from filter(None, (name, said.title, said.description, said.author, said.link, said.image, said.icon))
    for source in sources:
        yield from (source.id, *source.tags)


def _private(sources: Iterable[Source]) -> frozenset[str]:
    """The addresses of private sources and their hosts, which are shown as little as a password."""
    urls = [source.address for source in sources if source.private and source.root is None]
    return frozenset(urls) | {host for url in urls if (host := urlsplit(url).hostname)}
