"""What on a story page is not the story, told by the words that builders of pages name things with, and by calls."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from lxml import etree

from ..own_stories import plain_text

# Gone with all they hold.
TAGS = frozenset(
    (
        "script", "style", "template", "form", "button", "input", "select", "textarea", "nav", "aside", "footer",
        "svg", "canvas", "dialog", "menu", "object", "embed", "applet", "label", "fieldset", "link", "meta", "noscript",
    )
)  # fmt: skip
# No story stands in these, however much text they hold.
NEVER = frozenset(("nav", "script", "style", "template", "noscript", "select", "textarea", "button"))
# Words of class, id and the like, apart from one another …
WORDS = frozenset(
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
# … two that follow one another …
PAIRS = frozenset(
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
# Of these, what stands for other stories and for people: no picture of this story is in it.
OTHERS = frozenset(
    (
        "related", "relateds", "recirc", "recirculation", "recommended", "recommendation", "recommendations",
        "promo", "promotion", "teaser", "teasers", "advert", "advertisement", "ad", "ads", "byline", "bylines",
        "author", "authors", "autor", "autoren", "bio", "comment", "comments", "newsletter", "newsletters", "nav",
        "navigation", "sidebar", "footer", "share", "social", "trending", "popular", "avatar", "profile", "logo",
        "sponsor", "sponsored", "taboola", "outbrain",
    )
)  # fmt: skip
LISTS = frozenset(
    ("related", "teaser", "teasers", "recommended", "comments", "comment", "trending", "popular", "sidebar", "promo")
)
SPLIT = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
PARTS = re.compile(r"[^A-Za-z0-9]+")
DIGIT = re.compile(r"[0-9]")
HIDING = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
NAMING = ("class", "id", "data-testid", "data-component", "data-module", "data-type", "data-qa", "role", "itemprop")
ROLES = frozenset(
    ("navigation", "banner", "contentinfo", "complementary", "search", "form", "dialog", "button", "menu")
)


def is_furniture(element: etree._Element) -> bool:
    """Whether an element by its name, its words or its style is no part of the story."""
    if element.tag == "blockquote":  # a post quoted from a social network
        return False
    if element.tag in TAGS:
        return True
    attributes = element.attrib
    if not attributes:
        return False
    if attributes.get("role") in ROLES or "hidden" in attributes:
        return True
    if (
        attributes.get("aria-hidden") == "true" and element.tag != "p"
    ):  # a paragraph is hidden only until it is paid for
        return True
    if HIDING.search(attributes.get("style", "")):
        return True
    return any(_names_furniture(attributes[name]) for name in NAMING if name in attributes)


def is_of_others(element: etree._Element) -> bool:
    """Whether an element by its name holds other stories, or people, rather than a part of this one."""
    if element.tag in ("nav", "aside", "footer", "form"):
        return True
    return not OTHERS.isdisjoint(names(element.get("class")))


@lru_cache(maxsize=8192)
def names(value: str | None) -> frozenset[str]:
    """The words in a class or an id, in lower case."""
    return frozenset(word.lower() for word in SPLIT.split((value or "")[:500]) if word)


def is_of_other_stories(element: etree._Element) -> bool:
    """Whether an element is named after a list of other stories or of comments, and does not hold the headline."""
    return not LISTS.isdisjoint(names(element.get("class"))) and next(element.iter("h1"), None) is None


@lru_cache(maxsize=4096)
def _names_furniture(value: str) -> bool:
    for token in value[:500].split():
        if ":" in token or "[" in token:  # how it looks, not what it is
            continue
        words = _words(token)
        if WORDS.intersection(words) and not _is_layout(words):
            return True
        if PAIRS.intersection(pairwise(words)):
            return True
    return False


def _words(token: str) -> list[str]:
    """The words in a name; `n1AuAdJlVL` is one."""
    parts = PARTS.split(token)
    return [word.lower() for part in parts for word in ([part] if DIGIT.search(part) else SPLIT.split(part)) if word]


def _is_layout(words: list[str]) -> bool:
    """`has-sidebar`, `with-comments`, `no-ads`: said of what stands beside it. A teaser's content is read for free."""
    if words[-1] in ("content", "text", "body") and words[0] in ("teaser", "premium", "promo"):
        return True
    return (
        "grid" in words
        or "layout" in words
        or words[0] in ("has", "with", "no", "without", "is", "show", "hide", "tag", "category", "not", "js")
    )


# How a line begins that leads elsewhere.
ELSEWHERE = re.compile(
    r"\W*(?:read\s+(?:more|also|next|full)|(?:see|read)\s+also|also\s+read|related(?:\s+\w+)?\s*:|more\s+(?:on|from|about)|more\s*:"
    r"|recommended|watch\s*:|watch\s+more|listen\s*:|must\s+read|trending|don'?t\s+miss|(?:click|tap)\s+(?:here|to)|sign\s+up|subscribe|follow\s+\w+"
    r"|lesen\s+sie|lies\s+auch|mehr\s+(?:zum|zu|aus|dazu|lesen)|auch\s+interessant|siehe\s+auch|weiterlesen|zum\s+thema"
    r"|(?:à\s+)?lire\s+(?:aussi|également)|(?:à\s+)?voir\s+aussi|l[ée]e?r?\s+(?:también|más|mas)|te\s+puede\s+interesar|leia\s+(?:também|mais)"
    r"|leggi\s+anche|lees\s+ook|lees\s+meer|les\s+også|les\s+mer|läs\s+(?:också|mer|även)|læs\s+også|lue\s+(?:myös|lisää)"
    r"|czytaj\s+(?:też|także|również|więcej)|zobacz\s+(?:też|także|również)|читайте\s+также|читать\s+также|по\s+теме|ilgili\s+haber|bkz|daha\s+fazla"
    r"|skaitykite\s+(?:taip|daugiau)|xem\s+thêm|đọc\s+thêm|関連(?:記事)?|あわせて読みたい|【関連|▶|►|＞＞|관련\s*기사|\[관련)",
    re.I,
)
RIGHTS = re.compile(
    r"\W*(?:©|\(c\)|copyright|all\s+rights\s+reserved|alle\s+rechte\s+vorbehalten|tous\s+droits|todos\s+los\s+derechos"
    r"|with\s+(?:reporting\s+(?:by|from)|reports\s+from|files\s+from)\b|additional\s+reporting|quelle[n]?\s*:|source\s*:|foto\s*:|photo\s*:|bild\s*:|image\s*:|picture\s*:)",
    re.I,
)
# What is said to those who have not paid.
WALL = re.compile(
    r"réservé\w*\s+(?:à\s+nos|aux)\s+abonnés|abonnez-vous|already\s+(?:a\s+)?(?:subscri|member)|subscribers?\s+only|log\s?in\s+to\s+(?:read|continue|comment)"
    r"|(?:jetzt|bereits)\s+abonn|nur\s+für\s+abonnenten|hazte\s+(?:socio|suscriptor)|suscr[íi]bete|会員限定|会員登録|ログイン|有料会員|tylko\s+dla\s+subskrybent"
    r"|regist(?:er|rieren)\s+(?:sie\s+sich\s+)?(?:for\s+free|to\s+read|kostenlos)|til\s+abonnenter|for\s+abonnenter|prenumerant",
    re.I,
)
# A heading above a list of other stories.
HEADS = re.compile(
    r"\W*(?:related|recommended|more\s+(?:on|from|stories|news|like|to)|most\s+(?:read|popular|viewed|shared)|read\s+(?:more|next|also)|see\s+also|trending"
    r"|(?:latest|top|other|popular)\s+(?:news|stories|articles|videos)|tags?|topics?|share|comments?|advertisement|newsletter|about\s+the\s+author"
    r"|you\s+(?:may|might)\s+(?:also\s+)?(?:like|be\s+interested)|up\s+next|editor'?s\s+picks?|follow\s+us"
    r"|mehr\s+(?:zum|zu|aus|von)|meistgelesen|auch\s+interessant|das\s+könnte|themen|lesen\s+sie|kommentare|weitere\s+\w+"
    r"|sur\s+le\s+même|à\s+lire|les\s+plus\s+lus|más\s+(?:información|noticias|leíd)|relacionad|lo\s+más|tags|temas|leia|veja|mais\s+lidas"
    r"|leggi|lees\s+ook|meer\s+(?:over|nieuws)|les\s+også|læs|läs|lue\s|czytaj|zobacz|полезн|читайте|материалы|関連|おすすめ|人気|관련|xem\s+thêm|tin\s+(?:liên|cùng)"
    r"|ilgili|son\s+dakika)",
    re.I,
)


def leads_elsewhere(text: str, link_share: float) -> bool:
    """Whether a paragraph sends its reader to something else instead of telling."""
    if len(text) > 300:
        return False
    if link_share > 0.9 and not text.rstrip().endswith((".", "!", "?", "”", '"')):
        return True
    return bool(ELSEWHERE.match(text)) and (link_share > 0.2 or len(text) < 80)


def is_notice(text: str) -> bool:
    """Whether a paragraph is a call, a stamp, or a word about rights."""
    if len(text) > 220:
        return False
    return (
        plain_text.is_call_to_action(text)
        or plain_text.split_date_stamp(text) is not None
        or (len(text) < 160 and bool(RIGHTS.match(text) or WALL.search(text)))
    )


def heads_a_list(text: str) -> bool:
    """Whether a heading stands above links to other stories rather than above a part of this one."""
    return len(text) < 80 and bool(HEADS.match(text))
