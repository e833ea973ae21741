"""The sample plugin, installed beside the program: what it adds appears everywhere that kinds are listed."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from origin import Document, Origin
from plugins import install, install_sample
from wire import Wire, document, rss, until


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the import path of all commands."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
    return folder


def run(wire: Wire, *arguments: str) -> str:
    result = wire.command(*arguments)
    assert (result.returncode, result.stderr) == (0, ""), arguments
    return result.stdout


@contextmanager
def serving(wire: Wire) -> Iterator[str]:
    """Run the server on the published files; yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    process = wire.fork("serve", "--listen", f"127.0.0.1:{port}")
    try:
        until(lambda: _answers(port) or process.poll() is not None)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=300)


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_a_format_appears_in_files_pages_and_server(wire: Wire, plugins: Path, origin: Origin) -> None:
    install_sample(plugins)
    story = wire.home / "config" / "stories" / "hello.md"
    story.parent.mkdir(parents=True)
    story.write_text("---\ndate: 2026-01-05\n---\n# Hello\n\nA text.\n", encoding="utf-8")
    wire.declare({"a": {"feed": origin.put("/a", document(("1", "One, of many")))}, "desk": {"files": "stories/*.md"}})
    run(wire, "run")
    lines = wire.files()["all.csv"].decode().splitlines()
    assert lines[:2] == ["date,title,url", '2026-03-02,"One, of many",https://a.example/1']
    page = wire.files()["stories/desk/hello.html"].decode()
    assert '<link rel="alternate" type="text/csv" title="Everything" href="https://wire.example.org/all.csv">' in page
    with serving(wire) as address:
        with urllib.request.urlopen(f"{address}/all.csv") as response:
            assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
            assert response.headers["Access-Control-Allow-Origin"] == "*"
        with urllib.request.urlopen(f"{address}/") as response:
            index = response.read().decode()
    assert '<link rel="alternate" type="text/csv" title="Everything" href="https://wire.example.org/all.csv">' in index
    assert '<a href="https://wire.example.org/all.csv" type="text/csv">CSV</a>' in index


def test_a_format_that_is_added_is_written_and_one_that_is_gone_is_withdrawn(
    wire: Wire, plugins: Path, origin: Origin
) -> None:
    story = wire.home / "config" / "stories" / "hello.md"
    story.parent.mkdir(parents=True)
    story.write_text("---\ndate: 2026-01-05\n---\n# Hello\n\nA text.\n", encoding="utf-8")
    wire.declare({"a": {"feed": origin.put("/a", document())}, "desk": {"files": "stories/*.md"}})
    run(wire, "run")
    before, inodes = wire.files(), wire.inodes()
    install_sample(plugins)
    run(wire, "run")
    added = wire.files()
    assert added.keys() - before.keys() == {"all.csv"}
    assert {name for name in before if added[name] != before[name]} == {
        "all.html",
        "index.html",
        "stories/desk/hello.html",
    }
    with_csv = wire.inodes()
    run(wire, "run")
    assert wire.inodes() == with_csv
    for path in plugins.iterdir():
        shutil.rmtree(path)
    run(wire, "run")
    assert wire.files() == before
    changed = {name for name, inode in inodes.items() if wire.inodes()[name] != inode}
    assert {name.removeprefix(f"{wire.public}/") for name in changed} == {
        "all.html",
        "index.html",
        "stories/desk/hello.html",
    }
    assert "4 files" in run(wire, "status")


LOG = b"# A log\n=> /log/2.gmi 2026-03-02 - Second\n=> 1.gmi 2026-03-01 First\n\nGood bye.\n"


def test_a_source_appears_in_check_schema_and_sample_and_is_pulled(wire: Wire, plugins: Path, origin: Origin) -> None:
    install_sample(plugins)
    address = origin.put("/log/", Document(LOG))
    wire.declare({"log": {"gemlog": address.removeprefix("http://")}, "bad": {"gemlog": address}})
    shape = json.loads(run(wire, "schema"))["$defs"]["SourceShape"]
    assert shape["properties"]["gemlog"]["description"] == "HOST/PATH of a Gemini log."
    assert "exactly one of feed, page, sitemap, files, opml, command and gemlog" in shape["description"]
    check = wire.command("check")
    assert check.returncode == 2 and "has a scheme, expected HOST/PATH" in check.stderr
    wire.declare({"log": {"gemlog": address.removeprefix("http://"), "was": ["old"], "tags": ["a"]}})
    assert "no mistakes" in run(wire, "check")
    run(wire, "run")
    assert [request.path for request in origin.requests] == ["/robots.txt", "/log/"]
    assert origin.requests[-1].headers["accept"] == "text/gemini, text/plain;q=0.5"
    base = address.removesuffix("/log/")
    assert [(item["title"], item["url"], item["date_published"]) for item in wire.items()] == [
        ("Second", f"{base}/log/2.gmi", "2026-03-02T00:00:00Z"),
        ("First", f"{base}/log/1.gmi", "2026-03-01T00:00:00Z"),
    ]
    preview = json.loads(run(wire, "preview", "log", "--json"))
    assert preview["_feeds"]["reader"] == "gemlog" and preview["items"][0]["_feeds"]["found"]["title"] == "gemlog/line"
    assert "; 2 articles" in run(wire, "status")
    assert wire.command("export").stderr == "left out (see `feeds export --help`): log\n"
    run(wire, "init", "elsewhere")
    sample = (wire.home / "elsewhere" / "config" / "feeds.yaml").read_text(encoding="utf-8")
    assert "# gemlog: example.org/log/    # HOST/PATH of a Gemini log.\n# merge: 50    # Merge" in sample
    assert "gemlog" in (wire.home / "elsewhere" / "config" / "feeds.schema.json").read_text(encoding="utf-8")


def test_a_secret_in_the_text_of_a_source_makes_it_private(wire: Wire, plugins: Path) -> None:
    install_sample(plugins)
    wire.declare({"log": {"gemlog": "a.example/${TOKEN}/log"}, "open": {"gemlog": "a.example/log"}})
    program = (
        "import pathlib, sys; from feeds.config import load; "
        "config = load(pathlib.Path(sys.argv[1]), {'TOKEN': 's3cret-token'}); "
        "print([source.private for source in config.sources.values()], *config.searched_secrets)"
    )
    argv = [sys.executable, "-c", program, str(wire.config)]
    result = subprocess.run(argv, capture_output=True, text=True, check=True, env=wire.env(), cwd=Path.cwd())
    assert result.stdout == "[True, False] s3cret-token\n"


def test_the_parser_of_a_plugin_runs_in_a_worker(wire: Wire, plugins: Path, origin: Origin) -> None:
    """It may hang or take all memory: the visit fails, and the turn goes on."""
    code = (
        "import os\nfrom feeds.registry import SourceKind\n"
        "def parse(fetched, source):\n    os._exit(9)\n"
        "SOURCE = SourceKind('crash', 'A crash.', '*/*', 'https://a.example/', parse=parse)\n"
    )
    install(plugins, "crash", code, {"feeds.sources": {"crash": "crash:SOURCE"}})
    wire.declare({"a": {"crash": origin.put("/a", Document(b"tiny"))}, "b": origin.put("/b", document(("1", "One")))})
    result = wire.command("run")
    assert result.returncode == 0 and "The process that read the document crashed" in result.stdout
    assert [item["title"] for item in wire.items()] == ["One"]


def test_a_source_of_a_plugin_that_is_gone_is_a_mistake_of_the_configuration(wire: Wire, plugins: Path) -> None:
    wire.declare({"log": {"gemlog": "a.example/log"}})
    result = wire.command("run")
    assert result.returncode == 2 and "the key `gemlog` is unknown, expected one of feed, page" in result.stderr


def test_steps_appear_in_check_schema_and_preview_and_are_run(wire: Wire, plugins: Path, origin: Origin) -> None:
    install_sample(plugins)
    one, two = document(("1", "The colour red"), ("2", "Green")), document(("3", "The color red"), ("4", "Blue"))
    source = {"feed": origin.put("/a", one), "steps": [{"replace": {"word": "(?i)green", "by": "<b>Olive"}}]}
    steps = [
        {"replace": {"word": "colour", "by": "color"}},
        {"merge": {"hours": 1.5}},
        {"limit": {"count": 2, "hours": 0}},
    ]
    wire.declare({"a": source, "b": origin.put("/b", two)}, {"all": {"steps": steps}})
    shapes = json.loads(run(wire, "schema"))["$defs"]
    example = {"word": "colour", "by": "color"}
    assert shapes["StepShape"]["properties"]["replace"] == {"$ref": "#/$defs/ReplaceShape", "examples": [example]}
    assert shapes["ReplaceShape"]["description"] == "Write one word as another."
    assert shapes["ReplaceShape"]["properties"]["by"]["description"] == "What is written instead."
    assert "no mistakes" in run(wire, "check")
    run(wire, "run")
    items = {item["title"]: item for item in wire.items()}
    assert items.keys() == {"The color red", "<b>Olive"} or items.keys() == {"The color red", "Blue"}
    assert items["The color red"]["content_html"] == "About The color red." * 2
    preview = json.loads(run(wire, "preview", "--feed", "all", "--steps", "--json"))
    of_sources, replaced, merged, limited = preview["steps"]
    assert [(entry["title"], entry["fields"]) for entry in of_sources["changed"]] == [("<b>Olive", ["title", "html"])]
    assert [entry["title"] for entry in replaced["changed"]] == ["The color red"]
    into = next(article["id"] for article in preview["articles"] if article["title"] == "The color red")
    assert [(entry["title"], entry["into"]) for entry in merged["merged"]] == [("The color red", into)]
    assert not merged["dropped"] and len(limited["dropped"]) == 1
    text = run(wire, "preview", "--feed", "all", "--steps")
    assert "replace changes 1 article" in text and "merge merges 1 article" in text
    inodes = wire.inodes()
    run(wire, "run", "--all")
    assert wire.inodes() == inodes


def test_a_merged_article_changes_with_each_that_went_into_it(wire: Wire, plugins: Path, origin: Origin) -> None:
    install_sample(plugins)
    old = rss(("2", "One"), when="Sun, 01 Mar 2026 08:00:00 GMT")
    edited = old.replace(b"About One.", b"All about One.")
    addresses = [origin.put("/a", document(("1", "One"))), origin.put("/b", Document(old), Document(edited))]
    wire.declare(dict(zip("ab", addresses, strict=True)), {"all": {"steps": ["merge"]}})
    run(wire, "run")
    assert "All about One." not in str(wire.items()[0]["content_html"])
    run(wire, "run", "--all")
    (item,) = wire.items()
    assert "About One." in str(item["content_html"]) and "All about One." in str(item["content_html"])


def test_a_mistake_in_the_value_of_a_step_is_told_with_its_place(wire: Wire, plugins: Path) -> None:
    install_sample(plugins)
    sources = {"a": {"feed": "https://a.example/", "steps": ["merge"]}}
    values = [{"word": "("}, {"word": "a", "by": "b", "bye": "c"}]
    steps = ["replace", *({"replace": value} for value in values), {"merge": "many"}, {"merge": {"hours": "few"}}]
    wire.declare(sources, {"all": {"steps": steps}})
    result = wire.command("check")
    assert result.returncode == 2
    for sentence in (
        "the step `merge` works on the articles of a whole feed, expected it under `feeds`",
        "the step `replace` has no value, expected such as replace: {word: colour, by: color}",
        "the key `feeds.all.steps.1.replace.by` is missing, expected a value",
        "`(` is no regular expression",
        "`many` is no whole number from 1 up",
        "`few` is no number from 0 up",
        "the key `bye` is unknown, expected one of word, by",
    ):
        assert sentence in result.stderr


RAISING_FORMAT = """
from feeds.registry import Format


def write(edition, format):
    if edition.feed.id == "a":
        raise LookupError("no such thing")
    return bytes(range(256))


FORMAT = Format("bin", "BIN", "application/x-bin", "raising:write")
"""


def test_A1_a_writer_that_raises_costs_its_feed_and_one_that_writes_no_text_nothing(
    wire: Wire, plugins: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "s3cret-of-mine")
    install(plugins, "raising", RAISING_FORMAT, {"feeds.formats": {"bin": "raising:FORMAT"}})
    wire.declare({"a": {"feed": origin.put("/a", document()), "headers": {"X": "${TOKEN}"}}}, {"a": {}, "z": {}})
    result = wire.command("run")
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "the feed a cannot be made: LookupError: no such thing" in result.stderr
    assert {name for name in wire.files() if name[:2] in ("a.", "z.")} == {
        "z.rss",
        "z.atom",
        "z.json",
        "z.html",
        "z.bin",
    }
    assert wire.files()["z.bin"] == bytes(range(256))


def test_a_plugin_that_cannot_be_loaded_stops_the_start(wire: Wire, plugins: Path, origin: Origin) -> None:
    address = origin.put("/a", document())
    wire.declare({"a": {"feed": address}})
    install(plugins, "broken", "import no_such_module\n", {"feeds.formats": {"x": "broken:FORMAT"}})
    for command in (["run"], ["check"], ["publish"], ["daemon"], ["serve"], ["status"], ["schema"]):
        result = wire.command(*command)
        assert result.returncode == 2, command
        assert "the plugin `broken:FORMAT` of broken 1.0 (feeds.formats) is not usable" in result.stderr, command
        assert "No module named 'no_such_module'" in result.stderr
    assert not origin.requests
    assert wire.command("--help").returncode == 0
