"""The recipes: each is a configuration that `feeds check` accepts, and publishes what it promises."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import recipes
from origin import Document, Origin
from recipes import Kitchen
from wire import Wire, rss, until

from feeds.config import find_warnings, load

README = (recipes.FOLDER.parent.parent / "README.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for path in recipes.PATHS:
        for name, value in recipes.environment(path.read_text(encoding="utf-8")).items():
            monkeypatch.setenv(name, value)


@pytest.mark.parametrize("path", recipes.PATHS, ids=lambda path: path.stem)
def test_a_recipe_is_accepted_as_it_is_and_the_readme_names_it(path: Path, tmp_path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    copy = tmp_path / path.name
    shutil.copytree(recipes.FOLDER / "tools", tmp_path / "tools")
    copy.write_text(text, encoding="utf-8")
    (tmp_path / "wiki.token").write_text("value-of-wiki-token", encoding="utf-8")
    config = load(copy, recipes.environment(text))
    surprises = [warning for warning in find_warnings(config) if "an example" not in warning]
    assert all("finds no file" in warning or "http" in warning for warning in surprises), surprises
    assert config.sources and config.feeds
    first, *_ = text.splitlines()
    assert first == "# yaml-language-server: $schema=../feeds.schema.json"
    assert f"config/recipes/{path.name}" in README


def titles(wire: Wire, feed: str) -> set[str]:
    return {str(item["title"]) for item in wire.items(feed)}


def test_the_planet_shows_all_members_and_none_too_often(wire: Wire, origin: Origin) -> None:
    elsewhere = rss(("example/1", "Ours, on a page about example"), ("cats", "A cat"), title="Carol")
    kitchen = Kitchen("planet", wire, origin, carol=elsewhere)
    assert wire.turn().failures == 0
    sources = [str(item["title"]).split()[0] for item in wire.items("planet")]
    assert {name: sources.count(name) for name in sources} == {"Ann": 5, "Bob": 5, "Dee": 5, "Eve": 5, "Ours,": 1}
    assert len(wire.items("by-author/ann")) == 8
    opml = wire.files()["blogroll.opml"].decode()
    assert all(f"//{host}:" in opml for host in kitchen.hosts.values() if host != kitchen.hosts["members"])


def test_the_newsroom_prefers_its_own_version_and_has_sections(wire: Wire, origin: Origin) -> None:
    agency = rss(("1", "Storm closes the harbour for days"), ("2", "ADVISORY: to editors"), title="Agency")
    kitchen = Kitchen("newsroom", wire, origin, agency=agency)
    front_matter = "---\ndate: 2026-03-02 09:00\ntags: [local]\n---\n"
    kitchen.write("stories/storm.md", f"{front_matter}# Storm closes the harbour for days\n\nOur reporter was there.\n")
    sitemap = recipes._sitemap([origin.url(f"/courts-{n}.html", kitchen.hosts["courts"]) for n in range(2)])
    origin.put(
        "/sitemap.xml", Document(sitemap.replace(b"/courts-", b"/judgments/courts-")), host=kitchen.hosts["courts"]
    )
    for number in range(2):
        path = f"/judgments/courts-{number}.html"
        origin.put(path, Document(recipes._story("courts", number)), host=kitchen.hosts["courts"])
    assert wire.turn().failures == 0
    (storm,) = (item for item in wire.items("all") if "Storm" in str(item["title"]))
    assert "Our reporter was there" in str(storm["content_html"])
    assert "ADVISORY" not in "".join(titles(wire, "all"))
    assert titles(wire, "ours") == {"Storm closes the harbour for days"}
    assert titles(wire, "section/local") == titles(wire, "local") and len(titles(wire, "local")) == 11
    assert titles(wire, "section/wire") == {"Storm closes the harbour for days"}
    (request,) = (request for request in origin.requests if request.path == "/all.atom")
    assert request.headers["authorization"].startswith("Basic ")
    assert b'rel="hub" href="https://herald.example.org/hub"' in wire.files()["all.atom"].replace(b"'", b'"')


def test_the_podcasts_are_ready_for_the_directories(wire: Wire, origin: Origin) -> None:
    enclosure = b"<enclosure url='https://cdn.example/1.mp3' length='9' type='audio/mpeg'/></item>"
    morning = rss(("1", "Good morning"), title="Morning").replace(b"</item>", enclosure)
    kitchen = Kitchen("podcasts", wire, origin, morning=morning, science=recipes.feed("science", 2))
    episode = "---\ntitle: The first one\ndate: 2026-03-01\nenclosure: first.mp3\nimage: first.jpg\n---\nAbout it.\n"
    kitchen.write("episodes/first.md", episode)
    kitchen.write("episodes/first.mp3", b"ID3" + bytes(1000))
    kitchen.write("episodes/first.jpg", b"\xff\xd8\xff\xe0" + bytes(100))
    assert wire.turn().failures == 0
    files = {name: body.decode("utf-8", "replace") for name, body in wire.files().items()}
    recording = "https://radio.example.org/stories/backstage/first.mp3"
    assert f'url="{recording}"' in files["backstage.rss"] and f'url="{recording}"' in files["network.rss"]
    assert "stories/backstage/first.mp3" in files
    for fact in ('<itunes:category text="Leisure"', "<itunes:explicit>", "radio@example.org", "<itunes:image href="):
        assert fact in files["backstage.rss"], fact
    assert "Morning: Good morning" in titles(wire, "network")
    assert titles(wire, "show/morning") == {"Good morning"} and "cdn.example/1.mp3" in files["show/morning.rss"]


def test_the_intranet_wire_keeps_its_addresses_and_passwords(wire: Wire, origin: Origin) -> None:
    kitchen = Kitchen("intranet", wire, origin)
    rows = "id,title,opened,state\n17,The lift stands still,2026-03-02T07:00:00Z,open\n16,No coffee,2026-03-01,closed\n"
    kitchen.write("incidents.csv", rows)
    assert wire.turn().failures == 0
    assert "[incidents] The lift stands still" in titles(wire, "operations")
    assert not any("coffee" in title for title in titles(wire, "operations"))
    assert {title.split()[0] for title in titles(wire, "house")} == {"Wiki", "Canteen", "Press"}
    sent = {request.path: request.headers for request in origin.requests}
    assert sent["/recent.atom"]["authorization"] == "Bearer value-of-wiki-token"
    assert sent["/feeds/failed.rss"]["x-api-key"] == "value-of-ci_key"
    published = b"".join(wire.files().values())
    assert b"value-of" not in published
    assert not [id for id in ("wiki", "builds") if kitchen.hosts[id].encode() + b":" in published]


def test_the_static_site_lies_below_a_path_names_no_hub_and_survives_the_loss_of_its_files(
    wire: Wire, origin: Origin
) -> None:
    kitchen = Kitchen("static-site", wire, origin)
    kitchen.write("notes/hello.md", "---\ndate: 2026-03-01\n---\n# Hello\n\nA note.\n")
    assert wire.turn().failures == 0
    before = wire.files()
    assert b'rel="hub"' not in before["all.atom"] and b'"hubs"' not in before["all.json"]
    assert b"https://example.github.io/reader/all.atom" in before["all.atom"]
    assert b'href="https://example.github.io/all' not in before["index.html"]
    shutil.rmtree(wire.public)
    wire.turn()
    assert wire.files() == before


def test_behind_a_web_server_the_hub_is_named_and_files_are_compressed(wire: Wire, origin: Origin) -> None:
    Kitchen("web-server", wire, origin)
    assert wire.turn().failures == 0
    files = wire.files()
    assert b"https://wire.example.org/hub" in files["all.atom"]
    assert {"all.atom.gz", "all.rss.gz", "all.json.gz", "index.html.gz"} <= files.keys()
    assert len(wire.items("world")) == 8 and len(wire.items("all")) == 16


def test_several_machines_publish_one_edition_and_lose_nothing_with_one_of_them(
    wire: Wire, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon and two workers, of which one is killed: each with the same YAML, and a folder `data` of its own."""
    pytest.importorskip("procrastinate", reason="the extra [postgres] is not installed")
    from postgres import database

    with database(has_tables=True) as url:
        kitchen = Kitchen("several-machines", wire, origin, store=url)
        processes = []
        for machine, arguments in enumerate((["daemon", "--listen", "127.0.0.1:0"], ["worker"], ["worker"])):
            monkeypatch.setenv("STATE_DIRECTORY", str(wire.home / f"machine-{machine}"))
            processes.append(wire.fork(*arguments))
        daemon, killed, worker = processes
        try:
            until(lambda: (wire.public / "all.json").exists() and len(wire.items("all")) == 32)
            until(lambda: (wire.public / "local.json").exists() and len(wire.items("local")) == 8)
            killed.kill()
            fresh = recipes.feed("agency", 9).replace(b"story number 8", b"the news after a machine was lost")
            origin.put("/all.atom", Document(fresh), host=kitchen.hosts["agency"])
            monkeypatch.setenv("STATE_DIRECTORY", str(wire.home / "machine-3"))
            assert "1 article" in wire.command("run", "agency").stdout
            until(lambda: any("after a machine was lost" in title for title in titles(wire, "all")))
        finally:
            for process in processes:
                process.terminate()
            errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in (daemon, worker)] == [0, 0], errors
