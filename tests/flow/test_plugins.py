"""The sample plugin, installed beside the program: what it adds appears everywhere that kinds are listed."""

from __future__ import annotations

import os
import shutil
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from origin import Origin
from plugins import install, install_sample
from wire import Wire, document, until


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
    process = wire.start("serve", "--listen", f"127.0.0.1:{port}")
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
    assert '<link rel="alternate" type="text/csv" title="all (CSV)" href="all.csv">' in index
    assert '<a href="all.csv">CSV</a>' in index


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
    assert {name for name in before if added[name] != before[name]} == {"stories/desk/hello.html"}
    with_csv = wire.inodes()
    run(wire, "run")
    assert wire.inodes() == with_csv
    for path in plugins.iterdir():
        shutil.rmtree(path)
    run(wire, "run")
    assert wire.files() == before
    changed = {name for name, inode in inodes.items() if wire.inodes()[name] != inode}
    assert [name.removeprefix(f"{wire.public}/") for name in changed] == ["stories/desk/hello.html"]
    assert "3 files" in run(wire, "status")


def test_a_plugin_that_cannot_be_loaded_stops_the_start(wire: Wire, plugins: Path, origin: Origin) -> None:
    address = origin.put("/a", document())
    wire.declare({"a": {"feed": address}})
    install(plugins, "broken", "import no_such_module\n", {"feeds.formats": {"x": "broken:FORMAT"}})
    for command in (["run"], ["check"], ["publish"], ["daemon"], ["serve"], ["status"]):
        result = wire.command(*command)
        assert result.returncode == 2, command
        assert "the plugin `broken:FORMAT` of broken 1.0 (feeds.formats) is not usable" in result.stderr, command
        assert "No module named 'no_such_module'" in result.stderr
    assert not origin.requests
    assert wire.command("--help").returncode == 0
