"""HTML as we keep it: an allow-list of elements, addresses absolute, nothing that runs or watches (S7–S10)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from html import escape, unescape
from typing import Literal

import nh3

from ..model import Story, Text
from .images import LAZY, settled
from .links import web_url
from .text import collapse, inert, legal, paragraphs

# A tag that holds `<` is left for the sanitiser to drop: so the search stays linear, whatever the input.
_FRAME = re.compile(r"<(?:iframe|embed)\b([^<>]*)>(?:[^<]*</iframe\s*>)?", re.IGNORECASE)
_VALUE = re.compile(r"\b(data-src|src|title)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)

# The player's address → the page a person would open.
_PAGES = (
    (
        re.compile(r"https?://(?:www\.)?youtube(?:-nocookie)?\.com/(?:embed|v)/([\w-]{6,})"),
        "https://www.youtube.com/watch?v=",
    ),
    (re.compile(r"https?://player\.vimeo\.com/video/(\d+)"), "https://vimeo.com/"),
    (re.compile(r"https?://(?:www\.)?dailymotion\.com/embed/video/(\w+)"), "https://www.dailymotion.com/video/"),
    (re.compile(r"https?://open\.spotify\.com/embed/(\w+/\w+)"), "https://open.spotify.com/"),
)


def unframed(html: str) -> str:
    """The HTML with a link in the place of every frame that has an address."""
    return _FRAME.sub(_link, html)


def page_of(address: str) -> str:
    """The page on which a known player's video stands, else the address itself."""
    for player, page in _PAGES:
        found = player.match(address)
        if found:
            return page + found[1]
    return address


def _link(found: re.Match[str]) -> str:
    values = {name.lower(): unescape(a or b or c) for name, a, b, c in _VALUE.findall(found[1])}
    address = (values.get("src") or values.get("data-src") or "").strip()
    if address.startswith("//"):
        address = f"https:{address}"
    if not address.lower().startswith(("http://", "https://")):
        return ""
    page = escape(page_of(address))
    return f'<a href="{page}">{escape(values.get("title", "")) or page}</a>'


# ── HTML as we keep it: an allow-list of elements, addresses absolute, nothing that runs or watches (S7–S10) ──────────


TAGS = frozenset((
    "a", "abbr", "address", "article", "aside", "audio", "b", "bdi", "bdo", "big", "blockquote", "br", "caption",
    "center", "cite", "code", "col", "colgroup", "data", "dd", "del", "details", "dfn", "div", "dl", "dt", "em",
    "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "i", "img",
    "ins", "kbd", "li", "main", "mark", "nav", "ol", "p", "picture", "pre", "q", "rp", "rt", "ruby", "s", "samp",
    "section", "small", "source", "span", "strike", "strong", "sub", "summary", "sup", "table", "tbody", "td",
    "tfoot", "th", "thead", "time", "tr", "track", "tt", "u", "ul", "var", "video", "wbr",
))  # fmt: skip
# Gone with all they hold: nothing in them is meant to be read (S9, S10).
GONE_WHOLE = frozenset((
    "applet", "iframe", "math", "noembed", "noframes", "object", "option", "script", "select", "style", "svg",
    "template", "textarea", "title",
))  # fmt: skip
ATTRIBUTES: dict[str, set[str]] = {
    "*": {"title", "lang", "dir"},
    "a": {"href", "hreflang"},
    "audio": {"src", "loop", "muted"},
    "col": {"span"},
    "colgroup": {"span"},
    "data": {"value"},
    "del": {"datetime"},
    "details": {"open"},
    "img": {"src", "srcset", "sizes", "alt", "width", "height"},
    "ins": {"datetime"},
    "li": {"value"},
    "ol": {"start", "reversed", "type"},
    "source": {"src", "srcset", "sizes", "type", "media"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope", "abbr"},
    "time": {"datetime"},
    "track": {"src", "kind", "srclang", "label"},
    "video": {"src", "poster", "width", "height", "loop", "muted"},
}
# The players come without a script to start them.
_PLAYERS = {"video": {"controls": ""}, "audio": {"controls": ""}}
SCHEMES = {"http", "https", "mailto"}

# Measured on random tag soup: without one of these, one pass is a fixed point; with them, up to four are needed.
# The first letters alone tell most tags apart, at a third of the cost.
_SHIFTING = re.compile(
    r"<(?=[a-dfhimorstA-DFHIMORST])(?i:d[dlt]\b|r[bpt]|table|caption|col|t[bdfhr]|button|select|opt|form|object|applet"
    r"|marquee|template|svg|math|html|head|body|frame|input)"
)
_NESTED_HEADING = re.compile(r"<h[1-6][ >][^<]*+(?:<(?!/?h[1-6][ >])[^<]*+)*+<h[1-6]")
# A tag other than those that make up most of what feeds carry, and that need none of the special cases.
_ODD = re.compile(
    r"<(?!/|p[ >]|a |br[ />]|img |em>|strong>|li[ >]|[biu]>|span[ >]|div[ >]|[uo]l[ >]|blockquote[ >]|figure[ >]"
    r"|figcaption[ >]|code[ >]|cite>|small>|su[bp]>)"
)
_PASSES = 6

# One item's content is cut here before it is cleaned (S15): a book has so many letters, 1 MB in a document is worth a
# warning (R14), readers give up on several, and each of them would be in every feed that holds the item.
MARKUP_LIMIT = 500_000
_WORD_LIMIT = 1_000
# The sanitiser's time grows with the square of these in one text or value: 490,000 of them cost it up to 5 s a pass.
# No honest content that is not cut already has so many, even if it spells each letter as a character reference.
_SIGNS_LIMIT = 100_000
_SIGNS = re.compile(rf"(?:[^&\xa0]*+[&\xa0]){{{_SIGNS_LIMIT}}}+")

# The sanitiser's time grows with the square of the depth: 40,000 open `div` cost it 6 s. No page is deeper than this.
# A face that is left open is opened again in every paragraph that follows: 400 of them make 6 MB of 11 kB.
_FACE = re.compile(r"<(/?)(?:a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>])", re.IGNORECASE)
_OPEN_FACES = 50
_MANY_TAGS = 1_000
_DEEPEST = 500
_OPENING = re.compile(
    r"<(/?)(?!(?:p|br|hr|img|li|td|th|tr|dd|dt|wbr|input|source|track|col|meta|link)[\s/>])[a-zA-Z]", re.I
)
_LOOSE_TAG = re.compile(r"<[a-zA-Z/!?][^<>]*>?")

_REFERENCE = re.compile(r"&#(?:x([0-9a-f]{1,8})|([0-9]{1,10}));?", re.IGNORECASE)
# What HTML would take for a comment and swallow; its author meant the letter.
_NO_COMMENT = re.compile(r"<(?=!(?!--|doctype\b|\[CDATA\[))", re.IGNORECASE)
# The parser would read what stands inside as text.
_NOSCRIPT = re.compile(r"</?noscript\b[^<>]*>", re.IGNORECASE)
_PRE_START = re.compile(r"(<pre[^>]*>)\n+")

_ANY_TAG = re.compile(r"</?([a-z0-9]*+)[^<>]*+>")  # linear, whatever the input
# Words before and after one of these are two words.
_BREAKS = frozenset((
    "address", "article", "aside", "blockquote", "br", "caption", "center", "dd", "details", "div", "dl", "dt",
    "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "li", "main",
    "nav", "ol", "p", "pre", "section", "summary", "table", "td", "th", "tr", "ul",
))  # fmt: skip
_NAMED = re.compile(
    rf"<(?=/?(?:{'|'.join(sorted(TAGS | GONE_WHOLE, key=len, reverse=True))}|font|body|html|head|form|input|button|meta"
    r"|link|base|embed|label|noscript|center|blink|marquee|frame|frameset)[\s/>]|!--)",
    re.IGNORECASE,
)


def clean(html: str, base: str | None) -> str:
    """HTML that is safe wherever it is shown; cleaning it again changes nothing (S10)."""
    html = _shallow(legal(html))
    odd = _ODD.search(html) is not None
    twice = odd and "noscript" in html
    if odd:
        html = _NO_COMMENT.sub("&lt;", _NOSCRIPT.sub("", unframed(html)))
    if "&#" in html:
        html = _REFERENCE.sub(_legal_reference, html)
    cleaned = _once(html, base, lazy="data-" in html, twice=twice)
    if _tangled(cleaned) or (odd and (_SHIFTING.search(html) or _NESTED_HEADING.search(cleaned))):
        return steady(cleaned, base)
    return cleaned


def _shallow(html: str) -> str:
    """The HTML as it is, or its words alone where it nests deeper than anything meant to be read (S15)."""
    if html.count("<") < _MANY_TAGS:
        return html
    if sum(-1 if closing else 1 for closing in _FACE.findall(html)) > _OPEN_FACES:
        return paragraphs(unescape(_LOOSE_TAG.sub(" ", html)))
    depth = 0
    for closing in _OPENING.findall(html):
        depth = max(depth - 1, 0) if closing else depth + 1
        if depth > _DEEPEST:
            return paragraphs(unescape(_LOOSE_TAG.sub(" ", html)))
    return html


def _once(html: str, base: str | None, *, lazy: bool = False, twice: bool = False) -> str:
    cleaned = _cleaner(base, lazy).clean(html)
    if "<img" in cleaned or "srcset" in cleaned:
        cleaned = settled(cleaned, base, twice=twice)
    if "<pre" in cleaned:
        cleaned = _PRE_START.sub(r"\1", cleaned)
    return cleaned.strip()


def steady(html: str, base: str | None, passes: int = _PASSES) -> str:
    """Clean HTML cleaned until that changes nothing; its words alone when it never comes to rest."""
    for _ in range(passes):
        again = _once(html, base)
        if again == html:
            return html
        html = again
    return paragraphs(stripped(html))


def _tangled(html: str) -> bool:
    """Whether a link stands inside a link, which the next parser would pull apart."""
    return "<a" in html and not all("</a>" in after for after in html.split("<a ")[1:])


def _legal_reference(found: re.Match[str]) -> str:
    """A character reference, unless it names what XML forbids; taken out first, lest `java&#1;script:` close up."""
    code = int(found[1], 16) if found[1] else int(found[2])
    return found[0] if 0x20 <= code < 0xD800 or code > 0x10FFFF or legal(chr(code)) else ""


@lru_cache(maxsize=256)
def _cleaner(base: str | None, lazy: bool) -> nh3.Cleaner:
    attributes = ATTRIBUTES | {"img": ATTRIBUTES["img"] | LAZY} if lazy else ATTRIBUTES
    address = web_url(base)
    if address is not None:
        try:
            return _cleaner_of(attributes, ("rewrite_with_base", address))
        except ValueError:  # the sanitiser knows no such host
            pass
    return _cleaner_of(attributes, _relative)


Relative = tuple[Literal["rewrite_with_base"], str] | Callable[[str], str | None]


def _cleaner_of(attributes: dict[str, set[str]], relative: Relative) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=TAGS,
        clean_content_tags=GONE_WHOLE,
        attributes=attributes,
        link_rel=None,
        set_tag_attribute_values=_PLAYERS,
        url_schemes=SCHEMES,
        url_relative=relative,
    )


def _relative(url: str) -> str | None:
    """A relative address whose base nobody knows stays, unless something in it could pass for a scheme."""
    return None if ":" in re.split(r"[/?#]", url, maxsplit=1)[0] else url


def stripped(html: str, limit: int | None = None) -> str:
    """The words of clean HTML in one line; with `limit`, at least so many characters of them, if there are."""
    if limit is None:
        return _bare(html)
    if len(html) > 2 * limit:  # so much holds enough words in two of three articles, and most are far longer
        words = _bare(html[: 2 * limit].rpartition("<")[0])
        if len(words) > limit and "<" not in words:  # what looks like a tag may end further on
            return words
    return _bare(html[: 8 * limit].rpartition("<")[0] if len(html) > 8 * limit else html)


def _bare(html: str) -> str:
    if "<" in html:
        pieces = _ANY_TAG.split(html)  # text, name of a tag, text, name of a tag …
        pieces[1::2] = [" " if name in _BREAKS else "" for name in pieces[1::2]]
        html = "".join(pieces)
    return collapse(unescape(html) if "&" in html else html)


def plain(text: Text | None) -> str:
    """A text construct as one line of plain text: tags stripped, entities decoded once, inert."""
    if text is None or not text.value:
        return ""
    value = legal(_bounded(text.value))
    if text.type == "html" and ("<" in value or "&" in value):
        value = _words(value)
    return inert(collapse(value))


def _words(html: str) -> str:
    """The words of raw HTML. `List<String>` is no tag: only elements that HTML knows are."""
    if "<" in html:
        named = _NAMED.sub("\0", html).replace("<", "&lt;").replace("\0", "<")
        html = _cleaner(None, False).clean(_shallow(named))
    return legal(stripped(html))


def markup(text: Text | None, base: str | None) -> str:
    """A text construct as clean HTML."""
    if text is None or not text.value:
        return ""
    value = _bounded(text.value)
    if text.type == "text":
        return paragraphs(legal(value))
    return clean(value, web_url(text.base, base) or base if text.base else base)


def shortened(stories: Iterable[Story]) -> tuple[str, ...]:
    """What to tell the operator of stories that are longer than what is kept of them, in at most one sentence."""
    texts = ((*story.content, story.summary) for story in stories)
    cut = sum(any(text and len(_bounded(text.value)) < len(text.value) for text in told) for told in texts)
    subject = "a story is" if cut == 1 else f"{cut} stories are"
    return (f"{subject} longer than {MARKUP_LIMIT:,} characters, the beginning is kept",) if cut else ()


def _bounded(value: str) -> str:
    """The beginning of a text that is too long, cut before a tag or between words; a tag left open is dropped later."""
    if len(value) > _SIGNS_LIMIT and (signs := _SIGNS.match(value)):
        value = signs[0]
    if len(value) <= MARKUP_LIMIT:
        return value
    last = MARKUP_LIMIT - _WORD_LIMIT
    cut = max(value.rfind("<", last, MARKUP_LIMIT), value.rfind(" ", last, MARKUP_LIMIT))
    return value[: cut if cut > 0 else MARKUP_LIMIT]
