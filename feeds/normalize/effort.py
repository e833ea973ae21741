"""HTML made to hurt its reader, told before it is read (S15).

Whoever builds a tree of misnested HTML copies what is still open and searches long lists, as the standard has it: a
bold face opened 400 times before 2,000 paragraphs keeps the sanitiser busy for 0.6 s, and 11 kB become 6 MB. Here the
tree is followed in thought, for an estimate of the time it would take. Small pieces of HTML cannot cost much and are
not looked at.
"""

from __future__ import annotations

import re
from math import inf

# Nanoseconds, as measured on the sanitiser: for each open element, at each tag; for each element copied, and each
# character of its tag; for each node that may have to be searched where something is moved.
_LEVEL, _COPY, _SPELLED, _MOVE = 7, 600, 10, 1.5
# Its writer looks ahead for the end of the text at every `&` and every letter that begins with the byte C2.
_AHEAD = 0.013
# What a piece of HTML may take: so much in any case, and half a second for each MB.
_ALWAYS, _EACH = 500_000, 500
_DEEPEST = 500  # no page is deeper than this

# Below these sizes, nothing that is written can cost more than a millisecond.
_MANY_TAGS, _FEW_TAGS, _LONG, _COPIES = 1_000, 64, 16_000, 2_000
# A node takes some 250 bytes of memory: more of them, or a longer text, and only the words are kept.
_MOST_TAGS, LONGEST = 100_000, 2_000_000
_LONG_TAG, _LONG_VALUE, _MOST_ATTRIBUTES = 4_000, 16_000, 300

_SPACE = r"\t\n\f\r "
_ATTRIBUTE = (
    rf"[^{_SPACE}/>][^{_SPACE}/>=]*+"
    rf"(?:[{_SPACE}]*+=[{_SPACE}]*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^{_SPACE}>\"'][^{_SPACE}>]*+)?+)?+"
)
_ATTRIBUTES = rf"(?:[{_SPACE}/]++|{_ATTRIBUTE})*+"
_AFTER_NAME = rf"(?=[{_SPACE}/>])"
_RAW = "script|style|textarea|title|iframe|noembed|noframes|noscript"  # no markup in them, up to their end
# As HTML §13.2.5 parts tags, comments and what is taken for one from text: it has to be told exactly as the parser
# would, or more could hide in what is skipped here. Groups: raw, drawing, its end, slash, name, attributes, end.
_TOKEN = re.compile(
    r"<(?:!--(?:-?>|(?:[^-]++|-(?!-!?>))*+(?:--!?>)?)|[!?][^>]*+>?|/(?![a-zA-Z]|\Z)[^>]*+>?"
    rf"|(?i:({_RAW}){_AFTER_NAME}{_ATTRIBUTES}>(?:[^<]++|<(?!/\1{_AFTER_NAME}))*+)"
    rf"|(?i:(svg|math){_AFTER_NAME}{_ATTRIBUTES}(?<!/)>(?:[^<]++|<(?!/\2{_AFTER_NAME}))*+(</)?+)"
    rf"|(/?)([a-zA-Z][^{_SPACE}/>]*+)({_ATTRIBUTES})(>?))"
)
_GROUPS = 8  # of a token, with the text before it
_ONE_ATTRIBUTE = re.compile(_ATTRIBUTE)
_NOTHING = "<!---->"  # in the place of what is taken out, so that the texts around it do not join
_FORMATTING_TAG = re.compile(r"<(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)[\s/>]", re.IGNORECASE)

_GONE = frozenset((*_RAW.split("|"), "svg", "math", "html", "head", "body", "frameset", "frame"))
_UNENDING = frozenset(("xmp", "plaintext", "listing"))
# Elements that never nest, as the next one of their kind ends them.
_FLAT = frozenset(
    "p br hr img li dd dt wbr input source track col meta link area base basefont bgsound embed keygen param image"
    .split()
)  # fmt: skip
_ROWS = frozenset("tr tbody thead tfoot colgroup".split())
_CELLS = frozenset("td th caption".split())
_FORMATTING = frozenset("a b big code em font i nobr s small strike strong tt u".split())
_ALONE = frozenset(("a", "nobr", "button"))  # one of them inside another ends it
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_TABLES = frozenset(("table", "template"))
_SCOPES = _TABLES | _CELLS | {"marquee", "object", "applet", "select"}
_SPECIAL = _SCOPES | frozenset(
    "h address article aside blockquote button center details dir div dl fieldset figcaption figure footer form header"
    " hgroup main menu nav ol pre search section summary ul"
    .split()
)  # fmt: skip


def tamed(html: str) -> str | None:
    """HTML that takes no longer to read than its length allows; none where this would."""
    tags = html.count("<")
    if tags < _MANY_TAGS and len(html) < _LONG and (tags < _FEW_TAGS or tags * _formatting(html) < _COPIES):
        return html
    if tags > _MOST_TAGS:
        return None
    tree = _Tree(html)
    spelled = []
    pieces = iter(_TOKEN.split(html))
    for text, raw, drawing, closed, slash, name, attributes, end in zip(*[pieces] * _GROUPS, strict=False):
        ...
    return html


def _formatting(html: str) -> int:
    return len(_FORMATTING_TAG.findall(html))
