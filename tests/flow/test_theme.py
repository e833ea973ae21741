"""The operator's theme: templates and assets in the place of ours, file by file."""

from __future__ import annotations

from pathlib import Path

import pytest
from origin import Document, Origin
from wire import Wire, rss

from feeds.errors import ConfigError, PublishError


@pytest.fixture
def theme(wire: Wire, origin: Origin) -> Path:
    """The folder of a theme that an installation with a source uses."""
    folder = wire.home / "config" / "theme"
    folder.mkdir(parents=True)
    wire.declare({"a": origin.put("/a", Document(rss(("1", "One & <more>"))))}, theme="theme")
    return folder


def test_files_of_a_theme_stand_in_the_place_of_ours(wire: Wire, theme: Path) -> None:
    wire.turn()
    before = wire.files()
    (theme / "colours.css").write_text("--paper: gold;\n")
    (theme / "logo.svg").write_text("<svg/>")
    (theme / "error.html").write_text("<title>{{ site.title }}: {{ title }}</title>")
    (theme / "feed.html").write_text(
        '{% extends "feeds/feed.html" %}{% block body %}<b>{{ days[0].stories[0].title }}</b>{% endblock %}'
    )
    assert {"all.html", "404.html", "assets/page.css"} - {*wire.turn().files} == {"404.html", "assets/page.css"}
    files = wire.files()
    assert files["404.html"] == b"<title>The Example Wire: There is nothing at this address</title>"
    assert b"<b>One &amp; &lt;more&gt;</b>" in files["all.html"] and b"og:title" in files["all.html"]
    assert files["assets/logo.svg"] == b"<svg/>"
    for name in ("assets/page.css", "assets/feed.css"):
        assert b"--paper: gold" in files[name]
    assert files["all.rss"] == before["all.rss"]
    inodes = wire.inodes()
    assert (wire.turn().files, wire.inodes()) == ([], inodes)
    for path in theme.iterdir():
        path.unlink()
    wire.turn()
    assert wire.files() == before


@pytest.mark.parametrize(
    ("template", "place"),
    [
        ("one\n{{ no_such_value }}", "feed.html:2: UndefinedError: 'no_such_value' is undefined; correct it there"),
        ("{% if %}", "feed.html:1: TemplateSyntaxError: "),
        ("\n\n{{ title.no() }}", "feed.html:3: UndefinedError: "),
    ],
)
def test_a_fault_of_a_template_is_told_with_its_place_and_the_last_files_stay(
    wire: Wire, theme: Path, template: str, place: str
) -> None:
    wire.turn()
    before = wire.files()["all.html"]
    (theme / "feed.html").write_text(template)
    with pytest.raises(PublishError) as caught:
        wire.turn()
    assert f"{theme.resolve()}/{place}" in str(caught.value)
    assert wire.files()["all.html"] == before


def test_a_theme_that_is_no_folder_is_refused(wire: Wire, theme: Path) -> None:
    theme.rmdir()
    with pytest.raises(ConfigError, match="`theme` is no folder, expected one with templates"):
        wire.turn()
