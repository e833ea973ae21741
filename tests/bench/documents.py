"""The generated feeds: 51 kB of RSS with 25 entries, the same for the same numbers."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from xml.sax.saxutils import escape

import nh3
from lxml import etree

ENTRIES = 25
START = datetime(2026, 3, 2, 12, tzinfo=UTC)
WORDS = (
    *("about", "after", "again", "against", "river", "council", "morning", "figures", "station", "report", "minister"),
    *("evening", "harbour", "weather", "city", "market", "energy", "growth", "school", "players", "season", "library"),
)


def make_text(dice: random.Random, words: int) -> str:
    return " ".join(dice.choices(WORDS, k=words))


def make_html(dice: random.Random) -> str:
    """About 1.6 kB of HTML as blogs write it."""
    words = make_text
    image = f'<p><img src="/images/{dice.randrange(9999)}.jpg" alt="{words(dice, 3)}" width="640" height="480"></p>'
    quoted = (
        f"<blockquote><p>{words(dice, 20)}</p></blockquote><ul><li>{words(dice, 4)}</li><li>{words(dice, 4)}</li></ul>"
    )
    paragraphs = "".join(
        f'<p>{words(dice, 16)} <a href="/{dice.randrange(9999)}">{words(dice, 3)}</a> <em>{words(dice, 2)}</em> é</p>'
        for _ in range(6)
    )
    return image + paragraphs + quoted


def make_entry(number: int, item: int) -> str:
    """Return one entry of a feed."""
    dice = random.Random(number * 1000 + item)
    when = format_datetime(START - timedelta(hours=item, seconds=number), usegmt=True)
    link = f"https://site{number}.example/{item}"
    return (
        f"<item><title>{make_text(dice, 7)}</title><link>{link}</link><guid>{link}</guid><pubDate>{when}</pubDate>"
        f"<dc:creator>{make_text(dice, 2)}</dc:creator><category>{make_text(dice, 1)}</category>"
        f"<description>{escape(make_html(dice))}</description></item>"
    )


def make_document(number: int, first: int = 0) -> bytes:
    """Return one feed; a higher `first` has newer entries."""
    entries = "\n".join(make_entry(number, item) for item in range(-first, ENTRIES - first))
    head = f"<title>Site {number}</title><link>https://site{number}.example/</link><description>News</description>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<channel>{head}\n{entries}\n</channel></rss>"
    ).encode()


def measure_floor(feeds: int) -> float:
    """Return CPU seconds to read feeds with lxml and clean their HTML with nh3, and nothing else.

    It tells a slow machine from a slow program.
    """
    documents = [make_document(number) for number in range(feeds)]
    cleaner, began = nh3.Cleaner(), time.process_time()
    for document in documents:
        for description in etree.fromstring(document).iter("description"):
            cleaner.clean(description.text or "")
    return time.process_time() - began
