"""HTML made to hurt its reader, told before it is read (S15).

Whoever builds a tree of misnested HTML copies what is still open and searches long lists, as the standard has it: a
bold face opened 400 times before 2,000 paragraphs keeps the sanitiser busy for 0.6 s, and makes 6 MB of 11 kB. Here the
tree is followed in thought, for an estimate of the time that it takes. Small pieces cannot cost much and pass unseen.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import chain, islice
from math import inf

# Nanoseconds, as measured on the sanitiser: for each level of depth at each tag; for each element that is copied and
# each character of its tag; for each node to be searched where something is moved.
_LEVEL, _COPY, _SPELLED, _MOVE = 7.0, 600.0, 10.0, 1.5
# Its writer looks ahead to the end of a text at each `&` in it, and at each letter between U+0080 and U+00BF.
_AHEAD, _FEW_AHEAD = 0.013, 10_000
# What a piece may take: so much in any case, and so much for each character. Feeds and pages need 25 at the most.
_ALWAYS, _EACH = 500_000.0, 300.0
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
    r"(<(?:!--(?:-?>|(?:[^-]++|-(?!-!?>))*+(?:--!?>)?)|[!?][^>]*+>?|/(?![a-zA-Z]|\Z)[^>]*+>?"
    rf"|(?i:({_RAW}){_ENDED}{_ATTRIBUTES}>(?:[^<]++|<(?!/\2{_ENDED}))*+)"
    rf"|(?i:(svg|math){_ENDED}{_ATTRIBUTES}(?<!/)>(?:[^<]++|<(?!/\3{_ENDED}))*+(?=(</)?))"
    rf"|(/?)([a-zA-Z][^{_SPACE}/>]*+){_ATTRIBUTES}>|/?[a-zA-Z].*+))",
    re.DOTALL,
)
_GROUPS = 7  # the text before a token; the token, name of a raw element, of a drawing, its end, slash, name of a tag
_ONE_ATTRIBUTE = re.compile(_ATTRIBUTE)
_TAG_NAME = re.compile(rf"<[^{_SPACE}/>]*+")
_COPIED = re.compile(r"<(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)[\s/>]", re.IGNORECASE)
_NOTHING = "<!---->"  # for what is taken out, so that the texts around it stay two


def _names(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


_ENDLESS = _names("xmp plaintext")
_GONE = _ENDLESS | {""} | _names(_RAW.replace("|", " "), "svg math html head body frameset frame")
# The next of their kind ends them, so that they add nothing to the depth.
_FLAT = _names(
    "p li dd dt br hr img wbr input source track col meta link area base basefont bgsound embed keygen param image"
)
_FORMATTING = _names("a b big code em font i nobr s small strike strong tt u")  # copied when misnested
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
_BORDERS = _SPECIAL | _FLAT | _ROWS  # where formatting ends, to begin again as a copy
_HELD = _FORMATTING | _MARKERS  # more is kept of them than that they are open
_PECULIAR = _ROWS | _CELLS | _names("h a nobr button")


def tamed(html: str) -> str | None:
    """HTML that takes no longer to read than its length allows; none where it would."""
    tags = html.count("<")
    if tags < _MANY and len(html) < _SHORT and (tags < _FEW or tags * len(_COPIED.findall(html)) < _COPIES):
        return html
    if tags > MOST_TAGS:
        return None
    parts = _TOKEN.split(html)
    tree = _Tree(searched=html.count("&") + html.encode().count(b"\xc2"))
    replaced = dict(tree.grow(parts))
    if replaced:
        for at, token in replaced.items():
            parts[at * _GROUPS + 1] = token
        html = "".join(chain.from_iterable(zip(parts[::_GROUPS], [*parts[1::_GROUPS], ""], strict=True)))
    return html if len(html) <= LONGEST and tree.effort() <= _ALWAYS + _EACH * len(html) else None


def _shortened(tag: str) -> str:
    """The tag with the first of its attributes, but for those that nobody wrote: pictures as data, and worse."""
    name = _TAG_NAME.match(tag)
    start = name[0] if name else tag
    kept = (found[0] for found in _ONE_ATTRIBUTE.finditer(tag[:-1], len(start)) if len(found[0]) <= LONG_VALUE)
    return f"{start} {' '.join(islice(kept, MOST_ATTRIBUTES))}>"


class _Formatting:
    """Formatting elements between two borders that none of them crosses: in force, open, or adrift.

    Of equal ones three count (HTML §13.2.4.3). Adrift is what others ended: it is copied at the next opportunity.
    """

    def __init__(self) -> None:
        self.cost = self.adrift = 0.0
        self._open: list[tuple[str, str]] = []  # name, and how it is spelled
        self._in_force: Counter[str] = Counter()
        self._drifting: Counter[str] = Counter()
        self._drifters: defaultdict[str, list[str]] = defaultdict(list)

    def begin(self, name: str, spelled: str) -> None:
        """One begins."""
        self._open.append((name, spelled))
        if self._in_force[spelled] < 3:
            self._in_force[spelled] += 1
            self.cost += _cost(spelled)

    def end(self, name: str) -> None:
        """The innermost of the open ones with this name ends as it should."""
        at = next(at for at in range(len(self._open) - 1, -1, -1) if self._open[at][0] == name)
        self._forget(self._open.pop(at)[1])

    def drift(self) -> None:
        """The innermost of the open ones is ended by what is not its end."""
        name, spelled = self._open.pop()
        if self._drifting[spelled] < self._in_force[spelled]:
            self._drifting[spelled] += 1
            self._drifters[name].append(spelled)
            self.adrift += _cost(spelled)

    def land(self, name: str) -> None:
        """The end of one that is adrift, if any is."""
        if self._drifters[name]:
            spelled = self._drifters[name].pop()
            self._drifting[spelled] -= 1
            self.adrift -= _cost(spelled)
            self._forget(spelled)

    def _forget(self, spelled: str) -> None:
        if self._in_force[spelled]:
            self._in_force[spelled] -= 1
            self.cost -= _cost(spelled)


def _cost(spelled: str) -> float:
    return _COPY + _SPELLED * len(spelled)


class _Kinds(dict[str, str]):
    """Names of tags as they are spelled → as they are compared here."""

    def __missing__(self, name: str) -> str:
        lower = name.lower()
        kind = self[name] = _HEADINGS.get(lower, lower)
        return kind


class _Tree:
    """What is open, in thought, and the nanoseconds that it took to come here."""

    def __init__(self, searched: int) -> None:
        self._searched = searched  # characters at which the writer looks ahead
        self._open = [""]
        self._formatting = [_Formatting()]
        self._nodes = self._depth = 0
        self._run = 0  # the length of a text without an element in it
        self._effort = 0.0

    def effort(self) -> float:
        """All of it, at the end."""
        self._cut()
        return inf if self._depth > _DEEPEST else self._effort + _LEVEL * self._depth * self._nodes

    def grow(self, parts: list[str]) -> Iterator[tuple[int, str]]:
        """Take all tokens in turn; which of them nobody shall read as they are, and what stands in their place."""
        opened, kinds, runs = self._open, _Kinds(), self._searched > _FEW_AHEAD
        columns = [parts[first::_GROUPS] for first in range(_GROUPS)]
        for at, (text, token, raw, drawing, drawn, slash, name) in enumerate(zip(*columns, strict=False)):
            if text and (runs or opened[-1] == "table"):
                self._text(text)
            kind = kinds[name or ""]
            if kind in _GONE:
                if raw or drawing or name:
                    yield at, _NOTHING
                if kind in _ENDLESS or (drawing and not drawn):
                    self._effort = inf  # what follows cannot be told
                continue
            if len(token) > _LONG_TAG:
                token = _shortened(token)
                yield at, token
            if not slash:
                self._start(kind, token)
            elif opened[-1] == kind and kind not in _HELD:
                opened.pop()
            elif kind not in _FLAT:
                self._end(kind)
            formatting = self._formatting[-1]
            if formatting.cost:
                self._effort += formatting.adrift + formatting.cost * (kind in _BORDERS)

    def _text(self, text: str) -> None:
        """A text; in a table, where none belongs, it is moved out."""
        self._run += len(text)
        if self._open[-1] == "table" and not text.isspace():
            self._move()

    def _start(self, name: str, spelled: str) -> None:
        self._nodes += 1
        if self._open[-1] == "table" and name not in _CELLS and name not in _ROWS:
            self._move()
        elif self._run:
            self._cut()
        if name in _FLAT:
            return
        if name in _PECULIAR:
            self._make_way(name)
        if name not in _ROWS:
            self._push(name, spelled)

    def _make_way(self, name: str) -> None:
        """End what the start of another ends."""
        if name in _ROWS or name in _CELLS:
            self._back_to_table()
        elif name == "h":
            if self._open[-1] == "h":
                self._open.pop()
        else:
            self._formatting[-1].land(name)
            if name in self._open:
                self._move()
                self._close(name)

    def _end(self, name: str) -> None:
        if name in _ROWS:
            self._back_to_table()
        elif self._open[-1] == name:
            self._pop(name)
        else:
            self._move()
            self._close(name)

    def _move(self) -> None:
        self._effort += _MOVE * self._nodes

    def _cut(self) -> None:
        self._effort += _AHEAD * self._run * min(self._run, self._searched)
        self._run = 0

    def _push(self, name: str, spelled: str) -> None:
        self._open.append(name)
        if len(self._open) > self._depth:
            self._depth = len(self._open)
        if name in _FORMATTING:
            self._formatting[-1].begin(name, spelled)
        elif name in _MARKERS:
            self._formatting.append(_Formatting())

    def _pop(self, name: str) -> None:
        self._open.pop()
        if name in _MARKERS:
            self._formatting.pop()
        elif name in _FORMATTING:
            self._formatting[-1].end(name)

    def _back_to(self, depth: int) -> None:
        """End all that is open inside; formatting drifts on."""
        while len(self._open) > depth:
            name = self._open.pop()
            if name in _MARKERS:
                self._formatting.pop()
            elif name in _FORMATTING:
                self._formatting[-1].drift()

    def _back_to_table(self) -> None:
        depth = next((at for at in range(len(self._open), 0, -1) if self._open[at - 1] in _TABLES), None)
        if depth is not None:
            self._back_to(depth)

    def _close(self, name: str) -> None:
        """End an element that others stand in, as far as its end may be seen from here."""
        hiding = _hiding(name)
        for at in range(len(self._open) - 1, 0, -1):
            opened = self._open[at]
            if opened == name:
                self._take_out(name, at)
                return
            if opened in hiding:
                if opened in _MARKERS:
                    self._formatting[-1].land(name)
                return
        self._formatting[-1].land(name)

    def _take_out(self, name: str, at: int) -> None:
        """Formatting and forms end alone: what stands in them stays open."""
        if name in _FORMATTING:
            del self._open[at]
            self._formatting[-1].end(name)
        elif name == "form":
            del self._open[at]
        else:
            self._back_to(at)


def _hiding(name: str) -> frozenset[str]:
    """The elements through which the end of one with this name cannot be seen."""
    if name in _CELLS or name in _TABLES:
        return _TABLES
    return _SCOPES if name in _SPECIAL or name in _FORMATTING else _SPECIAL
