"""Feed readers and parsers of others read what we publish: the same stories, none twice."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from email import message_from_bytes
from email.header import decode_header, make_header
from pathlib import Path

import pytest
from origin import Document, Origin
from serve.loopback import create_test_app, run_server
from wire import NOON, Wire, rss

TOOLS = Path(os.environ.get("FEEDS_TEST_TOOLS") or Path.home() / ".cache" / "feeds-tests")  # where .ci/run puts them
COUNT = 30
XML = ("rss", "atom")

PARSERS = {
    # package → a script that prints the ids and the links that it finds in the text of a feed
    "rss-parser": """
        new (require("rss-parser"))({customFields: {item: ["id"]}}).parseString(text)
            .then(feed => print(feed.items.map(item => [item.guid ?? item.id, item.link])));
    """,
    "feedsmith": """
        import("feedsmith").then(({parseFeed}) => {
            const {feed} = parseFeed(text);
            const link = item => item.link ?? item.links.find(it => it.rel == "alternate").href;
            print((feed.items ?? feed.entries).map(item => [item.guid?.value ?? item.id, link(item)]));
        });
    """,
}


@pytest.fixture
def published(wire: Wire, origin: Origin) -> Wire:
    """A feed of stories whose titles and addresses are not simple."""
    items = [(f"id-{number}", f"Story {number} &amp; “more” 猫") for number in range(COUNT)]
    wire.declare({"a": origin.put("/a", Document(rss(*items)))})
    wire.turn()
    return wire


def run(*command: str, stdin: bytes = b"", cwd: Path, **environment: str) -> str:
    result = subprocess.run(
        command, input=stdin, capture_output=True, cwd=cwd, env=os.environ | environment, timeout=300
    )
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout.decode()


@pytest.mark.skipif(shutil.which("sfeed") is None, reason="sfeed is not installed")
@pytest.mark.parametrize("suffix", XML)
def test_sfeed_reads_every_story_once(published: Wire, suffix: str) -> None:
    lines = run("sfeed", stdin=published.files()[f"all.{suffix}"], cwd=published.home).splitlines()
    fields = [line.split("\t") for line in lines]  # time, title, link, content, its type, id, author, …
    assert {(field[2], field[1]) for field in fields} == {
        (str(item["url"]), str(item["title"])) for item in published.items()
    }
    assert len({field[5] for field in fields}) == len(fields) == COUNT
    assert {int(field[0]) for field in fields} == {int(NOON.timestamp()) - 4 * 3600}


@pytest.mark.skipif(shutil.which("newsboat") is None, reason="newsboat is not installed")
def test_newsboat_counts_every_story_once_in_all_formats_together_and_none_again(published: Wire) -> None:
    home = published.home / "newsboat"
    home.mkdir()
    with run_server(create_test_app(published.public), published.public) as server:
        addresses = [f"http://127.0.0.1:{server.port}/all.{suffix}" for suffix in XML]
        (home / "urls").write_text("\n".join(addresses))
        (home / "config").touch()
        for _ in range(2):
            command = ("newsboat", "-u", "urls", "-c", "cache.db", "-C", "config", "-x", "reload", "print-unread")
            text = run(*command, cwd=home, HOME=str(home))
            assert re.search(r"\d+", text)[0] == str(COUNT), text  # type: ignore[index]


@pytest.mark.skipif(shutil.which("r2e") is None, reason="rss2email is not installed")
@pytest.mark.parametrize("suffix", XML)
def test_rss2email_sends_every_story_once_and_none_again(published: Wire, suffix: str) -> None:
    home = published.home / "rss2email"
    for folder in ("cur", "new", "tmp"):
        (home / "mail" / folder).mkdir(parents=True)
    (home / "rss2email.cfg").write_text(
        "[DEFAULT]\nfrom = wire@wire.example\nto = reader@wire.example\nemail-protocol = maildir\n"
        f"maildir-path = {home}\nmaildir-mailbox = mail\n"
    )
    r2e = ("r2e", "-c", "rss2email.cfg", "-d", "rss2email.json")
    with run_server(create_test_app(published.public), published.public) as server:
        run(*r2e, "add", "wire", f"http://127.0.0.1:{server.port}/all.{suffix}", cwd=home, HOME=str(home))
        for _ in range(2):
            run(*r2e, "run", cwd=home, HOME=str(home))
            messages = [message_from_bytes(file.read_bytes()) for file in (home / "mail" / "new").iterdir()]
            assert len(messages) == COUNT
    subjects = {" ".join(str(make_header(decode_header(message["subject"]))).split()) for message in messages}
    assert subjects == {str(item["title"]) for item in published.items()}


@pytest.mark.parametrize("suffix", XML)
@pytest.mark.parametrize("package", PARSERS)
def test_parsers_of_npm_read_every_story_once(published: Wire, package: str, suffix: str) -> None:
    if shutil.which("node") is None or not (TOOLS / "node_modules" / package).exists():
        pytest.skip(f"{package} is not installed in {TOOLS}")
    head = """
        const text = require("fs").readFileSync(0, "utf-8");
        const print = items => console.log(JSON.stringify(items));
    """
    items = json.loads(run("node", "-e", head + PARSERS[package], stdin=published.files()[f"all.{suffix}"], cwd=TOOLS))
    assert len(items) == COUNT
    assert {tuple(item) for item in items} == {(item["id"], item["url"]) for item in published.items()}
