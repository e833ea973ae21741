"""Stories as a list, as the pages of feeds show them: newest first, under the days they are of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from itertools import groupby
from typing import NamedTuple

from msgspec import Struct

from ...clean_html import opening_text
from ...model import Article, Site, Twin, replace
from .. import formatting
from .language import PageLanguage, is_date_only, language_direction, text_direction, text_language

MAX_WHOLE_STORIES = 60  # with picture and summary; the others are titles
# Of a page before its pictures: 100 kB, with room for what stands around the stories.
MAX_BYTES = 84_000
# Of the elements of a story, without its texts and addresses; those of a title alone.
STORY_BYTES, TITLE_BYTES = 870, 440
_TWIN_ELEMENTS = " " * 30
MAX_TWINS = 8
MAX_TAGS, MAX_TAG_LENGTH = 12, 60  # that a page knows of a story, to filter by
TEASER_SOURCE_LENGTH = 4000  # characters of HTML that are looked at for the beginning of a text
SUMMARY_LENGTH = 260  # characters: two lines show about 160, three lines on a phone


class ListedStory(Struct, frozen=True):
    """A story in a list; `id` stands for its published id.

    `datetime` is a date alone where the story has no time; `exact` is day and time in words.
    """

    id: str
    url: str
    title: str
    summary: str
    source: str
    image: str | None
    language: str | None
    icon: str | None
    direction: str
    datetime: str
    clock: str
    exact: str
    also_at: tuple[Twin, ...] = ()
    tags: tuple[str, ...] = ()
    is_whole: bool = True

    @property
    def initial(self) -> str:
        """Return the letter that stands for the source where it has no icon."""
        return next((letter.upper() for letter in self.source if letter.isalnum()), "·")

    def as_title(self) -> ListedStory:
        """Return the story without picture and summary."""
        return replace(self, image=None, icon=None, summary="", is_whole=False)

    @property
    def size(self) -> int:
        """Return about how many bytes the story takes."""
        twins = [text for twin in self.also_at for text in (twin.url, twin.title or twin.source_id, _TWIN_ELEMENTS)]
        pictures = filter(None, (self.icon, self.image, self.image and self.url))
        texts = "".join((self.url, self.title, self.summary, self.source, *self.tags, *pictures, *twins))
        return (STORY_BYTES if self.is_whole else TITLE_BYTES) + len(texts.encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class LivePage:
    """Where a page hears of new stories, and where it finds itself with them; both relative to itself.

    `feed_id`: what it offers notifications of; "": all feeds.
    """

    stream: str
    page: str
    feed_id: str


@dataclass(frozen=True, slots=True)
class Day:
    """The stories of one day; `heading` is empty where they are not in the order of time."""

    heading: str
    date: str
    stories: Sequence[ListedStory]


def list_days(
    articles: Iterable[Article], site: Site, language: PageLanguage, page_url: str, *, whole: bool = False
) -> tuple[Day, ...]:
    """Return the stories by days: the first whole, the others as titles, as many as a page holds, or the `whole` list.

    `page_url` stands for an address that is missing.
    """
    listed: list[_ListedBothWays] = []
    moments: list[datetime] = []
    for article in articles:
        story = list_story(article, site, language, page_url)
        room = (listed[-1].room if listed else MAX_BYTES) - (title := story.as_title()).size
        if room < 0 and listed and not whole:
            break
        listed.append(_ListedBothWays(story, title, room))
        moments.append(article.position)
    stories = list(_choose_whole(listed))
    if moments != sorted(moments, reverse=True):
        return (Day("", "", stories),)
    return tuple(
        Day(language.format_heading(group[0][0]), date, [story for _, story in group])
        for date, items in groupby(
            zip(moments, stories, strict=True), key=lambda item: language.local(item[0]).date().isoformat()
        )
        if (group := list(items))
    )


class _ListedBothWays(NamedTuple):
    """A story, whole and as a title; `room` are the bytes that are left after its title and those before it."""

    story: ListedStory
    title: ListedStory
    room: int


def _choose_whole(listed: Sequence[_ListedBothWays]) -> Iterator[ListedStory]:
    """Yield the stories, each whole while all others still have room as titles."""
    room = listed[-1].room if listed else 0
    for number, (story, title, _) in enumerate(listed):
        room -= story.size - title.size
        yield story if number < MAX_WHOLE_STORIES and room >= 0 else title


def list_story(article: Article, site: Site, language: PageLanguage, page_url: str) -> ListedStory:
    """Return a story as a list shows it."""
    text = f"{article.title} {article.summary}"
    tag = text_language(text, article.language)
    machine_date, clock, exact = _spell_moment(article.position, language)
    return ListedStory(
        id=f"s{blake2b(article.published_id.encode('utf-8', 'replace'), digest_size=6).hexdigest()}",
        url=article.url or article.external_url or page_url,
        title=article.title or article.url or article.published_id,
        summary=shorten(_teaser(article)),
        source=formatting.source_name(article, site),
        image=_shown_image(article.image, site),
        icon=_shown_image(article.origin.icon if article.origin else None, site),
        language=tag if tag != language.tag else None,
        direction=text_direction(text) if text.strip() else language_direction(language.tag),
        datetime=machine_date,
        clock=clock,
        exact=exact,
        also_at=article.also_at[:MAX_TWINS],
        # Those of its source come last, and are the ones that the operator chose.
        tags=tuple(tag for tag in article.tags if len(tag) <= MAX_TAG_LENGTH)[-MAX_TAGS:],
    )


def _shown_image(address: str | None, site: Site) -> str | None:
    """Return the address of a picture that pages may show: their Content-Security-Policy knows no other ones."""
    return address if address and address.startswith(("https://", site.url)) else None


def shorten(text: str) -> str:
    """Return the beginning of a text, up to the end of a word; scripts without spaces are cut anywhere."""
    if len(text) <= SUMMARY_LENGTH:
        return text
    beginning, space, _ = text[:SUMMARY_LENGTH].rpartition(" ")
    return f"{beginning if space and len(beginning) > SUMMARY_LENGTH // 2 else text[:SUMMARY_LENGTH]}…"


def _teaser(article: Article) -> str:
    """Return the summary, or the beginning of the text; nothing where that only repeats the title."""
    summary, title = article.summary.strip(), article.title.strip().rstrip("…")
    if not title:
        return ""
    teaser = summary if summary and summary != title else opening_text(article.html, TEASER_SOURCE_LENGTH)
    return "" if teaser == title else teaser


@lru_cache(maxsize=4096)  # of the stories of a page, most were on it before
def _spell_moment(moment: datetime, language: PageLanguage) -> tuple[str, str, str]:
    """Return a moment for machines, as a clock, and in words."""
    local = language.local(moment)
    is_date = is_date_only(moment, language.zone)
    machine_date = local.date().isoformat() if is_date else local.isoformat(timespec="minutes")
    return machine_date, language.format_clock(moment), language.format_exactly(moment)
