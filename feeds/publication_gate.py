"""The removal of secrets from articles before they are stored, and from documents before they are published.

Sources repeat secrets: private podcasts give their token in every enclosure, servers echo headers. An address that
holds one is dropped, a text masked, and the rest is published, so that one source never stalls a feed.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from urllib.parse import urlsplit

from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo, fields

from .errors import PublishError
from .masking import MASK, contains_secret, mask
from .model import Article, Document, Event, Origin, Source, field_names, replace

log = logging.getLogger("feeds.app")

_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*:|//)\S+", re.IGNORECASE)
_PIECE = re.compile(
    r"""<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)|(?P<tag><(?:"[^"]*"|'[^']*'|[^<>"'])*>)|<|[^<]+""",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"""\s[^\s=<>"'/]+=(?:"[^"]*"|'[^']*'|[^\s"'>]+)""")

# Fields of an article that are never published, and those that `clean_article` treats each in its own way.
_UNPUBLISHED = {"source_id", "upstream_id", "minted_id", "story_digest", "found", "reader", "page"}
_UNPUBLISHED |= {"link_key", "title_key", "story_key"}
_NOT_CLEANED_BY_TYPE = {*_UNPUBLISHED, "published_id", "title", "summary", "html", "key", "changed"}


def hide_origin(article: Article, source: Source) -> Article:
    """Return an article of a private source without the source's address, which older versions stored with it."""
    origin = article.origin
    if not source.private or origin is None or _host(source.address) not in (_host(origin.feed), _host(origin.id)):
        return article
    return replace(article, origin=Origin(title=origin.title), show=None)


def _host(address: str | None) -> str | None:
    try:
        return urlsplit(address).hostname if address else None
    except ValueError:
        return None


class PublicationGate:
    """Removes `secrets` from articles and documents; `authority` is that of the ids we mint.

    `private_addresses` are those of private sources, which older versions stored as the origin of articles.
    """

    def __init__(
        self, secrets: frozenset[str], authority: str, private_addresses: frozenset[str] = frozenset()
    ) -> None:
        self._secrets = secrets
        self._authority = authority
        self._private_addresses = private_addresses

    def clean_article(self, article: Article) -> Article:
        """Return the article without addresses that hold a secret, and with secrets in its texts masked."""
        if not self._secrets or not contains_secret("\n".join(_strings(article)), self._secrets):
            return article
        changes = {
            spec.name: self._clean_field(spec, article)
            for spec in fields(Article)
            if spec.name not in _NOT_CLEANED_BY_TYPE
        }
        return replace(
            article,
            published_id=self.clean_id(article.published_id),
            title=self._mask_text(article.title),
            summary=self._mask_text(article.summary),
            html=self._clean_html(article.html),
            **changes,
        )

    def clean_id(self, published_id: str) -> str:
        """Return the published id; where it contains a secret, an id of ours that is always the same for it."""
        if not contains_secret(published_id, self._secrets):
            return published_id
        return f"tag:{self._authority}:{sha256(published_id.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"

    def find_replaced_id(self, id: str, published_ids: Iterable[str]) -> str | None:
        """Return the id in whose place `clean_id` puts this one."""
        if not id.startswith(f"tag:{self._authority}:"):
            return None
        return next((other for other in published_ids if other != id and self.clean_id(other) == id), None)

    def clean_event(self, event: Event) -> Event:
        """Return the event without secrets and addresses of private sources: older versions stored some."""
        published_id = self.clean_id(event.published_id)
        item = event.item
        if item and contains_secret(item, self._secrets | self._private_addresses):
            item = self._mask_json(item).rstrip()
        return replace(event, published_id=published_id, item=item)

    def is_clean(self, document: Document) -> bool:
        """Return whether a document in UTF-8 holds no secret."""
        return not self._secrets or not contains_secret(document.body.decode("utf-8", "surrogatepass"), self._secrets)

    def clean_document(self, document: Document) -> Document:
        """Return the document with secrets masked in its values; the names of its elements are ours.

        Raise PublishError where a document that is no text contains one: it cannot be masked.
        """
        if not self._secrets:
            return document
        try:
            text = document.body.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return self._check_binary(document)
        if not contains_secret(text, self._secrets):
            return document
        mask_body = self._mask_json if document.media_type.endswith("json") else self._mask_markup
        body = mask_body(text).encode("utf-8", "surrogatepass")
        if body == document.body:
            return document
        log.warning("%s contained a secret of the configuration; it is masked", document.path)
        return replace(document, body=body)

    def _check_binary(self, document: Document) -> Document:
        texts = (document.body.decode("latin-1"), document.body.decode("utf-8", "replace"))
        if any(contains_secret(text.replace("\0", ""), self._secrets) for text in texts):  # UTF-16 has NULs
            raise PublishError(
                f"{document.path} is not published: it contains a secret of the configuration, and is no text in UTF-8"
                " in which that could be masked"
            )
        return document

    # ── records ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _clean_field(self, spec: FieldInfo, record: object) -> object:
        """Return the clean value of a field; where nothing is left of it, the default, or None where there is none."""
        value = self._clean_value(getattr(record, spec.name))
        if value is None:
            return None if spec.default is NODEFAULT else spec.default
        return value

    def _clean_value(self, value: object) -> object:
        """Return the value without secrets; None where nothing is left of it."""
        if isinstance(value, str):
            if not contains_secret(value, self._secrets):
                return value
            return None if _ADDRESS.fullmatch(value.strip()) else mask(value, self._secrets)
        if isinstance(value, tuple):
            return tuple(item for item in map(self._clean_value, value) if item is not None)
        if isinstance(value, Mapping):
            items = ((self._mask_text(str(name)), self._clean_value(item)) for name, item in value.items())
            return {name: item for name, item in items if item is not None}
        return self._clean_record(value) if isinstance(value, Struct) else value

    def _clean_record(self, record: Struct) -> object:
        """Return the record without secrets; None where a field without a default is gone."""
        specs = fields(record)
        values = {spec.name: self._clean_field(spec, record) for spec in specs}
        if any(
            values[spec.name] is None and getattr(record, spec.name) is not None and spec.required for spec in specs
        ):
            return None
        return replace(record, **values)

    # ── texts ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _mask_text(self, text: str) -> str:
        return mask(text, self._secrets) if contains_secret(text, self._secrets) else text

    def _clean_html(self, html: str) -> str:
        """Return HTML without the attributes that hold a secret, and with secrets in its text masked."""
        return self._clean_markup(html, lambda attribute: "") if contains_secret(html, self._secrets) else html

    def _mask_markup(self, markup: str) -> str:
        """Return markup with secrets in its texts and in the values of its attributes masked."""

        def mask_value(attribute: str) -> str:
            name, equals, value = attribute.partition("=")
            quote = value[0] if value[0] in "\"'" else ""
            return f"{name}{equals}{quote}{mask(value[1:-1] if quote else value, self._secrets)}{quote}"

        return self._clean_markup(markup, mask_value)

    def _clean_markup(self, markup: str, clean_attribute: Callable[[str], str]) -> str:
        """Mask secrets in texts; give the attributes that hold one to `clean_attribute`."""

        def replace_attribute(match: re.Match[str]) -> str:
            return clean_attribute(match[0]) if contains_secret(match[0], self._secrets) else match[0]

        def replace_piece(match: re.Match[str]) -> str:
            text = match[0]
            if not contains_secret(text, self._secrets):
                return text
            return _ATTRIBUTE.sub(replace_attribute, text) if match["tag"] else mask(text, self._secrets)

        return _PIECE.sub(replace_piece, markup)

    def _mask_json(self, text: str) -> str:
        try:
            value = self._mask_json_value(json.loads(text))
        except ValueError:  # several documents, or another format that is called so
            return mask(text, self._secrets)
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"

    def _mask_json_value(self, value: object) -> object:
        if isinstance(value, str):
            return MASK if value in self._private_addresses else self._mask_text(value)
        if isinstance(value, list):
            return [self._mask_json_value(item) for item in value]
        return {name: self._mask_json_value(item) for name, item in value.items()} if isinstance(value, dict) else value


def _strings(value: object) -> Iterator[str]:
    """Yield every published text of a record, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, Mapping):
        yield from _strings((*value.keys(), *value.values()))
    else:
        for name in field_names(value):
            if name not in _UNPUBLISHED:
                yield from _strings(getattr(value, name))
