"""HTML made to hurt its reader, told before it is read (S15).

Whoever builds a tree of misnested HTML copies what is still open and searches long lists, as the standard has it: a
bold face opened 400 times before 2,000 paragraphs keeps the sanitiser busy for 0.6 s, and makes 6 MB of 11 kB. Here the
tree is followed in thought, for an estimate of the time that it takes. Small pieces cannot cost much and pass unseen.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import islice
from math import inf
from typing import NamedTuple

# Nanoseconds, as measured on the sanitiser: for each level of depth at each tag; for each element that is copied and
# each character of its tag; for each node to be searched where something is moved.
_LEVEL, _COPY, _SPELLED, _MOVE = 7.0, 600.0, 10.0, 1.5
# Its writer looks ahead to the end of a text at each `&` in it, and at each letter between U+0080 and U+00BF.
_AHEAD = 0.013
# What a piece may take: so much in any case, and half a second for each million characters.
_ALWAYS, _EACH = 500_000.0, 500.0
_DEEPEST = 500  # no page is deeper

# A node takes some 250 bytes of memory. Of what is larger, only the words are kept.
MOST_TAGS, LONGEST = 100_000, 2_000_000
LONG_VALUE, MOST_ATTRIBUTES = 16_000, 300
_LONG_TAG = 4_000
# What is short and has few tags, or few whose elements are ever copied, costs a millisecond or two at the most.
_FEW, _MANY, _SHORT, _COPIES = 64, 500, 16_000, 2_000

_SPACE = r"\t\n\f\r "
_ATTRIBUTE = (
    rf"[^{_SPACE}/>][^{_SPACE}/>=]*+"
    rf"(?:[{_SPACE}]*+=[{_SPACE}]*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^{_SPACE}>\"'][^{_SPACE}>]*+)?+)?+"
)
_ATTRIBUTES = rf"(?:[{_SPACE}/]++|{_ATTRIBUTE})*+"
_ENDED = rf"(?=[{_SPACE}/>])"  # the name of a tag
_RAW = "script|style|textarea|title|iframe|noembed|noframes|noscript"  # no tags in them up to their own
# HTML §13.2.5, to the letter: what the parser takes for a tag must not hide in what is skipped here.
_TOKEN = re.compile(
    r"<(?:!--(?:-?>|(?:[^-]++|-(?!-!?>))*+(?:--!?>)?)|[!?][^>]*+>?|/(?![a-zA-Z]|\Z)[^>]*+>?"
    rf"|(?i:(?P<raw>{_RAW}){_ENDED}{_ATTRIBUTES}>(?:[^<]++|<(?!/(?P=raw){_ENDED}))*+)"
    rf"|(?i:(?P<drawing>svg|math){_ENDED}{_ATTRIBUTES}(?<!/)>(?:[^<]++|<(?!/(?P=drawing){_ENDED}))*+(?=(?P<drawn></)?))"
    rf"|(?P<slash>/?)(?P<name>[a-zA-Z][^{_SPACE}/>]*+)(?P<attributes>{_ATTRIBUTES})(?P<end>>?))"
)
_ONE_ATTRIBUTE = re.compile(_ATTRIBUTE)
_COPIED = re.compile(r"<(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)[\s/>]", re.IGNORECASE)
_NOTHING = "<!---->"  # for what is taken out, so that the texts around it stay two


def _names(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


_GONE = _names(_RAW.replace("|", " "), "svg math html head body frameset frame")
_ENDLESS = _names("xmp plaintext")
# The next of their kind ends them, so that they add nothing to the depth.
_FLAT = _names(
    "p li dd dt br hr img wbr input source track col meta link area base basefont bgsound embed keygen param image"
)
_FORMATTING = _names("a b big code em font i nobr s small strike strong tt u")  # copied when misnested
_ALONE = _names("a nobr button")  # one inside another ends it
_HEADINGS = dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), "h")  # any of them ends any
_ROWS = _names("tr tbody thead tfoot colgroup")
_CELLS = _names("td th caption")
_TABLES = _names("table template")
_MARKERS = _CELLS | _names("applet marquee object template")  # nothing is copied across their borders
_SCOPES = _MARKERS | _TABLES | _names("select")
_SPECIAL = _SCOPES | _names(
    "address article aside blockquote button center details dir div dl fieldset figcaption figure footer form h",
    "header hgroup main menu nav ol pre search section summary ul",
)
_BORDERS = _SPECIAL | _FLAT | _ROWS  # where formatting ends, and begins again as a copy


class _Token(NamedTuple):
    """A tag with the text before it; without a name, what is no tag or is gone with all in it."""

    text: str
    raw: str | None
    drawing: str | None
    drawn: str | None
    slash: str | None
    name: str | None
    attributes: str | None
    end: str | None


def tamed(html: str) -> str | None:
    """HTML that takes no longer to read than its length allows; none where it would."""
    tags = html.count("<")
    if tags < _MANY and len(html) < _SHORT and (tags < _FEW or tags * len(_COPIED.findall(html)) < _COPIES):
        return html
    if tags > MOST_TAGS:
        return None
    parts = _TOKEN.split(html)
    tree = _Tree(searched=html.count("&") + html.encode().count(b"\xc2"))
    spelled: list[str] = []
    for token in map(_Token._make, zip(*[iter(parts)] * len(_Token._fields), strict=False)):
        spelled += (token.text, _read(token, tree))
    tree.text(parts[-1])
    made = "".join((*spelled, parts[-1]))
    return made if len(made) <= LONGEST and tree.effort() <= _ALWAYS + _EACH * len(made) else None


def _read(token: _Token, tree: _Tree) -> str:
    """Take a token to the tree; how it is spelled for the sanitiser, who will see what was seen here and no more."""
    tree.text(token.text)
    name = (token.name or "").lower()
    if name in _ENDLESS or (token.drawing and not token.drawn):
        tree.give_up()
    if not token.end or name in _GONE:
        return _NOTHING
    kind = _HEADINGS.get(name, name)
    attributes = token.attributes or ""
    if len(attributes) > _LONG_TAG:
        attributes = _shortened(attributes)
    spelled = f"<{token.slash}{token.name}{attributes}>"
    if token.slash:
        tree.end(kind)
    else:
        tree.start(kind, spelled)
    return spelled


def _shortened(attributes: str) -> str:
    """The first of the attributes, but for those that nobody wrote: pictures as data, and worse."""
    kept = (found[0] for found in _ONE_ATTRIBUTE.finditer(attributes) if len(found[0]) <= LONG_VALUE)
    return "".join(f" {one}" for one in islice(kept, MOST_ATTRIBUTES))


class _Formatting:
    """Formatting elements between two borders that it does not cross: those in force, and of them those adrift.

    Of equal ones three count (HTML §13.2.4.3). Adrift is what others ended: it is copied at the next opportunity.
    """

    def __init__(self) -> None:
        self.cost = self.adrift_cost = 0.0
        self._in_force: Counter[str] = Counter()
        self._adrift: Counter[str] = Counter()
        self._by_name: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, spelled: str) -> None:
        """One begins."""
        if self._in_force[spelled] < 3:
            self._in_force[spelled] += 1
            self.cost += _cost(spelled)

    def end(self, spelled: str) -> None:
        """One ends as it should."""
        if self._in_force[spelled]:
            self._in_force[spelled] -= 1
            self.cost -= _cost(spelled)

    def drift(self, name: str, spelled: str) -> None:
        """One is ended by what is not its end."""
        if self._adrift[spelled] < self._in_force[spelled]:
            self._adrift[spelled] += 1
            self._by_name[name].append(spelled)
            self.adrift_cost += _cost(spelled)

    def land(self, name: str) -> None:
        """The end of one that is adrift."""
        if self._by_name[name]:
            spelled = self._by_name[name].pop()
            self._adrift[spelled] -= 1
            self.adrift_cost -= _cost(spelled)
            self.end(spelled)


def _cost(spelled: str) -> float:
    return _COPY + _SPELLED * len(spelled)


class _Tree:
    """What is open, in thought, and the nanoseconds that it took to come here."""

    def __init__(self, searched: int) -> None:
        self._searched = searched  # characters at which the writer looks ahead
        self._open: list[tuple[str, str]] = []  # name, and how it was spelled
        self._formatting = [_Formatting()]
        self._nodes = 0
        self._run = 0  # the length of a text without an element in it
        self._effort = 0.0

    def effort(self) -> float:
        """All of it, at the end."""
        self._cut()
        return self._effort

    def give_up(self) -> None:
        """What follows cannot be told."""
        self._effort = inf

    def text(self, text: str) -> None:
        """A text, maybe an empty one; in a table, where none belongs, it is moved out."""
        self._run += len(text)
        if self._in_table and text and not text.isspace():
            self._move()

    def start(self, name: str, spelled: str) -> None:
        """A tag that opens an element."""
        self._nodes += 1
        if name in _ROWS or name in _CELLS:
            self._back_to_table()
            if name in _CELLS and self._in_table:
                self._push(name, spelled)
        elif self._in_table:
            self._move()
            self._place(name, spelled)
        else:
            self._cut()
            self._place(name, spelled)
        self._charge(name)

    def end(self, name: str) -> None:
        """A tag that closes one."""
        if name in _ROWS:
            self._back_to_table()
        elif self._open and self._open[-1][0] == name:
            self._pop()
        elif name not in _FLAT:
            self._move()
            self._close(name)
        self._charge(name)

    @property
    def _in_table(self) -> bool:
        return bool(self._open) and self._open[-1][0] == "table"

    def _charge(self, name: str) -> None:
        formatting = self._formatting[-1]
        self._effort += _LEVEL * len(self._open) + formatting.adrift_cost + formatting.cost * (name in _BORDERS)

    def _move(self) -> None:
        self._effort += _MOVE * self._nodes

    def _cut(self) -> None:
        if self._run > _SHORT:
            self._effort += _AHEAD * self._run * min(self._run, self._searched)
        self._run = 0

    def _place(self, name: str, spelled: str) -> None:
        if name in _ALONE:
            self._formatting[-1].land(name)
            if any(name == opened for opened, _ in self._open):
                self._move()
                self._close(name)
        if name == "h" and self._open and self._open[-1][0] == "h":
            self._pop()
        if name not in _FLAT:
            self._push(name, spelled)

    def _push(self, name: str, spelled: str) -> None:
        self._open.append((name, spelled))
        if len(self._open) > _DEEPEST:
            self.give_up()
        if name in _MARKERS:
            self._formatting.append(_Formatting())
        elif name in _FORMATTING:
            self._formatting[-1].add(spelled)

    def _pop(self) -> None:
        """Close the innermost element by its own end."""
        name, spelled = self._open.pop()
        if name in _MARKERS:
            self._formatting.pop()
        elif name in _FORMATTING:
            self._formatting[-1].end(spelled)

    def _back_to(self, depth: int) -> None:
        """Close what is open inside; formatting drifts on."""
        while len(self._open) > depth:
            name, spelled = self._open.pop()
            if name in _MARKERS:
                self._formatting.pop()
            elif name in _FORMATTING:
                self._formatting[-1].drift(name, spelled)

    def _back_to_table(self) -> None:
        names = [name for name, _ in self._open]
        depth = next((len(names) - at for at, name in enumerate(reversed(names)) if name in _TABLES), None)
        if depth is not None:
            self._back_to(depth)

    def _close(self, name: str) -> None:
        """End an element that others stand in, as far as its end may be seen from here."""
        hidden_by = _TABLES if name in _CELLS or name in _TABLES else _SCOPES
        if name not in _SPECIAL and name not in _FORMATTING:
            hidden_by = _SPECIAL
        for at in range(len(self._open) - 1, -1, -1):
            opened, spelled = self._open[at]
            if opened == name:
                if name in _FORMATTING or name == "form":  # alone: what stands in it stays open
                    del self._open[at]
                    self._formatting[-1].end(spelled)
                else:
                    self._back_to(at)
                return
            if opened in hidden_by:
                if opened not in _MARKERS:
                    return
                break
        self._formatting[-1].land(name)
