"""`feeds migrate` copies the store to PostgreSQL and back; readers notice neither."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from command import RunCommand
from origin import Origin
from wire import Wire, document


@pytest.fixture
def published(wire: Wire, origin: Origin) -> Wire:
    """An installation that has published two articles of a source."""
    wire.declare({"a": origin.put("/a", document(("1", "One"), ("2", "Two")))})
    wire.turn()
    return wire


def declare_store(wire: Wire, origin: Origin, store: str | None) -> None:
    wire.declare({"a": origin.url("/a")}, **({"store": store} if store else {}))


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "s3cret%2Fpassword")


@pytest.mark.parametrize("password", ["${PASSWORD}", "s3cret%2Fpassword"])
def test_a_store_is_copied_there_and_back(
    published: Wire, feeds: RunCommand, origin: Origin, postgres_url: str, password: str
) -> None:
    wire = published
    before, items = wire.files(), wire.items()
    parts = urlsplit(postgres_url)
    url = parts._replace(netloc=f"postgres:{password}@").geturl()
    result = feeds("migrate", "--to", url)
    assert result.code == 0 and "s3cret" not in result.out + result.err
    shown = parts._replace(netloc="postgres:${PASSWORD}@").geturl()
    assert f"write `store: {shown}` into {wire.config}" in result.out
    assert f" are in postgresql://{parts.path}, and checked\n" in result.out

    declare_store(wire, origin, url)
    (wire.home / "data" / "feeds.db").rename(wire.home / "feeds.db")
    assert feeds("run", "--all").code == 0 and feeds("verify").code == 0
    assert wire.files() == before  # no byte and no time
    origin.put("/a", document(("1", "One"), ("2", "Two"), ("3", "Three")))
    assert feeds("run", "--all").code == 0 and len(wire.items()) == 3
    assert not (wire.home / "data" / "feeds.db").exists()

    result = feeds("migrate", "--to", "data/feeds.db", "--json")
    assert result.json["rows"]["articles"] == 3
    declare_store(wire, origin, None)
    before = wire.files()
    assert feeds("run", "--all").code == 0 and feeds("verify").code == 0
    assert wire.files() == before and [item["id"] for item in wire.items()][-2:] == [item["id"] for item in items]


def test_what_is_to_be_done_with_another_file_is_said(published: Wire, feeds: RunCommand, postgres_url: str) -> None:
    assert feeds("migrate", "--to", postgres_url).code == 0
    assert feeds("migrate", "--to", postgres_url).code == 1  # it holds one now
    file = published.home / "data" / "feeds.db"
    result = feeds("migrate", "--to", "copy.db")
    assert result.code == 0 and f"move it to {file}, and take `store:` out of {published.config}" in result.out


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("mysql://user:s3cret@db.example/feeds", "this is no address of a database"),
        ("postgresql://user:${MISSING}@db.example/feeds", "`MISSING` is not set"),
    ],
)
def test_an_address_that_is_none_is_a_mistake(published: Wire, feeds: RunCommand, target: str, reason: str) -> None:
    result = feeds("migrate", "--to", target)
    assert result.code == 2 and reason in result.err and "s3cret" not in result.err


def test_F24_nothing_is_copied_while_a_daemon_works(published: Wire, feeds: RunCommand, postgres_url: str) -> None:
    with published.app():
        assert feeds("migrate", "--to", postgres_url).code == 3
