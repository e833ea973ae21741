"""Mistakes between keys: keys that exclude each other, references, ids used twice, intervals that are too short.

They are found in the plain values, not in the checked shape, so that they are reported together with all others.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from urllib.parse import urlsplit

from ..codings import CODING_NAMES, find_codings
from ..registry import address_kinds
from .paths import ConfigLocation, split_glob
from .problems import Finding, KeyPath, did_you_mean, join_with_or
from .schema import SELECTORS, source_shape
from .units import parse_duration
from .values import find_shortest_gap, is_bucket, is_url, parse_cron
from .yaml_mapping import list_keys
from .yaml_reader import PlainValue

MIN_INTERVAL = 300.0  # seconds, for other people's servers (E12)
_LISTEN = "127.0.0.1:8080"  # unless `server.listen` says otherwise
SHARED = "shared"  # shared/files are the style sheets and the list of feeds
_EXPECTED_INTERVAL = "expected at least 5m for other people's servers"


SettingsMapping = Mapping[str, PlainValue]


def find_mistakes(data: SettingsMapping, location: ConfigLocation) -> Iterator[Finding]:
    """Yield all such mistakes of a file."""
    sources, feeds, defaults = (_mapping(data.get(key)) for key in ("sources", "feeds", "defaults"))
    yield from _check_exclusive_keys(("defaults",), defaults)
    may_run = str(data.get("allow_commands")).lower() == "true"
    for name, entry in sources.items():
        if isinstance(entry, dict):
            yield from _check_source(("sources", name), entry, defaults)
            yield from _check_program(("sources", name), entry, may_run)
            yield from _check_files(("sources", name, "files"), entry.get("files"), location)
    theme = data.get("theme")
    if isinstance(theme, str) and not location.resolve(theme).is_dir():
        yield Finding(("theme",), f"`{theme}` is no folder, expected one with templates, style sheets or pictures")
    yield from _check_codings(_mapping(data.get("site")).get("compress"))
    yield from _check_bucket(data.get("public"))
    yield from _check_admin(_mapping(data.get("server")))
    yield from _check_intervals(sources, defaults)
    yield from _check_earlier_ids("sources", sources)
    yield from _check_earlier_ids("feeds", feeds)
    for name, entry in feeds.items():
        if name == SHARED and _mapping(entry).get("each") is not None:
            yield Finding(("feeds", name), f"the id `{name}` is taken by files of ours, expected another", at_key=True)
        yield from _check_references(("feeds", name, "sources"), _mapping(entry).get("sources"), sources)


def _mapping(value: PlainValue | None) -> dict[str, PlainValue]:
    return value if isinstance(value, dict) else {}


def _check_codings(names: PlainValue | None) -> Iterator[Finding]:
    """Find codings whose library is not installed."""
    installed = {coding.name for coding in find_codings()}
    for name in names if isinstance(names, list) else [names]:
        if name in CODING_NAMES and name not in installed:
            yield Finding(("site", "compress"), f"`{name}` takes a library that is missing: install feeds[speed]")


def _check_bucket(public: PlainValue | None) -> Iterator[Finding]:
    """Find an object store whose library is not installed, half a key, and keys that only S3 has."""
    bucket = _mapping(public)
    url = bucket.get("url") if bucket else public
    path: KeyPath = ("public", "url") if bucket else ("public",)
    if not isinstance(url, str) or not is_bucket(url):
        return
    if find_spec("obstore") is None:
        yield Finding(path, f"`{url}` takes a library that is missing: install feeds[s3]")
    for key, other in (("access_key", "secret_key"), ("secret_key", "access_key")):
        if bucket.get(key) is not None and bucket.get(other) is None:
            yield Finding((*path[:1], key), f"`{key}` has no effect without `{other}`, expected both", at_key=True)
    if not url.startswith("s3://"):
        for key in bucket.keys() - {"url"}:
            message = f"`{key}` is for s3:// alone, expected it in the environment"
            yield Finding((*path[:1], key), message, at_key=True)


def _check_admin(server: SettingsMapping) -> Iterator[Finding]:
    """Find an operator's page that other machines could reach without a token, and a token without a page (S19)."""
    admin, token = server.get("admin"), server.get("admin_token")
    if admin is not None and admin == server.get("listen", _LISTEN):
        yield Finding(("server", "admin"), f"`{admin}` is the address of the published files, expected another")
    with suppress(ValueError):  # the check of the value itself reports it
        if isinstance(admin, str) and token is None and not is_loopback(f"http://{admin}/"):
            expected = "expected a loopback address such as 127.0.0.1:8081, or an `admin_token` beside it"
            message = f"other machines could reach the operator's page at `{admin}`, {expected}"
            yield Finding(("server", "admin"), message)
    if token is not None and admin is None:
        message = "`admin_token` has no effect without `admin`, expected both"
        yield Finding(("server", "admin_token"), message, at_key=True)


# ── one source ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _check_source(path: KeyPath, source: SettingsMapping, defaults: SettingsMapping) -> Iterator[Finding]:
    names = list(address_kinds())
    kinds = [kind for kind in names if source.get(kind) is not None]
    if not kinds and not source.keys() - list_keys(source_shape()):  # else a key is misspelt, which is reported already
        yield Finding(path, f"the source has no address, expected exactly one of {join_with_or(names)}", at_key=True)
    for kind in kinds[1:]:
        yield Finding((*path, kind), f"`{kinds[0]}` and `{kind}` are both given, expected one of them", at_key=True)
    yield from _check_exclusive_keys(path, source)
    yield from _check_selectors(path, source, defaults, kinds)


def _check_exclusive_keys(path: KeyPath, source: SettingsMapping) -> Iterator[Finding]:
    if source.get("every") is not None and source.get("cron") is not None:
        yield Finding((*path, "cron"), "`every` and `cron` are both given, expected one of them", at_key=True)
    auth = _mapping(source.get("auth"))
    if auth.get("basic") is not None and auth.get("bearer") is not None:
        yield Finding((*path, "auth"), "`basic` and `bearer` are both given, expected one of them", at_key=True)
    if "auth" in source and not any(value is not None for value in auth.values()):
        expected = 'expected {basic: [user, "${PASSWORD}"]} or {bearer: "${TOKEN}"}'
        yield Finding((*path, "auth"), f"nothing stands in `auth`, {expected}", at_key=True)
    for header in _mapping(source.get("headers")):
        if auth and header.lower() == "authorization":
            yield Finding((*path, "headers", header), "`auth` sends this header, expected one of them", at_key=True)


def _check_selectors(
    path: KeyPath, source: SettingsMapping, defaults: SettingsMapping, kinds: list[str]
) -> Iterator[Finding]:
    """Find selectors of a source that reads no page: most likely `title:` was meant to be a name."""
    full_text = str(source.get("full_text", defaults.get("full_text"))).lower() == "true"
    if source.keys().isdisjoint(SELECTORS):
        return
    reads_pages = len(kinds) != 1 or address_kinds()[kinds[0]].story_pages
    if not reads_pages and not full_text and source.get("as") is None:
        for key in SELECTORS:
            if source.get(key) is not None:
                message = f"`{key}` selects within pages, expected it with `page`, `sitemap` or `full_text: true`"
                yield Finding((*path, key), message, at_key=True)


def _check_program(path: KeyPath, source: SettingsMapping, may_run: bool) -> Iterator[Finding]:
    """Find a program that the operator has not allowed, and settings of a program without one."""
    if source.get("command") is None:
        for key in ("env", "base"):
            if source.get(key) is not None:
                message = f"`{key}` is for the program of a source, expected it with `command`"
                yield Finding((*path, key), message, at_key=True)
    elif not may_run:
        expected = "expected `allow_commands: true` at the top level, if it may"
        yield Finding((*path, "command"), f"the source runs a program, which is not allowed, {expected}", at_key=True)


def _check_files(path: KeyPath, pattern: PlainValue | None, location: ConfigLocation) -> Iterator[Finding]:
    """Find a glob that leads out of its fixed part (S14: nothing outside it is read), or that pathlib does not take."""
    if not isinstance(pattern, str):
        return
    _, wild = split_glob(pattern)
    if ".." in wild.split("/"):
        yield Finding(path, f"`{pattern}` has a `..` after its first *, expected every `..` at the beginning")
    elif any("**" in part and part != "**" for part in wild.split("/")):
        yield Finding(path, f"`{pattern}` has a `**` that is no whole part, expected such as `stories/**/*.md`")
    elif not wild and (pattern.endswith("/") or location.resolve(pattern).is_dir()):
        better = pattern.rstrip("/") + "/*.md"
        yield Finding(path, f"`{pattern}` is a folder, expected a pattern, did you mean `{better}`?")


# ── intervals ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _check_intervals(sources: SettingsMapping, defaults: SettingsMapping) -> Iterator[Finding]:
    """Find intervals below five minutes for other people's servers (E12)."""
    short_default = _find_short_interval(defaults)
    for name, entry in sources.items():
        source = _mapping(entry)
        short = _find_short_interval(source)
        if not (short or short_default) or not _is_foreign(entry):
            continue
        if short:
            yield Finding(("sources", name, *short.path), f"`{short.message}` is too often, {_EXPECTED_INTERVAL}")
        elif short_default and not {"every", "cron"} & source.keys():
            message = f"`{short_default.message}` is too often for the source `{name}`, {_EXPECTED_INTERVAL}"
            yield Finding(("defaults", *short_default.path), message)
            short_default = None  # once is enough


def _find_short_interval(settings: SettingsMapping) -> Finding | None:
    """Return the `every` or `cron` whose interval is too short, as it is spelled, if there is one."""
    every, cron = settings.get("every"), settings.get("cron")
    if every is None and cron is None:
        return None
    bounds = every.get("auto") if isinstance(every, dict) else every
    shortest = bounds[0] if isinstance(bounds, list) and bounds else bounds
    try:
        if isinstance(shortest, str) and 1 <= parse_duration(shortest) < MIN_INTERVAL:
            return Finding(("every",) if shortest is bounds else ("every", "auto", 0), shortest)
        if isinstance(cron, str) and find_shortest_gap(parse_cron(cron)) < MIN_INTERVAL:
            return Finding(("cron",), cron)
    except ValueError:  # the check of the value itself reports it
        return None
    return None


def _is_foreign(entry: PlainValue) -> bool:
    """Tell whether the source is on a server that is not this machine."""
    addresses = [entry] if isinstance(entry, str) else _list_addresses(_mapping(entry))
    return any(is_url(address) and not is_loopback(address) for address in addresses)


def _list_addresses(source: SettingsMapping) -> Iterator[str]:
    """Yield the addresses of a source; a text that is none is reported by the check of the value itself."""
    for name, kind in address_kinds().items():
        if isinstance(text := source.get(name), str):
            with suppress(ValueError):
                yield kind.locate(text) if kind.locate else text


def is_loopback(url: str) -> bool:
    """Tell whether a URL's host is this machine, by its spelling."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


# ── ids ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _check_earlier_ids(section: str, entries: SettingsMapping) -> Iterator[Finding]:
    """Find earlier ids that belong to two entries, or that are present ids too."""
    owners: dict[str, str] = {}
    for name, entry in entries.items():
        earlier = _mapping(entry).get("was")
        for index, old in enumerate(earlier if isinstance(earlier, list) else [earlier]):
            if not isinstance(old, str):
                continue
            path = (section, name, "was", index)
            if old in entries:
                yield Finding(path, f"`{old}` is an id of its own in `{section}`, expected an id no longer used")
            elif owners.setdefault(old, name) != name:
                yield Finding(path, f"`{old}` is an earlier id of `{owners[old]}` already, expected it once")


def _check_references(path: KeyPath, value: PlainValue | None, sources: SettingsMapping) -> Iterator[Finding]:
    for index, reference in enumerate(value if isinstance(value, list) else [value]):
        if not isinstance(reference, str) or reference in sources:
            continue
        head, slash, _ = reference.partition("/")
        if slash and _mapping(sources.get(head)).get("opml") is not None:
            continue
        message = f"there is no source `{reference}`, expected an id under `sources`{did_you_mean(reference, sources)}"
        yield Finding((*path, index), message)
