"""What on a story page is not the story, recognised by tags, by the words in class and id, and by typical phrases."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from ..own_stories import plain_text
from .html_tree import Element, contains_tag

# Removed with all they contain.
BOILERPLATE_TAGS = frozenset(
    (
        "script", "style", "template", "form", "button", "input", "select", "textarea", "nav", "aside", "footer",
        "svg", "canvas", "dialog", "menu", "object", "embed", "applet", "label", "fieldset", "link", "meta", "noscript",
    )
)  # fmt: skip
# Never part of a story, however much text they contain.
NON_STORY_TAGS = frozenset(("nav", "script", "style", "template", "noscript", "select", "textarea", "button"))
# Words in class, id and the like.
BOILERPLATE_WORDS = frozenset(
    (
        "share", "sharing", "sharebar", "sharer", "social", "socials", "newsletter", "newsletters", "subscribe",
        "subscription", "subscriptions", "signup", "related", "relateds", "recirc", "recirculation", "recommended",
        "recommendation", "recommendations", "promo", "promotion", "promobox", "teaser", "teasers", "advert",
        "advertisement", "advertising", "ad", "ads", "adslot", "adunit", "adsbygoogle", "anzeige", "werbung",
        "publicidad", "sponsor", "sponsored", "taboola", "outbrain", "comment", "comments", "disqus", "byline",
        "bylines", "author", "authors", "autor", "autoren", "bio", "timestamp", "caption", "captions", "credit",
        "credits", "copyright", "tags", "taglist", "breadcrumb", "breadcrumbs", "nav", "navigation", "navbar",
        "menu", "toolbar", "sidebar", "footer", "login", "register", "poll", "quiz", "rating", "ratings", "cookie",
        "consent", "pagination", "pager", "trending", "popular", "hidden", "invisible", "popup", "modal", "overlay",
        "tooltip", "donate", "donation", "donations", "membership", "feedback", "whatsapp", "telegram", "facebook",
        "twitter", "linkedin", "flipboard", "print", "bookmark", "bookmarks", "player", "audioplayer", "videoplayer",
        "infobox", "factbox", "toc", "readtime", "noprint", "breaking", "ticker", "carousel", "slider", "correction",
        "disclaimer", "upsell", "kicker", "eyebrow", "topics", "keywords", "legend", "masthead", "spinner",
        "placeholder", "countdown", "livestream", "bildunterschrift", "piano", "leaderboard", "mpu", "viafoura",
    )
)  # fmt: skip
# Two such words in a row.
BOILERPLATE_WORD_PAIRS = frozenset(
    (
        ("read", "more"), ("read", "also"), ("read", "next"), ("more", "on"), ("more", "from"), ("see", "also"),
        ("most", "read"), ("most", "popular"), ("most", "viewed"), ("up", "next"), ("also", "read"),
        ("link", "list"), ("link", "box"), ("story", "list"), ("article", "list"), ("next", "article"),
        ("other", "articles"), ("sr", "only"), ("visually", "hidden"), ("screen", "reader"), ("follow", "us"),
        ("sign", "up"), ("article", "tags"), ("article", "meta"), ("entry", "meta"), ("post", "meta"),
        ("post", "tags"), ("article", "info"), ("published", "date"), ("publish", "date"), ("article", "date"),
        ("post", "date"), ("date", "time"), ("reading", "time"), ("read", "time"), ("call", "out"),
        ("inline", "related"), ("story", "links"), ("google", "news"), ("app", "banner"), ("on", "topic"),
        ("in", "this"), ("table", "contents"), ("key", "takeaways"), ("fact", "box"), ("info", "box"),
        ("video", "wrapper"), ("image", "source"), ("photo", "source"), ("img", "source"), ("audio", "player"),
        ("video", "player"), ("last", "updated"), ("editors", "picks"), ("more", "link"), ("mor", "link"),
        ("page", "header"), ("top", "stories"), ("latest", "news"),
    )
)  # fmt: skip
# Words for other stories and for people: such an element contains no picture of this story.
OTHER_CONTENT_WORDS = frozenset(
    (
        "related", "relateds", "recirc", "recirculation", "recommended", "recommendation", "recommendations",
        "promo", "promotion", "teaser", "teasers", "advert", "advertisement", "ad", "ads", "byline", "bylines",
        "author", "authors", "autor", "autoren", "bio", "comment", "comments", "newsletter", "newsletters", "nav",
        "navigation", "sidebar", "footer", "share", "social", "trending", "popular", "avatar", "profile", "logo",
        "sponsor", "sponsored", "taboola", "outbrain",
    )
)  # fmt: skip
OTHER_LIST_WORDS = frozenset(
    ("related", "teaser", "teasers", "recommended", "comments", "comment", "trending", "popular", "sidebar", "promo")
)
WORD_BOUNDARY = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
NON_ALPHANUMERIC = re.compile(r"[^A-Za-z0-9]+")
DIGIT = re.compile(r"[0-9]")
HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
NAME_ATTRIBUTES = (
    "class",
    "id",
    "data-testid",
    "data-component",
    "data-module",
    "data-type",
    "data-qa",
    "role",
    "itemprop",
)
BOILERPLATE_ROLES = frozenset(
    ("navigation", "banner", "contentinfo", "complementary", "search", "form", "dialog", "button", "menu")
)
# How a line begins that sends its reader elsewhere.
LINK_LINE = re.compile(
    r"\W*(?:read\s+(?:more|also|next|full)|(?:see|read)\s+also|also\s+read|related(?:\s+\w+)?\s*:|more\s+(?:on|from|about)|more\s*:"
    r"|recommended|watch\s*:|watch\s+more|listen\s*:|must\s+read|trending|don'?t\s+miss|(?:click|tap)\s+(?:here|to)|sign\s+up|subscribe|follow\s+\w+"
    r"|lesen\s+sie|lies\s+auch|mehr\s+(?:zum|zu|aus|dazu|lesen)|auch\s+interessant|siehe\s+auch|weiterlesen|zum\s+thema"
    r"|(?:à\s+)?lire\s+(?:aussi|également)|(?:à\s+)?voir\s+aussi|l[ée]e?r?\s+(?:también|más|mas)|te\s+puede\s+interesar|leia\s+(?:também|mais)"
    r"|leggi\s+anche|lees\s+ook|lees\s+meer|les\s+også|les\s+mer|läs\s+(?:också|mer|även)|læs\s+også|lue\s+(?:myös|lisää)"
    r"|czytaj\s+(?:też|także|również|więcej)|zobacz\s+(?:też|także|również)|читайте\s+также|читать\s+также|по\s+теме|ilgili\s+haber|bkz|daha\s+fazla"
    r"|skaitykite\s+(?:taip|daugiau)|xem\s+thêm|đọc\s+thêm|関連(?:記事)?|あわせて読みたい|【関連|▶|►|＞＞|관련\s*기사|\[관련)",
    re.I,
)
RIGHTS_NOTICE = re.compile(
    r"\W*(?:©|\(c\)|copyright|all\s+rights\s+reserved|alle\s+rechte\s+vorbehalten|tous\s+droits|todos\s+los\s+derechos"
    r"|with\s+(?:reporting\s+(?:by|from)|reports\s+from|files\s+from)\b|additional\s+reporting|quelle[n]?\s*:|source\s*:|foto\s*:|photo\s*:|bild\s*:|image\s*:|picture\s*:)",
    re.I,
)
# Notices for readers who have not paid.
PAYWALL_NOTICE = re.compile(
    r"réservé\w*\s+(?:à\s+nos|aux)\s+abonnés|abonnez-vous|already\s+(?:a\s+)?(?:subscri|member)|subscribers?\s+only|log\s?in\s+to\s+(?:read|continue|comment)"
    r"|(?:jetzt|bereits)\s+abonn|nur\s+für\s+abonnenten|hazte\s+(?:socio|suscriptor)|suscr[íi]bete|会員限定|会員登録|ログイン|有料会員|tylko\s+dla\s+subskrybent"
    r"|regist(?:er|rieren)\s+(?:sie\s+sich\s+)?(?:for\s+free|to\s+read|kostenlos)|til\s+abonnenter|for\s+abonnenter|prenumerant",
    re.I,
)
# A heading above a list of other stories.
LINK_LIST_HEADING = re.compile(
    r"\W*(?:related|recommended|more\s+(?:on|from|stories|news|like|to)|most\s+(?:read|popular|viewed|shared)|read\s+(?:more|next|also)|see\s+also|trending"
    r"|(?:latest|top|other|popular)\s+(?:news|stories|articles|videos)|tags?|topics?|share|comments?|advertisement|newsletter|about\s+the\s+author"
    r"|you\s+(?:may|might)\s+(?:also\s+)?(?:like|be\s+interested)|up\s+next|editor'?s\s+picks?|follow\s+us"
    r"|mehr\s+(?:zum|zu|aus|von)|meistgelesen|auch\s+interessant|das\s+könnte|themen|lesen\s+sie|kommentare|weitere\s+\w+"
    r"|sur\s+le\s+même|à\s+lire|les\s+plus\s+lus|más\s+(?:información|noticias|leíd)|relacionad|lo\s+más|tags|temas|leia|veja|mais\s+lidas"
    r"|leggi|lees\s+ook|meer\s+(?:over|nieuws)|les\s+også|læs|läs|lue\s|czytaj|zobacz|полезн|читайте|материалы|関連|おすすめ|人気|관련|xem\s+thêm|tin\s+(?:liên|cùng)"
    r"|ilgili|son\s+dakika)",
    re.I,
)


def is_boilerplate(element: Element) -> bool:
    """Return whether an element by its tag, its names or its style is no part of the story."""
    if element.tag == "blockquote":  # a post quoted from a social network
        return False
    if element.tag in BOILERPLATE_TAGS:
        return True
    attributes = element.attrib
    if not attributes:
        return False
    if attributes.get("role") in BOILERPLATE_ROLES or "hidden" in attributes:
        return True
    # A paragraph with aria-hidden is hidden only until it is paid for.
    if attributes.get("aria-hidden") == "true" and element.tag != "p":
        return True
    if HIDDEN_STYLE.search(attributes.get("style", "")):
        return True
    return any(_names_boilerplate(attributes[name]) for name in NAME_ATTRIBUTES if name in attributes)


def is_other_content(element: Element) -> bool:
    """Return whether an element by its tag or class holds other stories, or people, rather than a part of this one."""
    if element.tag in ("nav", "aside", "footer", "form"):
        return True
    return not OTHER_CONTENT_WORDS.isdisjoint(split_names(element.get("class")))


def is_other_list(element: Element) -> bool:
    """Return whether an element's class names a list of other stories or comments, and it has no headline in it."""
    return not OTHER_LIST_WORDS.isdisjoint(split_names(element.get("class"))) and not contains_tag(element, "h1")


def is_link_line(text: str, link_share: float) -> bool:
    """Return whether a paragraph only sends its reader to something else."""
    if len(text) > 300:
        return False
    if link_share > 0.9 and not text.rstrip().endswith((".", "!", "?", "”", '"')):
        return True
    return bool(LINK_LINE.match(text)) and (link_share > 0.2 or len(text) < 80)


def is_notice(text: str) -> bool:
    """Return whether a paragraph is a call to action, a date line, or a notice of rights or of a paywall."""
    if len(text) > 220:
        return False
    return (
        plain_text.is_call_to_action(text)
        or plain_text.split_date_stamp(text) is not None
        or (len(text) < 160 and bool(RIGHTS_NOTICE.match(text) or PAYWALL_NOTICE.search(text)))
    )


def is_link_list_heading(text: str) -> bool:
    """Return whether a heading stands above links to other stories rather than above a part of this one."""
    return len(text) < 80 and bool(LINK_LIST_HEADING.match(text))


@lru_cache(maxsize=8192)
def split_names(value: str | None) -> frozenset[str]:
    """Return the words in a class or an id, in lower case."""
    return frozenset(word.lower() for word in WORD_BOUNDARY.split((value or "")[:500]) if word)


@lru_cache(maxsize=4096)
def _names_boilerplate(value: str) -> bool:
    for name in value[:500].split():
        if ":" in name or "[" in name:  # a utility class: how it looks, not what it is
            continue
        words = _split_name(name)
        if BOILERPLATE_WORDS.intersection(words) and not _is_layout_name(words):
            return True
        if BOILERPLATE_WORD_PAIRS.intersection(pairwise(words)):
            return True
    return False


def _split_name(name: str) -> list[str]:
    """Return the words in a name; a generated one such as `n1AuAdJlVL` is one word."""
    parts = NON_ALPHANUMERIC.split(name)
    return [
        word.lower() for part in parts for word in ([part] if DIGIT.search(part) else WORD_BOUNDARY.split(part)) if word
    ]


def _is_layout_name(words: list[str]) -> bool:
    """Return whether a name describes what stands beside: `has-sidebar`, `with-comments`, `no-ads`.

    The content of a teaser is the free part of a paid story.
    """
    if words[-1] in ("content", "text", "body") and words[0] in ("teaser", "premium", "promo"):
        return True
    return (
        "grid" in words
        or "layout" in words
        or words[0] in ("has", "with", "no", "without", "is", "show", "hide", "tag", "category", "not", "js")
    )
