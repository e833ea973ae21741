"""The step `strip`: it removes parameters that track readers from the addresses that they follow."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape, unescape

from ..clean_html import REST_OF_TAG
from ..iri import is_tracking
from ..model import Article, ArticleFunction, StepContext, replace

_PARAMETER = re.compile(r"[^\s&=?#*]+\*?")
_LINK = re.compile(rf"<a(?=\s){REST_OF_TAG}")
_HREF = re.compile(r'(?<=\shref=")[^"]*[?#][^"]*(?=")')


@dataclass(frozen=True, slots=True)
class Strip:
    """Remove tracking parameters from the addresses of an article, its comments and twins, and from links in its text.

    `parameters` are names in addition to those of the table; a `*` at the end means any that begin so.
    """

    parameters: tuple[str, ...] = field(
        default=(),
        metadata={
            "description": "Further parameters; a * at the end means all that begin so.",
            "example": ["ref", "src_*"],
        },
    )

    def __post_init__(self) -> None:
        """Raise ValueError for what is no name of a parameter."""
        for name in self.parameters:
            if not _PARAMETER.fullmatch(name):
                raise ValueError(f"`{name}` is no name of a parameter, expected such as ref, or src_* for all src_…")

    def start(self, context: StepContext) -> ArticleFunction:
        """Return the function that strips the addresses of an article."""
        names = frozenset(name.lower() for name in self.parameters)
        prefixes = tuple(name[:-1].lower() for name in self.parameters if name.endswith("*"))

        def is_stripped(name: str) -> bool:
            return is_tracking(name) or name in names or name.startswith(prefixes)

        def strip(article: Article) -> Article:
            return _strip_article(article, lambda url: strip_parameters(url, is_stripped), context)

        return strip


def strip_parameters(url: str, is_stripped: Callable[[str], bool]) -> str:
    """Return the URL without such parameters, in its query and in a fragment that consists of them."""
    address, mark, fragment = url.partition("#")
    if mark and all("=" in pair and is_stripped(_name(pair)) for pair in fragment.split("&")):
        mark = fragment = ""
    base, question, query = address.partition("?")
    pairs = query.split("&")
    kept = [pair for pair in pairs if not is_stripped(_name(pair))]
    if len(kept) < len(pairs):
        query = "&".join(kept)
        question = question if query else ""
    return f"{base}{question}{query}{mark}{fragment}"


def _name(pair: str) -> str:
    return pair.partition("=")[0].lower()


def _strip_value(value: str, strip: Callable[[str], str]) -> str:
    """Strip the value of an attribute; one without tracking stays as it is spelled."""
    url = unescape(value)
    stripped = strip(url)
    return value if stripped == url else escape(stripped)


def _strip_article(article: Article, strip: Callable[[str], str], context: StepContext) -> Article:
    changes: dict[str, object] = {}
    for name in ("url", "external_url"):
        url: str | None = getattr(article, name)
        if url and (stripped := strip(url)) != url:
            changes[name] = stripped
    comments = article.comments
    if comments and comments.url and (stripped := strip(comments.url)) != comments.url:
        changes["comments"] = replace(comments, url=stripped)
    twins = tuple(replace(twin, url=strip(twin.url)) for twin in article.also_at)
    if twins != article.also_at:
        changes["also_at"] = twins
    html = _LINK.sub(lambda tag: _HREF.sub(lambda href: _strip_value(href[0], strip), tag[0]), article.html)
    if html != article.html:
        changes["html"] = context.clean(html)
    return replace(article, **changes) if changes else article
