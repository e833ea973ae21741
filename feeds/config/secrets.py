"""The secrets of a file: which values from outside are secret, and which sources have one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..registry import address_kinds
from .problems import KeyPath
from .values import spell_host

Span = tuple[int, int]

MIN_SEARCHED_LENGTH = 8  # a shorter value is masked when printed, but would be found in documents by chance

_CREDENTIAL_KEYS = {"auth", "headers", "command", "env"}
_SERVICE_KEYS = {"proxy", "store", "on_publish"}  # addresses of services, which may hold a password
_WHOLE_SECRETS = {("server", "admin_token"), ("public", "access_key"), ("public", "secret_key")}
_MIN_MASKED_LENGTH = 4  # of a value in an address: masking `80` or `en` would garble every line

_ADDRESS = re.compile(
    r"[a-z][a-z0-9+.-]*://(?:(?P<user>[^/?#:@]*)(?::(?P<password>[^/?#]*))?@)?"
    r"(?P<host>\[[^\]/?#]*\]|[^/?#:@]*)(?::[0-9]*)?(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?",
    re.IGNORECASE | re.DOTALL,
)
_CONFIDENTIAL_PARTS = ("user", "password", "path", "query", "fragment")


@dataclass(slots=True)
class Secrets:
    """The secret values of one file, and the sources that have one.

    `printed` are masked in all output; `searched`, of at least `MIN_SEARCHED_LENGTH` characters, may stand in no
    document; those of the keys in `short` are shorter. `sources` have one in their address, headers or auth; `defaults`
    are the keys of `defaults:` with one.
    """

    printed: set[str] = field(default_factory=set)
    searched: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    defaults: set[str] = field(default_factory=set)
    short: list[str] = field(default_factory=list)

    def add(self, path: KeyPath, text: str, spans: Sequence[Span]) -> None:
        """Add the values from outside that stand at `spans` of the text at `path`."""
        secret = self._add_spans(path, text, spans) if spans else ()
        if any(end - start < MIN_SEARCHED_LENGTH for start, end in secret):
            self.short.append(".".join(map(str, path)))

    def _add_spans(self, path: KeyPath, text: str, spans: Sequence[Span]) -> Sequence[Span]:
        """Add the values; return the spans of those that are secret."""
        section, names = path[0], [str(name) for name in path[1:]]
        if section in _SERVICE_KEYS:
            return self._add_service(text, spans)
        if (section, *names) in _WHOLE_SECRETS:
            return self._add_whole(text, spans)
        if section not in ("sources", "defaults") or not names:
            return ()
        source = names.pop(0) if section == "sources" else ""
        key = names[0] if names else "feed"
        if key in _CREDENTIAL_KEYS:
            holders, name = (self.sources, source) if source else (self.defaults, key)
            holders.add(name)
            return self._add_whole(text, spans)
        if key in _SERVICE_KEYS:
            return self._add_service(text, spans)
        kind = address_kinds().get(key)
        if kind is None or (kind.value == "text" and kind.locate is None):
            return ()
        if kind.locate is None:
            return self._add_address(source, text, spans)
        self.sources.add(source)  # nothing is known about the parts of the text
        return self._add_whole(text, spans)

    def _add_whole(self, text: str, spans: Sequence[Span]) -> Sequence[Span]:
        self._add_values(text[start:end] for start, end in spans)
        return spans

    def _add_service(self, address: str, spans: Sequence[Span]) -> Sequence[Span]:
        self._add_pieces(address, spans)
        return self._add_whole(address, spans)

    def _add_values(self, values: Iterator[str]) -> None:
        for value in values:
            self.printed.add(value)
            if len(value) >= MIN_SEARCHED_LENGTH:
                self.searched.add(value)

    def _add_pieces(self, address: str, spans: Sequence[Span]) -> None:
        pieces = (piece for span in spans for piece in _find_pieces(address, span))
        self._add_values(piece for piece in pieces if len(piece) >= _MIN_MASKED_LENGTH)

    def _add_address(self, source: str, text: str, spans: Sequence[Span]) -> Sequence[Span]:
        address = _ADDRESS.fullmatch(text)
        if not address:  # a local file, or an address that is going to be refused with a message
            self.printed.update(text[start:end] for start, end in spans if end - start >= _MIN_MASKED_LENGTH)
            return ()
        parts = [address.span(part) for part in _CONFIDENTIAL_PARTS]
        secret = [span for span in spans if any(_overlaps(span, part) for part in (address.span("host"), *parts))]
        self.printed.update(text[start:end] for start, end in secret if end - start >= _MIN_MASKED_LENGTH)
        self._add_pieces(text, secret)
        if secret:
            self.sources.add(source)
        inside_a_part = any(first <= start and end <= last for start, end in secret for first, last in parts)
        if inside_a_part or address["query"] or address["fragment"] or address["user"]:
            # A value that is too short to be searched for is found by the address that it makes. An address that came
            # as a whole and is only a path is not searched for: those of the stories may begin with it.
            spellings = (text, text.partition("://")[2])
            self.searched.update(spelling for spelling in spellings if len(spelling) >= MIN_SEARCHED_LENGTH)
        return secret


def _find_pieces(text: str, span: Span) -> Iterator[str]:
    """Yield what a value from outside puts into the confidential parts of an address.

    Of a value that reaches over several parts, as a whole address does, these are the parameters of its query and the
    segments of its path that look like a token: sources repeat them in other addresses. A host is confidential where
    the value is a host as a whole, not as a piece of a public name.
    """
    address = _ADDRESS.fullmatch(text)
    start, end = span
    if not address:
        return
    if start == address.start("host") and address.end("host") <= end <= address.start("path"):
        yield from (text[start:end], *spell_host(address["host"]))
    for part in _CONFIDENTIAL_PARTS:
        first, last = max(start, address.start(part)), min(end, address.end(part))
        piece = text[first:last] if first < last else ""
        if part == "query":
            yield from _find_long_parameters(piece)
        if piece and (piece == text[start:end] or (part != "path" and len(piece) >= MIN_SEARCHED_LENGTH)):
            yield piece
        elif part == "path":
            yield from _find_tokens(piece)


def _find_long_parameters(query: str) -> Iterator[str]:
    values = (pair.rpartition("=")[2] for pair in query.split("&"))
    return (value for value in values if len(value) >= MIN_SEARCHED_LENGTH)


def _find_tokens(path: str) -> Iterator[str]:
    return (
        segment for segment in path.split("/") if len(segment) >= MIN_SEARCHED_LENGTH and re.search(r"[0-9]", segment)
    )


def _overlaps(span: Span, part: Span) -> bool:
    """Tell whether two spans share a character; a part that is not there has the span (-1, -1)."""
    return max(span[0], part[0]) < min(span[1], part[1])
