"""Pages: what stands under the title of a story in a list."""

from __future__ import annotations

import re

import pytest
from render.editions import article, render_files


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
