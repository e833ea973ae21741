"""What on a story page is not the story, recognised by tags, by the words in class and id, and by typical phrases."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from ...wordlists import compile_words, fold_case, get_words
from ..own_stories import plain_text
from .html_tree import DENSITY, Element, contains_tag, count_letters, ends_sentence
from .json_ld import PART_KEYS

# Removed with all they contain.
BOILERPLATE_TAGS = frozenset(
    (
        "script", "style", "template", "form", "button", "input", "select", "textarea", "nav", "aside", "footer",
        "svg", "canvas", "dialog", "menu", "object", "embed", "applet", "label", "fieldset", "link", "meta", "noscript",
    )
)  # fmt: skip
# Never part of a story, however much text they contain.
NON_STORY_TAGS = frozenset(("nav", "script", "style", "template", "noscript", "select", "textarea", "button"))
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
# Roles of labels: what stands elsewhere, and facts about the story.
POINTERS = (
    "pointer", "related", "previous_story", "next_story", "read_more", "share", "subscribe", "advertisement",
    "comments", "tags",
)  # fmt: skip
FACTS = ("published", "updated", "source", "author", "other_role", "counter", "contributors")
COMMENT_TYPE = re.compile(r"schema\.org/(?:User)?Comments?\b")
SIGNS = re.compile(r"[\W_]*")
COLONS = (":", "：", "︰", "丨", "|")
MAX_LINE_LENGTH = 300  # letters of a line that sends its reader elsewhere
MAX_NOTICE_LENGTH = 220
MAX_FACT_LENGTH = 160
MAX_HEADING_LENGTH = 80
MIN_PHRASE_LENGTH = 4  # letters of a phrase in a script without spaces
MAX_LABEL_LENGTH = 40  # letters of a line that is no sentence: a button, a byline, a price


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
    return any(names_role(attributes[name], "boilerplate_class") for name in NAME_ATTRIBUTES if name in attributes)


def is_other_content(element: Element) -> bool:
    """Return whether an element by its tag or class holds other stories, or people, rather than a part of this one."""
    if element.tag in ("nav", "aside", "footer", "form"):
        return True
    return not get_words("other_content_class").isdisjoint(split_names(element.get("class")))


def is_other_list(element: Element) -> bool:
    """Return whether an element by its class or its microdata holds other stories or comments, and no headline."""
    if (element.get("itemprop") or "") in PART_KEYS:
        return True
    names = split_names(element.get("class"))
    return not get_words("other_list_class").isdisjoint(names) and not contains_tag(element, "h1")


def is_comments(element: Element) -> bool:
    """Return whether an element by its class, id or microdata holds the comments of readers, and no headline."""
    attributes = element.attrib
    if not attributes or element.tag in ("a", "p", "span", "body", "html"):
        return False
    is_marked = (
        attributes.get("itemprop") == "comment" or COMMENT_TYPE.search(attributes.get("itemtype", "")) is not None
    )
    names = [attributes[name] for name in ("class", "id") if name in attributes]
    is_named = any(names_role(name, "comments_class") and "live" not in split_names(name) for name in names)
    return (is_marked or is_named) and not contains_tag(element, "h1")


def is_caption(element: Element) -> bool:
    """Return whether an element's class says that it holds the text below a picture."""
    return not get_words("caption_class").isdisjoint(split_names(element.get("class")))


# ── lines ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def is_label(text: str) -> bool:
    """Return whether a text is too short for a sentence and does not end as one."""
    return count_letters(text) < MAX_LABEL_LENGTH and not ends_sentence(text)


def is_link_line(text: str, link_share: float) -> bool:
    """Return whether a paragraph only sends its reader to something else."""
    if len(text) > MAX_LINE_LENGTH:
        return False
    if link_share > 0.9 and not text.rstrip().endswith((".", "!", "?", "”", '"')):
        return True
    label, rest = _split_label(text, POINTERS)
    if not label:
        return text.startswith(("▶", "►", "＞＞", "【関連", "[관련"))
    if not rest or rest.startswith(COLONS):
        return True
    # A single word may begin any sentence.
    return link_share > 0.6 or (_is_phrase(label) and (link_share > 0.2 or is_heading_length(text)))


def is_link_list_heading(text: str) -> bool:
    """Return whether a heading stands above links to other stories rather than above a part of this one."""
    label, rest = _split_label(text, POINTERS) if is_heading_length(text) else ("", "")
    return bool(label) and (not rest or rest.startswith(COLONS) or _is_phrase(label))


def is_comments_heading(text: str) -> bool:
    """Return whether a text is nothing but a heading above comments, with or without their number."""
    words = "".join(char for char in text if not char.isdigit())
    label, rest = _split_label(words, ("comments",)) if is_heading_length(text) else ("", "")
    return bool(label) and not SIGNS.sub("", rest) and (words != text or _is_phrase(label))


def is_notice(text: str) -> bool:
    """Return whether a paragraph is a call to action, a date line, or a notice of facts, rights or of a paywall."""
    if len(text) > MAX_NOTICE_LENGTH:
        return False
    return (
        plain_text.is_call_to_action(text)
        or plain_text.split_date_stamp(text) is not None
        or (len(text) < MAX_FACT_LENGTH and (_is_fact_line(text) or _has_word(text, "paywall")))
    )


def is_heading_length(text: str) -> bool:
    """Return whether a text is as short as a heading."""
    return count_letters(text) < MAX_HEADING_LENGTH


def _is_fact_line(text: str) -> bool:
    """Return whether a line begins with the label of a fact, or tells who holds the rights."""
    if text.lstrip(" (").startswith(("©", "c)")) or _split_label(text, ("rights",))[0]:
        return True
    label, rest = _split_label(text, FACTS)
    return bool(label) and (rest.startswith(COLONS) or (_is_phrase(label) and is_label(text)))


def _split_label(text: str, roles: tuple[str, ...]) -> tuple[str, str]:
    """Return the label that a text begins with, and what follows it; an empty label where it begins with none."""
    folded = fold_case(text[:MAX_LINE_LENGTH])
    signs = SIGNS.match(folded)
    match = compile_words(*roles).match(folded, signs.end() if signs else 0)
    return (match[0], text[match.end() :].strip()) if match else ("", text)


def _has_word(text: str, role: str) -> bool:
    return compile_words(role).search(fold_case(text)) is not None


def _is_phrase(label: str) -> bool:
    """Return whether a label is more than one common word."""
    return " " in label or count_letters(label) >= MIN_PHRASE_LENGTH * DENSITY


# ── names ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=8192)
def split_names(value: str | None) -> frozenset[str]:
    """Return the words in a class or an id, in lower case."""
    return frozenset(word.lower() for word in WORD_BOUNDARY.split((value or "")[:500]) if word)


@lru_cache(maxsize=4096)
def names_role(value: str, role: str) -> bool:
    """Return whether a class or an id holds a word of a role, other than in the name of a layout."""
    words = get_words(role)
    for name in value[:500].split():
        if ":" in name or "[" in name:  # a utility class: how it looks, not what it is
            continue
        parts = _split_name(name)
        if not words.isdisjoint(parts) and not _is_layout_name(parts):
            return True
        if not words.isdisjoint(map(" ".join, pairwise(parts))):
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
