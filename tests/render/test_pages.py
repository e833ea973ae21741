"""Pages: what stands under the title of a story in a list, and that a story is the same however often it is written."""

from __future__ import annotations

import re
from dataclasses import replace as replace_fields

import factories
import pytest
from hypothesis import given
from hypothesis import strategies as st
from render.editions import CASES, FEED, NOON, SITE, article, render_files

from feeds.model import Edition, replace
from feeds.render import render
from feeds.render.html import templates


@pytest.mark.parametrize(
    ("summary", "html", "teaser"),
    [
        ("It rained.", "<p>Another text.</p>", "It rained."),
        ("", "<p>It <b>rai</b>ned.</p><p>Then &amp; now.</p>", "It rained. Then &amp; now."),
        ("Rain", "<h1>It rained</h1><p>all day</p>", "It rained all day"),
        ("Rain", "<p>Rain</p>", None),
        ("", "", None),
        ("", "<p>" + "rain " * 2000, "rain " * 51 + "rain…"),
        ("", "a " * 1990 + '<p title="' + "b" * 100 + '">', "a " * 129 + "a…"),
    ],
)
def test_a_story_without_a_summary_shows_the_beginning_of_its_text(summary: str, html: str, teaser: str | None) -> None:
    page = render_files(article(title="Rain", summary=summary, html=html))["html"].decode()
    shown = re.search(r'<p class="summary">(.*)</p>', page)
    assert (shown and shown[1]) == teaser


PAGE_FEED = replace_fields(FEED, formats=("html",))
SITES = [
    replace_fields(SITE, language=tag, timezone=zone) for tag in ("en", "de", "ar") for zone in ("UTC", "Asia/Tokyo")
]
STORIES = [
    *(each for case in CASES.values() for each in case),
    *(article(title=title, image="https://news.example.com/a.png") for title in ("Regen", "مطر")),
]
PAGES = st.builds(
    lambda stories, site, archive: replace(
        factories.edition(*stories, feed=PAGE_FEED, site=site, updated=NOON), archive=archive
    ),
    st.lists(st.sampled_from(STORIES), max_size=5),
    st.sampled_from(SITES),
    st.sampled_from((None, 3)),
)


@given(st.lists(PAGES, min_size=2, max_size=3))
def test_R8_a_page_of_stories_that_were_written_before_is_the_one_of_new_ones(editions: list[Edition]) -> None:
    pages = [next(render(edition)).body for edition in editions]
    templates.load_environment(None).globals["write_once"].written.clear()
    assert [next(render(edition)).body for edition in reversed(editions)] == pages[::-1]


def test_no_more_stories_are_kept_written_than_a_bound() -> None:
    write_once, macro = templates.StoryWriter(), "<{}>".format
    for number in range(3 * templates.MAX_WRITTEN):
        assert write_once(lambda item, *facts: macro(item), number, {}, "ltr", False) == f"<{number}>"
        assert len(write_once.written) <= templates.MAX_WRITTEN
