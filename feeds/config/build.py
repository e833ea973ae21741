"""The records of the configuration, built from the shapes of the YAML: defaults merged, paths resolved."""

from __future__ import annotations

import shlex
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ..masking import contains_secret, find_secrets
from ..model import (
    NOTHING,
    Bucket,
    Config,
    Cron,
    Feed,
    Hub,
    Interval,
    Kind,
    Podcast,
    Schedule,
    ServerSettings,
    Site,
    Source,
    Webhook,
    field_names,
    is_remote,
    replace,
)
from ..politeness import HostLimits
from ..registry import address_kinds
from .fingerprint import add_fingerprints, fingerprint_source
from .paths import ConfigLocation, split_root
from .schema import (
    SELECTORS,
    AuthShape,
    AutoShape,
    BucketShape,
    FeedShape,
    FileShape,
    SettingsShape,
    SiteShape,
    SourceShape,
    WebhookShape,
    source_shape,
)
from .secrets import MIN_SEARCHED_LENGTH, Secrets
from .theme import read_theme
from .validate import is_loopback
from .values import is_bucket, spell_host
from .yaml_mapping import YamlMapping

REMOTE_INTERVAL = Interval(3600.0)
LOCAL_INTERVAL = Interval(60.0)  # of our own files, where the operator names none: a look costs one stat a file

_Record = TypeVar("_Record")


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What all sources of a file share, and the rest of the file; `shape` is that without its sources."""

    shape: FileShape
    location: ConfigLocation
    secrets: Secrets
    site: Site
    hub: Hub | None


def make_context(shape: FileShape, location: ConfigLocation, secrets: Secrets) -> BuildContext:
    """Return what the sources of a checked file are built with."""
    theme = read_theme(location.resolve(shape.theme)) if shape.theme else None
    hub = _build_hub(shape.site)
    named = hub if _is_hub_certain(shape) else None
    cloud = f"{shape.site.url}hub/rsscloud" if named and named.is_own else None
    site = _build_record(Site, shape.site, theme=theme, hubs=(named.url,) if named else (), cloud=cloud)
    return BuildContext(shape, location, secrets, site, hub)


def build_sources(entries: Mapping[str, str | SourceShape], context: BuildContext) -> dict[str, Source]:
    """Return the sources of checked entries."""
    return {name: _build_source(name, entry, context) for name, entry in entries.items()}


def build_config(context: BuildContext, sources: Mapping[str, Source]) -> Config:
    """Return the configuration of a checked file with these sources."""
    shape, location, secrets, site = context.shape, context.location, context.secrets, context.site
    feeds = {name: _build_feed(name, entry) for name, entry in shape.feeds.items()}
    searched = _find_searched_secrets(secrets, site, sources.values(), feeds.values())
    server = _build_record(ServerSettings, shape.server)
    public = _build_public(shape.public, location)
    keys = (public.access_key, public.secret_key) if isinstance(public, Bucket) else ()
    webhook = _build_webhook(shape.on_publish)
    tokens = frozenset(filter(None, [server.admin_token, *keys, webhook and webhook.secret]))
    return Config(
        path=location.path,
        site=site,
        data=location.state or location.resolve(shape.data),
        store=shape.store,
        public=public,
        server=server,
        hosts=_build_record(HostLimits, shape.hosts),
        retain=shape.retain,
        workers=shape.workers,
        allow_commands=bool(shape.allow_commands),
        sources=sources,
        feeds=add_fingerprints(feeds, site, sources, searched),
        secrets=searched | secrets.printed | tokens | _list_private_addresses(sources.values()),
        searched_secrets=searched,
        short_secrets=tuple(secrets.short),
        hub=context.hub,
        on_publish=webhook,
    )


def _build_public(public: str | BucketShape, location: ConfigLocation) -> Path | Bucket:
    if isinstance(public, BucketShape):
        return _build_record(Bucket, public)
    return Bucket(public) if is_bucket(public) else location.resolve(public)


def _build_webhook(shape: str | WebhookShape | None) -> Webhook | None:
    if isinstance(shape, WebhookShape):
        return _build_record(Webhook, shape, headers=tuple((shape.headers or {}).items()))
    return Webhook(shape) if shape else None


def _build_hub(shape: SiteShape) -> Hub | None:
    """Return the hub that the operator names, or else that of the built-in server."""
    if shape.hub in (None, "own"):
        return Hub(f"{shape.url}hub", is_own=True)
    return None if shape.hub == "none" else Hub(str(shape.hub))


def _is_hub_certain(shape: FileShape) -> bool:
    """Tell whether the documents may name the hub, wherever they are served from.

    The built-in server names its hub in headers. The documents name it as well where the operator says so, or where the
    configuration shows that the built-in server is in use: a static host must not name a hub that is not there.
    """
    return bool(shape.site.hub or shape.server.model_fields_set or is_loopback(shape.site.url))


def _build_record(kind: Callable[..., _Record], shape: YamlMapping, /, **values: Any) -> _Record:
    """Return a record whose fields have the given keys of their names; `values` are those that are made otherwise."""
    names = {*field_names(kind)} & shape.model_fields_set
    return kind(**{name: getattr(shape, name) for name in names - values.keys()}, **values)


# ── sources ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _build_source(name: str, entry: str | SourceShape, context: BuildContext) -> Source:
    """Return one source, with the defaults where it has no settings of its own."""
    own = entry if isinstance(entry, SourceShape) else source_shape()()
    shape = _merge_defaults(own, context.shape.defaults)
    kind, address, root = _parse_address(entry, context.location)
    command = getattr(own, Kind.COMMAND) or ()
    auth = shape.auth or AuthShape()
    source = _build_record(
        Source,
        shape,
        id=name,
        kind=kind,
        address=address,
        root=root,
        schedule=_build_schedule(shape, context.site.timezone)
        or (LOCAL_INTERVAL if root and not command else REMOTE_INTERVAL),
        # What the author of a file writes is meant where the site is.
        timezone=shape.timezone or (context.site.timezone if kind is Kind.FILES else "UTC"),
        selectors={key: value for key in SELECTORS if (value := getattr(shape, key)) is not None} or NOTHING,
        command=tuple(map(context.location.expand_home, command[:1])) + command[1:],
        env=tuple((own.env or {}).items()),
        headers=tuple((shape.headers or {}).items()),
        basic_auth=auth.basic,
        bearer=auth.bearer,
        private=bool(shape.private) or (_is_fetched(kind, root) and _has_secret(name, own, context.secrets)),
        unlisted=bool(shape.private),
        steps=_build_steps(shape),
    )
    return replace(source, fingerprint=fingerprint_source(source, context.site.url))


def _merge_defaults(own: SourceShape, defaults: SettingsShape) -> SourceShape:
    names = defaults.model_fields_set - own.model_fields_set
    if {"every", "cron"} & own.model_fields_set:  # one replaces the other
        names -= {"every", "cron"}
    return own.model_copy(update={name: getattr(defaults, name) for name in names}) if names else own


def _build_schedule(shape: SettingsShape, timezone: str) -> Schedule | None:
    """Return the schedule of a source, or None where the operator names none."""
    if shape.cron is not None:
        return Cron(shape.cron, timezone)
    if isinstance(shape.every, AutoShape):
        return shape.every.auto
    return None if shape.every is None else Interval(shape.every)


def _parse_address(entry: str | SourceShape, location: ConfigLocation) -> tuple[str, str, Path | None]:
    """Return the kind of a source, its address, and the root folder of local files or of a program."""
    if isinstance(entry, str):
        return Kind.ANY, entry, None
    values = ((kind, getattr(entry, kind.name)) for kind in address_kinds().values())
    kind, text = next((kind, text) for kind, text in values if text is not None)
    if kind.value == "command":
        return kind.name, shlex.join(text), location.folder
    if kind.locate is not None:
        return kind.name, kind.locate(text), None
    if kind.value != "text" and is_remote(text):
        return kind.name, text, None
    root, rest = split_root(text, location)
    return kind.name, rest, root


def _is_fetched(kind: str, root: Path | None) -> bool:
    """Tell whether requests go out for the source: of a local list for its outlines, of a program most likely."""
    return root is None or kind in (Kind.OPML, Kind.COMMAND)


def _has_secret(name: str, own: SourceShape, secrets: Secrets) -> bool:
    """Tell whether a value from outside stands in the address, headers or auth of a source, defaults included."""
    return name in secrets.sources or bool(secrets.defaults - own.model_fields_set)


# ── feeds and steps ─────────────────────────────────────────────────────────────────────────────────────────────────


def _build_feed(name: str, shape: FeedShape) -> Feed:
    """Return one feed, without its fingerprint."""
    podcast = _build_record(Podcast, shape.podcast) if shape.podcast else None
    title = shape.title or (f"{{{shape.each}}}" if shape.each else name)
    return _build_record(Feed, shape, id=name, title=title, steps=_build_steps(shape), podcast=podcast)


def _build_steps(shape: SettingsShape | FeedShape) -> tuple[Any, ...]:
    return tuple(step.build() for step in shape.steps or ())


# ── secrets ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _find_searched_secrets(
    secrets: Secrets, site: Site, sources: Iterable[Source], feeds: Iterable[Feed]
) -> frozenset[str]:
    """Return the secrets that may stand in no document: not those that the file itself publishes elsewhere."""
    logins = (source.basic_auth for source in sources if source.basic_auth)
    secret_logins = (login for login in logins if any(contains_secret(word, secrets.printed) for word in login))
    encoded = (b64encode(":".join(login).encode()).decode("ascii") for login in secret_logins)
    searched = frozenset((*secrets.searched, *(login for login in encoded if len(login) >= MIN_SEARCHED_LENGTH)))
    return searched - find_secrets("\n".join(_list_published_texts(site, sources, feeds)), searched)


def _list_published_texts(site: Site, sources: Iterable[Source], feeds: Iterable[Feed]) -> Iterator[str]:
    """Yield the texts of the file that stand in published documents."""
    yield from filter(None, (site.title, site.url, site.description, site.contact))
    for feed in feeds:
        owner = feed.podcast.owner if feed.podcast else None
        texts = (feed.id, feed.title, feed.description, feed.author, feed.link, feed.image, feed.icon, owner)
        yield from filter(None, texts)
    for source in sources:
        yield from (source.id, *source.tags)


def _list_private_addresses(sources: Iterable[Source]) -> frozenset[str]:
    """Return the addresses of private sources and their hosts, which are masked as a password is."""
    urls = [source.address for source in sources if source.private and source.root is None]
    return frozenset(urls).union(*(spell_host(host) for url in urls if (host := urlsplit(url).hostname)))
