"""The last line before publication: what still holds a secret of the configuration is dropped or masked (DESIGN §2).

Sources repeat secrets: private podcasts give their token in every enclosure, servers echo headers. An address that
holds one is dropped, a text masked, and the rest is published, so that one source never stalls a feed.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from hashlib import sha256

from ..config.masking import contains_secret, mask
from ..model import Article, Document, Harvest, Outcome

log = logging.getLogger("feeds.app")

_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*:|//)\S+", re.IGNORECASE)
_TAG_OR_TEXT = re.compile(r"""<(?:"[^"]*"|'[^']*'|[^<>"'])*>|<|[^<]+""")
_ATTRIBUTE = re.compile(r"""\s[^\s=<>"'/]+=(?:"[^"]*"|'[^']*')""")

# Fields of an article that are never published, and those that are given a treatment of their own.
_UNPUBLISHED = {"source_id", "upstream_id", "minted_id", "story_digest", "story_key", "found", "reader", "page"}
_APART = {*_UNPUBLISHED, "published_id", "title", "summary", "html", "key", "changed"}


class PublicationGate:
    """Takes `secrets` out of articles and documents; `authority` is that of the ids we mint."""

    def __init__(self, secrets: frozenset[str], authority: str) -> None:
        self._secrets = secrets
        self._authority = authority

    def outcome(self, outcome: Outcome) -> Outcome:
        """Return an outcome whose articles hold no secret."""
        result = outcome.result
        if not self._secrets or not isinstance(result, Harvest):
            return outcome
        return replace(outcome, result=replace(result, articles=tuple(map(self.article, result.articles))))

    def article(self, article: Article) -> Article:
        """Return the article without addresses that hold a secret, and with secrets in its texts masked."""
        if not self._secrets or not contains_secret("\n".join(_strings(article)), self._secrets):
            return article
        changes = {spec.name: self._value_of(spec, article) for spec in fields(Article) if spec.name not in _APART}
        return replace(
            article,
            published_id=self.published_id(article.published_id),
            title=self._text(article.title),
            summary=self._text(article.summary),
            html=self._html(article.html),
            **changes,  # type: ignore[arg-type]  # each is a value of its own field, or that field's default
        )

    def published_id(self, published_id: str) -> str:
        """Return the id, or where it holds a secret one of ours that is always the same for it."""
        if not contains_secret(published_id, self._secrets):
            return published_id
        return f"tag:{self._authority}:{sha256(published_id.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"

    def document(self, document: Document) -> Document:
        """Return the document with secrets masked wherever their place is a value; names of elements are ours."""
        text = document.body.decode("utf-8", "surrogatepass") if self._secrets else ""
        if not contains_secret(text, self._secrets):
            return document
        clean = self._json if document.media_type.endswith("json") else self._markup
        body = clean(text).encode("utf-8", "surrogatepass")
        if body == document.body:
            return document
        log.warning("%s held a secret of the configuration, which is masked there", document.path)
        return replace(document, body=body)

    # ── records ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _value_of(self, spec: Field[object], record: object) -> object:
        """The clean value of a field; where nothing is left of it, the default, or None where there is none."""
        value = self._clean(getattr(record, spec.name))
        if value is None:
            return None if spec.default is MISSING else spec.default
        return value

    def _clean(self, value: object) -> object:
        """The value without secrets; None where nothing is left of it."""
        if isinstance(value, str):
            if not contains_secret(value, self._secrets):
                return value
            return None if _ADDRESS.fullmatch(value.strip()) else mask(value, self._secrets)
        if isinstance(value, tuple):
            return tuple(item for item in map(self._clean, value) if item is not None)
        if isinstance(value, Mapping):
            items = ((self._text(str(name)), self._clean(item)) for name, item in value.items())
            return {name: item for name, item in items if item is not None}
        return self._record(value) if is_dataclass(value) else value

    def _record(self, record: object) -> object:
        """The record without secrets; None where a field without a default is gone."""
        specs = fields(record)  # type: ignore[arg-type]
        values = {spec.name: self._value_of(spec, record) for spec in specs}
        if any(
            values[spec.name] is None and getattr(record, spec.name) is not None and _needed(spec) for spec in specs
        ):
            return None
        return replace(record, **values)  # type: ignore[type-var]

    # ── texts ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _text(self, text: str) -> str:
        return mask(text, self._secrets) if contains_secret(text, self._secrets) else text

    def _html(self, html: str) -> str:
        """HTML without the attributes that hold a secret, and with secrets in its text masked."""
        return self._tags_and_texts(html, lambda attribute: "") if contains_secret(html, self._secrets) else html

    def _markup(self, markup: str) -> str:
        """Markup with secrets in its texts and in the values of its attributes masked."""

        def masked(attribute: str) -> str:
            name, mark, value = attribute.partition("=")
            return f"{name}{mark}{value[0]}{mask(value[1:-1], self._secrets)}{value[-1]}"

        return self._tags_and_texts(markup, masked)

    def _tags_and_texts(self, markup: str, replacement: Callable[[str], str]) -> str:
        def attribute(match: re.Match[str]) -> str:
            return replacement(match[0]) if contains_secret(match[0], self._secrets) else match[0]

        def piece(match: re.Match[str]) -> str:
            text = match[0]
            if not contains_secret(text, self._secrets):
                return text
            return _ATTRIBUTE.sub(attribute, text) if text.startswith("<") else mask(text, self._secrets)

        return _TAG_OR_TEXT.sub(piece, markup)

    def _json(self, text: str) -> str:
        return json.dumps(self._masked(json.loads(text)), ensure_ascii=False, separators=(",", ":")) + "\n"

    def _masked(self, value: object) -> object:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            return [self._masked(item) for item in value]
        return {name: self._masked(item) for name, item in value.items()} if isinstance(value, dict) else value


def _strings(value: object) -> Iterator[str]:
    """Every text in a record, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, Mapping):
        yield from _strings((*value.keys(), *value.values()))
    elif is_dataclass(value):
        for spec in fields(value):
            if spec.name not in _UNPUBLISHED:
                yield from _strings(getattr(value, spec.name))


def _needed(spec: Field[object]) -> bool:
    return spec.default is MISSING and spec.default_factory is MISSING
