"""What single values cannot tell: keys that exclude each other, references, ids used twice, manners towards others.

Works on the plain values, not on the checked shape, so that these mistakes are told together with all the others.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from . import units, values
from .interpolate import PlainValue
from .paths import ConfigEnvironment, split_glob
from .problems import listed, meant
from .schema import KINDS, SELECTORS, SourceShape, keys
from .yaml_nodes import KeyPath

SHORTEST_INTERVAL = 300.0  # E12: for other people's servers
_SHORTEST = "expected at least 5m for other people's servers"

_SOURCE_KEYS = frozenset(keys(SourceShape))


class Finding(NamedTuple):
    """A mistake at a route; `at_key` points to the key instead of its value."""

    route: KeyPath
    message: str
    at_key: bool = False


SettingsMapping = Mapping[str, PlainValue]


def findings(data: SettingsMapping, around: ConfigEnvironment) -> Iterator[Finding]:
    """All such mistakes of a file."""
    sources, feeds, defaults = (_mapping(data.get(key)) for key in ("sources", "feeds", "defaults"))
    yield from _exclusive(("defaults",), defaults)
    for name, entry in sources.items():
        if isinstance(entry, dict):
            yield from _of_source(("sources", name), entry, defaults)
            yield from _files(("sources", name, "files"), entry.get("files"), around)
    yield from _manners(sources, defaults)
    yield from _earlier("sources", sources)
    yield from _earlier("feeds", feeds)
    for name, entry in feeds.items():
        yield from _references(("feeds", name, "sources"), _mapping(entry).get("sources"), sources)
    server = _mapping(data.get("server"))
    if server.get("listen") is not None and server.get("listen") == server.get("admin") != "127.0.0.1:0":
        yield Finding(("server", "admin"), "this is where `listen` is, expected another port")


def _mapping(value: PlainValue | None) -> dict[str, PlainValue]:
    return value if isinstance(value, dict) else {}


# ── one source ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _of_source(route: KeyPath, source: SettingsMapping, defaults: SettingsMapping) -> Iterator[Finding]:
    given = [kind for kind in KINDS if source.get(kind) is not None]
    if not given and _SOURCE_KEYS.issuperset(source):  # else a key is misspelt, and that is said already
        yield Finding(route, f"the source has no address, expected exactly one of {listed(KINDS)}", at_key=True)
    for more in given[1:]:
        yield Finding((*route, more), f"`{given[0]}` and `{more}` are both given, expected one of them", at_key=True)
    yield from _exclusive(route, source)
    yield from _needless(route, source, defaults, given)


def _exclusive(route: KeyPath, source: SettingsMapping) -> Iterator[Finding]:
    if source.get("every") is not None and source.get("cron") is not None:
        yield Finding((*route, "cron"), "`every` and `cron` are both given, expected one of them", at_key=True)
    auth = _mapping(source.get("auth"))
    if auth.get("basic") is not None and auth.get("bearer") is not None:
        yield Finding((*route, "auth"), "`basic` and `bearer` are both given, expected one of them", at_key=True)
    if "auth" in source and not any(value is not None for value in auth.values()):
        expected = 'expected {basic: [user, "${PASSWORD}"]} or {bearer: "${TOKEN}"}'
        yield Finding((*route, "auth"), f"nothing stands in `auth`, {expected}", at_key=True)
    for header in _mapping(source.get("headers")):
        if auth and header.lower() == "authorization":
            yield Finding((*route, "headers", header), "`auth` sends this header, expected one of them", at_key=True)


def _needless(
    route: KeyPath, source: SettingsMapping, defaults: SettingsMapping, given: list[str]
) -> Iterator[Finding]:
    """Selectors where no page is ever read: most likely `title:` was meant to be a name."""
    full_text = str(source.get("full_text", defaults.get("full_text"))).lower() == "true"
    if given in (["feed"], ["files"]) and not full_text and source.get("as") is None:
        for key in SELECTORS:
            if source.get(key) is not None:
                message = f"`{key}` selects within pages, expected it with `page`, `sitemap` or `full_text: true`"
                yield Finding((*route, key), message, at_key=True)


def _files(route: KeyPath, pattern: PlainValue | None, around: ConfigEnvironment) -> Iterator[Finding]:
    """S14: nothing outside the fixed part of a glob is read."""
    if not isinstance(pattern, str):
        return
    _, wild = split_glob(pattern)
    if ".." in wild.split("/"):
        yield Finding(route, f"`{pattern}` climbs out after its first *, expected every `..` at the beginning")
    elif not wild and (pattern.endswith("/") or around.locate(pattern).is_dir()):
        better = pattern.rstrip("/") + "/*.md"
        yield Finding(route, f"`{pattern}` is a folder, expected a pattern, did you mean `{better}`?")


# ── manners ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _manners(sources: SettingsMapping, defaults: SettingsMapping) -> Iterator[Finding]:
    """E12: at least five minutes between visits to other people's servers, whoever says how often."""
    hasty_default = _hasty(defaults)
    for name, entry in sources.items():
        source = _mapping(entry)
        if not _is_foreign(entry):
            continue
        if hasty := _hasty(source):
            yield Finding(("sources", name, *hasty.route), f"`{hasty.message}` is too often, {_SHORTEST}")
        elif hasty_default and not {"every", "cron"} & source.keys():
            message = f"`{hasty_default.message}` is too often for the source `{name}`, {_SHORTEST}"
            yield Finding(("defaults", *hasty_default.route), message)
            hasty_default = None  # once is enough


def _hasty(settings: SettingsMapping) -> Finding | None:
    """What asks for visits more often than is polite, if anything does."""
    every, cron = settings.get("every"), settings.get("cron")
    bounds = every.get("auto") if isinstance(every, dict) else every
    least = bounds[0] if isinstance(bounds, list) and bounds else bounds
    try:
        if isinstance(least, str) and 1 <= units.seconds(least) < SHORTEST_INTERVAL:
            return Finding(("every",) if least is bounds else ("every", "auto", 0), least)
        if isinstance(cron, str) and values.shortest_gap(values.cron(cron)) < SHORTEST_INTERVAL:
            return Finding(("cron",), cron)
    except ValueError:  # said already, by the check of the value itself
        return None
    return None


def _is_foreign(entry: PlainValue) -> bool:
    """Whether the source lives on a server, and that is not this very machine."""
    addresses = [entry] if isinstance(entry, str) else [_mapping(entry).get(kind) for kind in KINDS if kind != "files"]
    return any(
        isinstance(address, str) and values.is_url(address) and not is_loopback(address) for address in addresses
    )


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this very machine, by its spelling."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


# ── ids ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _earlier(section: str, entries: SettingsMapping) -> Iterator[Finding]:
    """An earlier id belongs to one entry, and is no present id."""
    owners: dict[str, str] = {}
    for name, entry in entries.items():
        earlier = _mapping(entry).get("was")
        for index, old in enumerate(earlier if isinstance(earlier, list) else [earlier]):
            if not isinstance(old, str):
                continue
            route = (section, name, "was", index)
            if old in entries:
                yield Finding(route, f"`{old}` is an id of its own in `{section}`, expected an id no longer used")
            elif owners.setdefault(old, name) != name:
                yield Finding(route, f"`{old}` is an earlier id of `{owners[old]}` already, expected it once")


def _references(route: KeyPath, value: PlainValue | None, sources: SettingsMapping) -> Iterator[Finding]:
    for index, reference in enumerate(value if isinstance(value, list) else [value]):
        if not isinstance(reference, str) or reference in sources:
            continue
        head, slash, _ = reference.partition("/")
        if slash and _mapping(sources.get(head)).get("opml") is not None:
            continue
        message = f"there is no source `{reference}`, expected an id under `sources`{meant(reference, sources)}"
        yield Finding((*route, index), message)
