"""The sample, the JSON Schema beside it, and the keys of the schema: each has an effect or is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

from feeds.config import find_warnings, json_schema, load
from feeds.model import Kind
from feeds.registry import SOURCES, STEPS

SAMPLE = Path(__file__).parent.parent.parent / "config" / "feeds.yaml"
SITE = "site: {title: A, url: http://localhost/}\n"


def test_the_sample_is_right_and_works_offline() -> None:
    config = load(SAMPLE, {})
    assert [source.kind for source in config.sources.values()] == [Kind.FILES]
    assert [sentence.split(":")[0] for sentence in find_warnings(config)] == ["site.url is http"]
    story = next(config.sources["desk"].root.glob(config.sources["desk"].address))
    assert story.read_text(encoding="utf-8").startswith("---\ntitle:")


def test_the_commented_examples_of_the_sample_are_right(write) -> None:
    _, *lines = SAMPLE.read_text(encoding="utf-8").splitlines()
    path = write("\n".join(re.sub(r"^( *)# ( *(?:- )?[a-z_-]+:(?: |$))", r"\1\2", line) for line in lines) + "\n")
    path.with_name("wire.key").write_text("key", encoding="utf-8")
    config = load(path, {"WIRE_PASSWORD": "secret"})
    assert {source.kind for source in config.sources.values()} == {kind.name for kind in SOURCES}
    assert [type(step) for step in config.feeds["desk"].steps] == [kind.step_type for kind in STEPS]
    assert config.site.contact


def test_the_schema_beside_the_sample_is_current() -> None:
    first, *_ = SAMPLE.read_text(encoding="utf-8").splitlines()
    assert first == "# yaml-language-server: $schema=./feeds.schema.json"
    beside = json.loads((SAMPLE.parent / "feeds.schema.json").read_text(encoding="utf-8"))
    assert beside == json_schema(), "run: feeds schema > config/feeds.schema.json"


def test_the_schema_knows_short_and_long_forms() -> None:
    told = json_schema()
    assert told["properties"].keys() == {
        "site",
        "data",
        "on_publish",
        "store",
        "public",
        "theme",
        "server",
        "retain",
        "workers",
        "allow_commands",
        "hosts",
        "defaults",
        "sources",
        "feeds",
    }
    entry = told["properties"]["sources"]["additionalProperties"]
    assert [form.get("type", form.get("$ref")) for form in entry["oneOf"]] == ["string", "#/$defs/SourceShape"]
    assert "default" not in json.dumps(told["$defs"]["SourceShape"]["properties"]["every"])
