"""`feeds retract`, `forget` and `backup`."""

from __future__ import annotations

from command import RunCommand
from origin import Origin
from wire import Wire, document


def titles(wire: Wire) -> set[object]:
    return {item["title"] for item in wire.items()}


def test_R4_retract_takes_an_article_out_by_id_or_url_and_back(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document()), "b": origin.put("/b", document(("9", "Nine")))})
    feeds("run")
    id = next(str(item["id"]) for item in wire.items() if item["title"] == "One")
    assert feeds("retract", id).code == 0
    assert feeds("retract", "https://a.example/2").code == 0
    assert titles(wire) == {"Three", "Four", "Nine"}
    feeds("run", "--all", "--refetch")
    assert titles(wire) == {"Three", "Four", "Nine"}
    assert feeds("retract", id, "--undo", "--json").json["retracted"] is False
    assert titles(wire) == {"One", "Three", "Four", "Nine"}
    assert feeds("retract", "https://a.example/none").code == 1


def test_R4_forget_drops_a_source_for_good(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document()), "b": origin.put("/b", document(("9", "Nine")))})
    feeds("run")
    assert feeds("forget", "a", "--json").json["articles"] == 4
    assert titles(wire) == {"Nine"}
    feeds("run", "--all", "--refetch")
    assert titles(wire) == {"Nine"}
    assert feeds("forget", "none").code == 1


def test_F40_backup_is_whole_and_spares_the_store(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document())})
    assert feeds("backup", "copy.db").code == 1
    feeds("run")
    assert feeds("backup", str(wire.home / "data" / "feeds.db")).code == 2
    assert feeds("backup", "copy.db", "--json").json["size"] == (wire.home / "copy.db").stat().st_size
    (wire.home / "data" / "feeds.db").write_bytes((wire.home / "copy.db").read_bytes())
    assert feeds("status", "a", "--json").json["articles"] == 4
