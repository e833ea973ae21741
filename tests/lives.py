"""Generated lives of sources, and readers that remember ids: what happens to stories, and what subscribers see of it.

A story has a token in its text, which no edit changes, so that a reader can tell which entries are the same story.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from html import escape
from pathlib import Path
from xml.etree import ElementTree

from feeds.errors import FailureKind, FetchError
from feeds.model import Fetched, HostState, NotModified, Source, Validators, Visit

LISTED = 12  # stories in the document of a source
WORDS = ("storm", "bay", "council", "bridge", "harvest", "museum", "river", "strike", "vote", "garden", "tower", "race")
TOKEN = re.compile(r"token-(\w+)-(\w+)-end")


@dataclass(frozen=True)
class Item:
    """A story at one source, as it stands in the source's document now."""

    token: str
    id: str | None
    link: str | None
    title: str
    date: datetime | None
    text: str
    made: datetime  # by its source


@dataclass
class Life:
    """A source: what it lists, and what may happen to it. `spread` are the stories that other sources may copy."""

    name: str
    dice: random.Random
    dates: bool = True
    links: bool = True
    ids: str = "opaque"  # or link, iri, none
    atom: bool = False
    host: str = ""
    items: list[Item] = field(default_factory=list)
    gone: list[Item] = field(default_factory=list)
    down: bool = False
    empty: bool = False
    churns: bool = False  # without links: its ids may change, or else its titles and dates
    by_titles: bool = False  # its links have moved: titles and dates are all that its stories are known by
    sessions: int = 0  # of the one that stands in its links, which is new at each visit; 0: none does
    served_atom: bool = False
    fixed: set[str] = field(default_factory=set)  # tokens of stories that stay as they are until the next visit
    generation: int = 0
    served: dict[str, Item] = field(default_factory=dict)  # by token, as it stood in the document fetched last
    shared: set[str] = field(default_factory=set)  # tokens of stories that other sources have: known by title, too

    def add(self, token: str, now: datetime, origin: Item | None = None) -> Item:
        """List a new story; one that stands at another source has its link, its title or its id."""
        slug = "-".join([*self.dice.choices(WORDS, k=3), token])
        link = f"https://{self.host}/{slug}" if self.links else None
        title = f"{' '.join(self.dice.choices(WORDS, k=4))} {token}"
        id = {"opaque": f"{self.name}{token}", "link": link, "iri": f"tag:{self.name}.example,2026:{token}"}.get(
            self.ids
        )
        date = now - timedelta(minutes=self.dice.randrange(600))
        item = Item(token, id, link, title, date, f"text {self.dice.random()}", now)
        if origin is not None:
            shared = self.dice.choice([name for name in ("link", "title") if getattr(origin, name)])
            item = replace(item, **{shared: getattr(origin, shared), "date": origin.date})
        if not self.dates:
            item = replace(item, date=None)
        self.items.insert(0, item)
        return item

    def edit(self, change: Callable[[Item], Item], besides: Collection[str] = ()) -> None:
        """Change one story, besides those with these tokens."""
        places = [place for place, item in enumerate(self.items) if item.token not in {*besides, *self.fixed}]
        if places:
            place = self.dice.choice(places)
            self.items[place] = change(self.items[place])

    def can_move(self) -> bool:
        """Tell whether all links that stories are known by are of this site, so that they move together.

        Without dates a story is not known by its text if its link moves at the same time as its id changes.
        """
        foreign = [item for item in self.items if item.link and f"/{self.host}/" not in item.link]
        return (self.ids not in ("link", "none") or not foreign) and (self.dates or not self.fixed)

    def has_other_marks(self) -> bool:
        """Tell whether a story is known by more than its title and date, so that these may change."""
        if self.by_titles and (self.ids in ("link", "none") or self.generation):
            return False
        return self.links or (self.ids != "none" and not self.churns)

    def can_be_away(self) -> bool:
        """Tell whether a poll may bring many new stories at once.

        Not if titles are all that they are known by: nothing tells a few that stay from new ones with old titles.
        """
        return self.dates or not self.churns

    def is_as_served(self, item: Item) -> bool:
        """Tell whether a story stands as in the document that was fetched last; one that was in none does."""
        return self.served.get(item.token, item) == item

    def listing(self) -> list[Item]:
        return [] if self.empty else self.items[:LISTED]

    def document(self) -> bytes:
        """The source's document, as it stands now."""
        self.sessions += bool(self.sessions)
        entries = "".join(self._entry(item) for item in self.listing())
        if self.atom:
            head = f"<id>tag:{self.name}.example,2026:feed</id><title>{self.name}</title>"
            return f'<feed xmlns="http://www.w3.org/2005/Atom">{head}{entries}</feed>'.encode()
        return f'<rss version="2.0"><channel><title>{self.name}</title>{entries}</channel></rss>'.encode()

    def _entry(self, item: Item) -> str:
        if self.sessions:
            link = f"{item.link}?PHPSESSID={self.sessions:x}" if item.link else None
            item = replace(item, link=link, id=link if item.id == item.link else item.id)
        text = escape(f"<p>{item.text} token-{item.token}-{self.name}-end</p>")
        title = f"<title>{escape(item.title)}</title>"
        if self.atom:
            id = f"<id>{escape(item.id)}</id>" if item.id else ""
            link = f'<link href="{escape(item.link)}"/>' if item.link else ""
            date = f"<published>{item.date:%Y-%m-%dT%H:%M:%SZ}</published>" if item.date else ""
            return f'<entry>{id}{title}{link}{date}<content type="html">{text}</content></entry>'
        permalink = "true" if item.id == item.link else "false"
        id = f'<guid isPermaLink="{permalink}">{escape(item.id)}</guid>' if item.id else ""
        link = f"<link>{escape(item.link)}</link>" if item.link else ""
        date = f"<pubDate>{item.date:%a, %d %b %Y %H:%M:%S} GMT</pubDate>" if item.date else ""
        return f"<item>{id}{title}{link}{date}<description>{text}</description></item>"


# ── what happens to a source ────────────────────────────────────────────────────────────────────────────────────────


def _edit_text(life: Life, now: datetime) -> None:
    life.edit(lambda item: replace(item, text=f"edited {life.dice.random()}"))


def _edit_title(life: Life, now: datetime) -> None:
    if life.has_other_marks():
        life.edit(lambda item: replace(item, title=f"{item.title} updated"), life.shared)


def _redate(life: Life, now: datetime) -> None:
    if life.dates and life.has_other_marks():
        life.edit(lambda item: replace(item, date=now - timedelta(minutes=life.dice.randrange(3000))), life.shared)


def _reorder(life: Life, now: datetime) -> None:
    listed = life.items[:LISTED]
    life.dice.shuffle(listed)
    life.items[:LISTED] = listed


def _churn_ids(life: Life, now: datetime) -> None:
    """All ids differ from now on, and again at each visit."""
    if life.ids == "opaque" and len(life.items) >= 4 and (life.links or life.churns):
        life.generation += 1
        life.items = [replace(item, id=f"{life.generation}-{life.dice.randrange(10**9)}") for item in life.items]


def _move_host(life: Life, now: datetime) -> None:
    """The site moves: `www.` comes or goes, and stories that return later have the new host.

    Not if its links are all that stories are known by, and some of them lead to other sites, which do not move: then it
    is not a source of which hardly any id was seen before.
    """
    if not life.can_move():
        return
    old, new = life.host, life.host.removeprefix("www.") if life.host.startswith("www.") else f"www.{life.host}"
    _move(life, lambda address: address.replace(f"://{old}/", f"://{new}/"))
    life.host = new


def _move(life: Life, spell: Callable[[str], str]) -> None:
    """Spell the addresses of all stories otherwise, of those too that return later."""

    def move(text: str | None) -> str | None:
        return spell(text) if text and f"://{life.host}/" in text else text

    for items in (life.items, life.gone):
        items[:] = [replace(item, link=move(item.link), id=move(item.id)) for item in items]


def _move_scheme(life: Life, now: datetime) -> None:
    """The site moves from `https` to `http`, or back."""
    if life.can_move():
        old, new = ("https:", "http:") if life.dice.random() < 0.5 else ("http:", "https:")
        _move(life, lambda address: address.replace(old, new, 1))


def _move_slash(life: Life, now: datetime) -> None:
    """The site ends its addresses with a slash from now on, or without."""
    if life.can_move():
        _move(life, lambda address: address.removesuffix("/") if address.endswith("/") else f"{address}/")


def _move_path(life: Life, now: datetime) -> None:
    """All permalinks are new; titles and dates tell that the stories are the same, if these stay as they were read."""
    if life.shared or not (life.links and life.dates and all(map(life.is_as_served, (*life.items, *life.gone)))):
        return
    life.by_titles = True
    life.fixed.update(item.token for item in (*life.items, *life.gone))
    folder = f"{life.dice.randrange(10**6)}/"
    _move(life, lambda address: re.sub(r"(://[^/]+/)(?:\d+/)?", rf"\g<1>{folder}", address, count=1))


def _begin_sessions(life: Life, now: datetime) -> None:
    """From now on a session stands in every link, a new one at each visit."""
    if life.links and not life.sessions and not life.shared:
        life.sessions = 1


def _change_one_id(life: Life, now: datetime) -> None:
    """One story comes under another id, and is otherwise as it was.

    Without a date it is known by being equal, which it is not in another format or with another session in its link.
    """
    listed = [item for item in life.listing() if life.served.get(item.token) == item and item.token not in life.shared]
    is_known = life.dates or (life.atom == life.served_atom and not life.sessions)
    if life.ids in ("opaque", "iri") and listed and is_known:
        item = life.dice.choice(listed)
        life.fixed.add(item.token)
        other = replace(item, id=f"{item.id}-{life.dice.randrange(10**9)}")
        life.items = [other if one.token == item.token else one for one in life.items]


def _switch_format(life: Life, now: datetime) -> None:
    """The source writes Atom instead of RSS, or RSS again."""
    if not life.fixed:
        life.atom = not life.atom


def _fail(life: Life, now: datetime) -> None:
    life.down = life.can_be_away()


def _empty(life: Life, now: datetime) -> None:
    life.empty = life.can_be_away()


def _lose(life: Life, now: datetime) -> None:
    if life.items:
        life.gone.append(life.items.pop(life.dice.randrange(min(len(life.items), LISTED))))


def _return(life: Life, now: datetime) -> None:
    """What left comes back, at the top."""
    if life.gone:
        life.items.insert(0, life.gone.pop(life.dice.randrange(len(life.gone))))
    elif len(life.items) > LISTED:
        life.items.insert(0, life.items.pop())


HAPPENINGS: dict[str, Callable[[Life, datetime], None]] = {
    "edited text": _edit_text,
    "edited title": _edit_title,
    "another date": _redate,
    "another order": _reorder,
    "other ids": _churn_ids,
    "another host": _move_host,
    "another scheme": _move_scheme,
    "another slash": _move_slash,
    "another path": _move_path,
    "sessions": _begin_sessions,
    "one other id": _change_one_id,
    "another format": _switch_format,
    "an outage": _fail,
    "an empty answer": _empty,
    "a story lost": _lose,
    "a return": _return,
}


class World:
    """Sources that live at the same time, the network that leads to them."""

    def __init__(self, seed: int, sources: int = 3, happenings: tuple[str, ...] = tuple(HAPPENINGS)) -> None:
        self.dice = random.Random(seed)
        self.happenings = [HAPPENINGS[name] for name in happenings]
        self.history: list[tuple[str, str]] = []  # token, and what documents showed: why a life failed is seen there
        self._tokens = 0
        self.lives = {}
        for name in "abcdef"[:sources]:
            links = self.dice.random() < 0.8
            ids = (
                self.dice.choice(["opaque", "iri", "link", "none"])
                if links
                else self.dice.choice(["opaque", "iri", "none"])
            )
            dice = random.Random(self.dice.random())
            self.lives[name] = Life(
                name, dice, self.dice.random() < 0.8, links, ids, self.dice.random() < 0.5, f"{name}.example"
            )
            self.lives[name].churns = not links and ids == "opaque" and dice.random() < 0.5

    def tick(self, now: datetime) -> None:
        """Let some time pass: copies of stories, new ones, and what else happens."""
        if self.dice.random() < 0.6:
            self._copy(now)
        for life in self.lives.values():
            life.down = life.empty = False
            for _ in range(self.dice.choice([0, 0, 1, 1, 2, 4]) if life.items else 6):
                life.add(self._new_token(), now)
            while self.dice.random() < 0.4:
                self.dice.choice(self.happenings)(life, now)

    def _new_token(self) -> str:
        self._tokens += 1
        return f"s{self._tokens}"

    def _copy(self, now: datetime) -> None:
        """Let another source carry a recent story.

        It was read where it stood first: nothing shows that two copies are one story before both are published, if one
        has its link and the other its title.
        """
        giver, taker = self.dice.sample([*self.lives.values()], 2)
        if giver.sessions or taker.sessions or giver.fixed or taker.fixed:
            return  # a copy would lead to an address that is in no document
        read = [giver.served[item.token] for item in giver.listing() if item.token in giver.served]
        recent = [item for item in read if now - item.made < timedelta(hours=20) and item.date]
        fresh = [item for item in recent if all(item.token != held.token for held in (*taker.items, *taker.gone))]
        if fresh and (fresh[0].link or taker.links):
            taker.add(fresh[0].token, now, fresh[0])
            for life in (giver, taker):
                life.shared.add(fresh[0].token)
            self.history.append((fresh[0].token, f"{taker.name} takes it from {giver.name}"))

    # ── the network ──

    def fetch(self, visit: Visit) -> Fetched | NotModified:
        life = self.lives[visit.source.id]
        if life.down:
            raise FetchError("the server does not answer", kind=FailureKind.TIMEOUT)
        body = life.document()
        self.history += _changes(life, visit.due_at)
        life.served |= {item.token: item for item in life.listing()}
        life.served_atom = life.atom
        life.fixed.clear()
        digest = sha256(body).hexdigest()
        if digest == visit.state.body_digest:
            return NotModified(visit.url, visit.state.validators, status=304, size=len(body))
        return Fetched(visit.url, body, "application/rss+xml", validators=Validators(), body_digest=digest, status=200)

    def robots(self, url: str, state: HostState, at: datetime, source: Source | None = None) -> tuple[bool, HostState]:
        return True, state

    def address_of(self, host: str) -> str | None:
        return None

    def close(self) -> None: ...


def _changes(life: Life, at: datetime) -> Iterator[tuple[str, str]]:
    """Yield token and facts of the stories that a document shows otherwise than the one before."""
    for item in life.listing():
        before = asdict(life.served[item.token]).items() if item.token in life.served else ()
        if facts := dict(asdict(item).items() - before):
            yield item.token, f"{at:%d %H:%M} {life.name}: " + ", ".join(f"{n} {facts[n]}" for n in sorted(facts))


# ── readers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Entry:
    """An entry of a document, as a reader sees it."""

    id: str
    title: str
    text: str
    published: str
    updated: str


@dataclass
class Reader:
    """A subscriber: it remembers every id that it saw. `merges`: the feed has one entry for each story."""

    folder: Path
    feed: str
    suffix: str
    merges: bool
    ids: dict[str, str] = field(default_factory=dict)  # id → the story it was shown for
    shown: dict[str, Entry] = field(default_factory=dict)  # id → how it was shown last
    complaints: dict[str, str] = field(default_factory=dict)  # story → what was wrong with it first

    def read(self) -> None:
        """Read the document; note what is shown twice."""
        stories: dict[str, str] = {}
        for entry in entries(self.folder / f"{self.feed}.{self.suffix}"):
            id, match = entry.id, TOKEN.search(entry.text)
            assert match, entry
            story = match[1] if self.merges else f"{match[1]}-{match[2]}"
            if story in stories:
                self._complain(story, f"stands twice: {id} and {stories[story]}")
            stories[story] = id
            if self.ids.get(id, story) != story:
                self._complain(story, f"has the id of {self.ids[id]}: {id}")
            others = [other for other, known in self.ids.items() if known == story and other != id]
            if others and id not in self.ids:
                self._complain(story, f"comes again: {id} after {others}")
            self.ids[id] = story
            before = self.shown.get(id, entry)
            if before.updated != entry.updated and replace(before, updated=entry.updated) == entry:
                self._complain(story, f"is flagged as updated and looks as before: {id}")
            self.shown[id] = entry

    def look_back(self, world: World) -> None:
        """Note the stories that this reader never saw, though a source listed them in a document that was fetched."""
        seen = set(self.ids.values())
        for life in world.lives.values():
            for token in life.served:
                story = token if self.merges else f"{token}-{life.name}"
                if story not in seen:
                    self._complain(story, "is missing")

    def _complain(self, story: str, sentence: str) -> None:
        self.complaints.setdefault(story, f"{self.feed}.{self.suffix}: {story} {sentence}")


ATOM = "{http://www.w3.org/2005/Atom}"


def entries(file: Path) -> Iterator[Entry]:
    """Yield the entries of a document."""
    if file.suffix == ".json":
        for item in json.loads(file.read_bytes())["items"]:
            facts = item.get("title", ""), item.get("content_html", ""), item.get("date_published", "")
            yield Entry(item["id"], *facts, item.get("date_modified", ""))
        return
    tree = ElementTree.parse(file)
    for node in tree.iter("item" if file.suffix == ".rss" else f"{ATOM}entry"):
        names = ("title", "published", "updated")
        title, published, updated = (node.findtext(f"{ATOM}{name}") or "" for name in names)
        id = node.findtext("guid") or node.findtext(f"{ATOM}id") or ""
        texts = (child for child in node if child.tag != f"{ATOM}updated" and child.tag != f"{ATOM}link")
        text = " ".join(text for child in texts for text in child.itertext())
        yield Entry(id, title, text, published, updated)
