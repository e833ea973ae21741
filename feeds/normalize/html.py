"""HTML sanitising (S7–S10): an allow-list of elements, absolute addresses, no scripts, trackers or frames."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from html import escape, unescape
from typing import Literal

import nh3

from ..model import Story, Text
from .images import LAZY_ATTRIBUTES, fix_images
from .links import web_url
from .text import SUMMARY_LIMIT, collapse_whitespace, decode_references, make_inert, strip_illegal_xml, wrap_paragraphs

# A tag that holds `<` is left for the sanitiser to drop, so that the search stays linear whatever the input.
_FRAME = re.compile(r"<(?:iframe|embed)\b([^<>]*)>(?:[^<]*</iframe\s*>)?", re.IGNORECASE)
_FRAME_ATTRIBUTE = re.compile(r"\b(data-src|src|title)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)

# The address of a player → the page with its video.
_PLAYER_PAGES = (
    (
        re.compile(r"https?://(?:www\.)?youtube(?:-nocookie)?\.com/(?:embed|v)/([\w-]{6,})"),
        "https://www.youtube.com/watch?v=",
    ),
    (re.compile(r"https?://player\.vimeo\.com/video/(\d+)"), "https://vimeo.com/"),
    (re.compile(r"https?://(?:www\.)?dailymotion\.com/embed/video/(\w+)"), "https://www.dailymotion.com/video/"),
    (re.compile(r"https?://open\.spotify\.com/embed/(\w+/\w+)"), "https://open.spotify.com/"),
)


def replace_frames(html: str) -> str:
    """Return the HTML with a link in place of every frame that has an address."""
    return _FRAME.sub(_frame_link, html)


def player_page(address: str) -> str:
    """Return the page of a known player's video, else the address itself."""
    for player, page in _PLAYER_PAGES:
        match = player.match(address)
        if match:
            return page + match[1]
    return address


def _frame_link(match: re.Match[str]) -> str:
    values = {name.lower(): unescape(a or b or c) for name, a, b, c in _FRAME_ATTRIBUTE.findall(match[1])}
    address = (values.get("src") or values.get("data-src") or "").strip()
    if address.startswith("//"):
        address = f"https:{address}"
    if not address.lower().startswith(("http://", "https://")):
        return ""
    page = escape(player_page(address))
    return f'<a href="{page}">{escape(values.get("title", "")) or page}</a>'


# ── sanitising ──────────────────────────────────────────────────────────────────────────────────────────────────────


TAGS = frozenset((
    "a", "abbr", "address", "article", "aside", "audio", "b", "bdi", "bdo", "big", "blockquote", "br", "caption",
    "center", "cite", "code", "col", "colgroup", "data", "dd", "del", "details", "dfn", "div", "dl", "dt", "em",
    "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "i", "img",
    "ins", "kbd", "li", "main", "mark", "nav", "ol", "p", "picture", "pre", "q", "rp", "rt", "ruby", "s", "samp",
    "section", "small", "source", "span", "strike", "strong", "sub", "summary", "sup", "table", "tbody", "td",
    "tfoot", "th", "thead", "time", "tr", "track", "tt", "u", "ul", "var", "video", "wbr",
))  # fmt: skip
# Dropped with their content, which is not meant to be read (S9, S10).
DROPPED_WITH_CONTENT = frozenset((
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
# Players get controls, because the script that would start them is gone.
_PLAYER_ATTRIBUTES = {"video": {"controls": ""}, "audio": {"controls": ""}}
SCHEMES = {"http", "https", "mailto"}

# Measured on random tag soup: without one of these, one pass is a fixed point; with them, up to four are needed.
# Looking at the first letter alone first takes a third of the time.
_UNSTABLE_TAG = re.compile(
    r"<(?=[a-dfhimorstA-DFHIMORST])(?i:d[dlt]\b|r[bpt]|table|caption|col|t[bdfhr]|button|select|opt|form|object|applet"
    r"|marquee|template|svg|math|html|head|body|frame|input)"
)
_NESTED_HEADING = re.compile(r"<h[1-6][ >][^<]*+(?>(?:<(?!/?h[1-6][ >])[^<]*+)*)<h[1-6]")
# Any tag but those that feeds use most and that need no special case.
_UNCOMMON_TAG = re.compile(
    r"<(?!/|p[ >]|a |br[ />]|img |em>|strong>|li[ >]|[biu]>|span[ >]|div[ >]|[uo]l[ >]|blockquote[ >]|figure[ >]"
    r"|figcaption[ >]|code[ >]|cite>|small>|su[bp]>)"
)
_MAX_PASSES = 6

# One item's content is cut here before it is cleaned (S15): a book has so many letters, 1 MB in a document is worth a
# warning (R14), readers give up on several, and each of them would be in every feed that holds the item.
MARKUP_LIMIT = 500_000
_WORD_LIMIT = 1_000
# The sanitiser's time grows with the square of these in one text or value: 490,000 of them cost it up to 5 s a pass.
# No honest content that is not cut already has so many, even if it spells each letter as a character reference.
_REFERENCE_LIMIT = 100_000
_REFERENCES = re.compile(rf"(?>(?:[^&\xa0]*+[&\xa0]){{{_REFERENCE_LIMIT}}})")

# The sanitiser's time grows with the square of the depth: 40,000 open `div` cost it 6 s. No page is deeper than this.
# A formatting tag that is left open is opened again in each paragraph after it: 400 of them make 6 MB of 11 kB.
_FORMATTING_TAG = re.compile(
    r"<(/?)(?:a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>])", re.IGNORECASE
)
_MAX_OPEN_FORMATTING = 50
_MIN_TAGS_TO_COUNT = 1_000
_MAX_DEPTH = 500
_NESTING_TAG = re.compile(
    r"<(/?)(?!(?:p|br|hr|img|li|td|th|tr|dd|dt|wbr|input|source|track|col|meta|link)[\s/>])[a-zA-Z]", re.I
)
_LOOSE_TAG = re.compile(r"<[a-zA-Z/!?][^<>]*>?")

_CHARACTER_REFERENCE = re.compile(r"&#(?:x([0-9a-f]{1,8})|([0-9]{1,10}));?", re.IGNORECASE)
# What HTML would drop as a comment, though its author meant the character.
_FALSE_COMMENT = re.compile(r"<(?=!(?!--|doctype\b|\[CDATA\[))", re.IGNORECASE)
# The parser would read the content as text.
_NOSCRIPT = re.compile(r"</?noscript\b[^<>]*>", re.IGNORECASE)
_PRE_START = re.compile(r"(<pre[^>]*>)\n+")

# Elements that separate words.
_WORD_BREAKS = (
    "address", "article", "aside", "blockquote", "br", "caption", "center", "dd", "details", "div", "dl", "dt",
    "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "li", "main",
    "nav", "ol", "p", "pre", "section", "summary", "table", "td", "th", "tr", "ul",
)  # fmt: skip
_BREAKING_TAGS = frozenset((*_WORD_BREAKS, *(f"/{name}" for name in _WORD_BREAKS)))
_KNOWN_TAG = re.compile(
    rf"<(?=/?(?:{'|'.join(sorted(TAGS | DROPPED_WITH_CONTENT, key=len, reverse=True))}|font|body|html|head|form|input"
    r"|button|meta|link|base|embed|label|noscript|center|blink|marquee|frame|frameset)[\s/>]|!--)",
    re.IGNORECASE,
)
# What a summary does not show: tags of HTML, and entities, also those that were cut at the end of the text.
_MAX_ESCAPINGS = 4
_WHOLLY_ESCAPED = re.compile(
    r"&lt;(?:a|article|blockquote|div|figure|h[1-6]|img|p|section|span|table|ul)\b[^<]*&gt;\s*", re.IGNORECASE
)
_ENTITIES = (
    *("amp", "apos", "hellip", "laquo", "ldquo", "lsquo", "mdash", "nbsp", "ndash", "quot", "raquo", "rdquo", "rsquo"),
)
_TORN_ENTITY = "|".join(sorted({name[:length] for name in _ENTITIES for length in range(2, len(name) + 1)}))
_TORN_TAG = r"/[a-z][a-z0-9]*|a|br|div|em|img|p|span|strong|[a-z][a-z0-9]*\s+[\w-]+=[^<>]*"
_TORN_END = re.compile(
    rf"(?:<(?:{_TORN_TAG})|&(?:#[0-9a-fx]*|{_TORN_ENTITY}))(…|\.\.\.|\[…\]|\[\.\.\.\])?$", re.IGNORECASE
)
# Certain markup in a text whose tags are removed: it was escaped once more.
_ESCAPED_MARKUP = re.compile(
    r"</[a-z][a-z0-9]{0,15}\s{0,9}>|<(?:br|hr|img)\b|&(?:#\d|#x[0-9a-f]|[a-z][a-z0-9]{1,31};)", re.I
)
_MARKUP = re.compile(
    rf"{_KNOWN_TAG.pattern}|&(?:#\d|#x[0-9a-f]|[a-z][a-z0-9]{{1,31}};)|{_TORN_END.pattern}", re.IGNORECASE
)


def clean_html(html: str, base: str | None) -> str:
    """Return HTML that is safe wherever it is shown; cleaning it again changes nothing (S10)."""
    html = _limit_depth(strip_illegal_xml(html))
    uncommon = _UNCOMMON_TAG.search(html) is not None
    copies = uncommon and "noscript" in html
    if uncommon:
        html = _FALSE_COMMENT.sub("&lt;", _NOSCRIPT.sub("", replace_frames(html)))
    if "&#" in html:
        html = _CHARACTER_REFERENCE.sub(_keep_legal, html)
    cleaned = _clean_once(html, base, lazy="data-" in html, drop_copies=copies)
    if _has_nested_link(cleaned) or (uncommon and (_UNSTABLE_TAG.search(html) or _NESTED_HEADING.search(cleaned))):
        return clean_until_stable(cleaned, base)
    return cleaned


def _limit_depth(html: str) -> str:
    """Return the HTML, or only its text where it nests deeper than any real page (S15)."""
    if len(html) < 3 * _MIN_TAGS_TO_COUNT or html.count("<") < _MIN_TAGS_TO_COUNT:  # `<b>`: no tag is shorter
        return html
    if sum(-1 if closing else 1 for closing in _FORMATTING_TAG.findall(html)) > _MAX_OPEN_FORMATTING:
        return wrap_paragraphs(unescape(_LOOSE_TAG.sub(" ", html)))
    depth = 0
    for closing in _NESTING_TAG.findall(html):
        depth = max(depth - 1, 0) if closing else depth + 1
        if depth > _MAX_DEPTH:
            return wrap_paragraphs(unescape(_LOOSE_TAG.sub(" ", html)))
    return html


def _clean_once(html: str, base: str | None, *, lazy: bool = False, drop_copies: bool = False) -> str:
    cleaned = _cleaner(base, lazy).clean(html)
    if "<img" in cleaned or "srcset" in cleaned:
        cleaned = fix_images(cleaned, base, drop_copies=drop_copies)
    if "<pre" in cleaned:
        cleaned = _PRE_START.sub(r"\1", cleaned)
    return cleaned.strip()


def clean_until_stable(html: str, base: str | None, passes: int = _MAX_PASSES) -> str:
    """Clean sanitised HTML until a pass changes nothing; return only its text if none of the passes does."""
    for _ in range(passes):
        cleaned = _clean_once(html, base)
        if cleaned == html:
            return html
        html = cleaned
    return wrap_paragraphs(strip_tags(html))


def _has_nested_link(html: str) -> bool:
    """Return whether a link is inside a link, which the next parser would pull apart."""
    links = html.split("<a ")
    for rest in links[1:]:  # noqa: SIM110 - `any` with a generator takes three times as long
        if "</a>" not in rest:
            return True
    return False


def _keep_legal(match: re.Match[str]) -> str:
    """Return a character reference unless XML forbids its character, as in `java&#1;script:`."""
    code = int(match[1], 16) if match[1] else int(match[2])
    return match[0] if 0x20 <= code < 0xD800 or code > 0x10FFFF or strip_illegal_xml(chr(code)) else ""


@lru_cache(maxsize=256)
def _cleaner(base: str | None, lazy: bool) -> nh3.Cleaner:
    attributes = ATTRIBUTES | {"img": ATTRIBUTES["img"] | LAZY_ATTRIBUTES} if lazy else ATTRIBUTES
    address = web_url(base)
    if address is not None:
        try:
            return _make_cleaner(attributes, ("rewrite_with_base", address))
        except ValueError:  # the sanitiser takes no such host
            pass
    return _make_cleaner(attributes, _keep_relative)


_RelativePolicy = tuple[Literal["rewrite_with_base"], str] | Callable[[str], str | None]


def _make_cleaner(attributes: dict[str, set[str]], relative: _RelativePolicy) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=TAGS,
        clean_content_tags=DROPPED_WITH_CONTENT,
        attributes=attributes,
        link_rel=None,
        set_tag_attribute_values=_PLAYER_ATTRIBUTES,
        url_schemes=SCHEMES,
        url_relative=relative,
    )


def _keep_relative(url: str) -> str | None:
    """Return a relative address without a base, unless part of it could be read as a scheme."""
    return None if ":" in re.split(r"[/?#]", url, maxsplit=1)[0] else url


def strip_tags(html: str, limit: int | None = None) -> str:
    """Return the text of sanitised HTML as one line; with `limit`, at least its first `limit` characters."""
    if limit is None:
        return _strip_all_tags(html)
    if len(html) > 2 * limit:  # this much is enough for two of three articles, and most are far longer
        words = _strip_all_tags(html[: 2 * limit].rpartition("<")[0])
        if len(words) > limit and "<" not in words:  # a tag that is cut here may end further on
            return words
    return _strip_all_tags(html[: 8 * limit].rpartition("<")[0] if len(html) > 8 * limit else html)


def _strip_all_tags(html: str) -> str:
    """Return the text of HTML; what follows a `<` without a `>` behind it is text."""
    start, *pieces = html.split("<")
    texts, gap = [start], ""
    for piece in pieces:
        tag, end, text = piece.partition(">")
        if not end:
            texts.append(f"{gap}<{piece}")
            gap = ""
            continue
        if tag.partition(" ")[0] in _BREAKING_TAGS:
            gap = " "
        if text:
            texts.append(gap + text)
            gap = ""
    text = "".join(texts)
    if "&" in text:
        text = unescape(text)
    if "  " in text or not text.isprintable():  # nor is any white space but a blank
        return collapse_whitespace(text)
    return text.strip()


def to_plain_text(text: Text | None) -> str:
    """Return a text construct as one line of inert plain text: no tags of HTML, no entities, however often escaped.

    Plain text keeps its angle brackets, and HTML those that are no certain tags: `List<String>`, `the <blink> tag`.
    """
    if text is None or not text.value:
        return ""
    value = strip_illegal_xml(_truncate(text.value))
    if text.type == "text":
        value = decode_references(value)
    elif _may_hold_markup(value):
        value = _strip_markup(value)
        for _ in range(_MAX_ESCAPINGS):
            if not _may_hold_markup(value) or not _ESCAPED_MARKUP.search(value):
                break
            value = _strip_markup(value)
    return make_inert(collapse_whitespace(value))


def _may_hold_markup(text: str) -> bool:
    """Return whether a text has a sign that markup needs: far quicker to see than what the patterns look for."""
    return "<" in text or "&" in text


def to_summary(text: Text | None) -> str:
    """Return a text construct as people read it: one line without tags or entities, however often they are escaped."""
    summary = to_plain_text(text)
    for _ in range(_MAX_ESCAPINGS):
        if not _may_hold_markup(summary) or not _MARKUP.search(summary):
            break
        summary = to_plain_text(Text(_TORN_END.sub(r"\1", summary), "html"))
    return summary


def opening_text(html: str) -> str:
    """Return the beginning of sanitised HTML as people read it: `SUMMARY_LIMIT` characters or more, if it has them."""
    text = strip_tags(html, SUMMARY_LIMIT)
    return to_summary(Text(text, "text")) if _may_hold_markup(text) else text


def _strip_markup(html: str) -> str:
    """Return the text of raw HTML. Only elements of HTML are tags: `List<String>` is text."""
    if "<" in html:
        escaped = _KNOWN_TAG.sub("\0", html).replace("<", "&lt;").replace("\0", "<")
        html = _cleaner(None, False).clean(_limit_depth(escaped))
    return strip_illegal_xml(strip_tags(html))


def to_html(text: Text | None, base: str | None) -> str:
    """Return a text construct as sanitised HTML."""
    if text is None or not text.value:
        return ""
    value = _truncate(text.value)
    if text.type == "text":
        return wrap_paragraphs(strip_illegal_xml(value))
    if value[:4] == "&lt;" and _WHOLLY_ESCAPED.fullmatch(value):
        value = unescape(value)
    return clean_html(value, web_url(text.base, base) or base if text.base else base)


def truncation_warnings(stories: Iterable[Story]) -> tuple[str, ...]:
    """Return the warning for the operator, if any, that stories are longer than what is kept of them."""
    count = sum(map(_is_too_long, stories))
    subject = "a story is" if count == 1 else f"{count} stories are"
    return (f"{subject} longer than {MARKUP_LIMIT:,} characters, the beginning is kept",) if count else ()


def _is_too_long(story: Story) -> bool:
    texts = (*story.content, story.summary)
    return any(text and len(_truncate(text.value)) < len(text.value) for text in texts)


def _truncate(value: str) -> str:
    """Return the beginning of a text that is too long, cut before a tag or between words.

    A tag that is open there is dropped by the sanitiser.
    """
    if len(value) > _REFERENCE_LIMIT and (match := _REFERENCES.match(value)):
        value = match[0]
    if len(value) <= MARKUP_LIMIT:
        return value
    start = MARKUP_LIMIT - _WORD_LIMIT
    end = max(value.rfind("<", start, MARKUP_LIMIT), value.rfind(" ", start, MARKUP_LIMIT))
    return value[: end if end > 0 else MARKUP_LIMIT]
