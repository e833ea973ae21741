"""The tour of the README is real: its commands are run, and print what stands there, numbers and times apart."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml
from recipes import environment
from wire import Wire

from feeds.config import json_schema, load

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TOUR = README.partition("## A two-minute tour\n")[2].partition("\n## ")[0]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Times, sizes and what comes of them.
VARYING = re.compile(r"\d+(?:[.,]\d+)? (?:kB|s|min|h|days?|weeks?|months?|years?)\b(?: ago)?|\bnow\b")


def normalize(text: str) -> list[str]:
    return [VARYING.sub("N", line).rstrip() for line in text.splitlines() if line.strip()]


def test_the_tour_shows_what_its_commands_print(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FEEDS_CONFIG", raising=False)
    lines = (ROOT / "tests" / "data" / "config" / "ten.yaml").read_text(encoding="utf-8").splitlines(keepends=True)
    (wire.home / "ten.yaml").write_text("".join(line for line in lines if not line.startswith("# expect")))
    ran = []
    for _, block in (found.groups() for found in BLOCK.finditer(TOUR) if found[1] == "console"):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = step.partition("\n")
            program, *words = command.split()
            ran.append(words[0])
            if program == "ls":
                assert shown.split() == sorted(path.name for path in (wire.home / words[0]).iterdir()) or set(
                    shown.split()
                ) == {path.name for path in (wire.home / words[0]).iterdir()}
                continue
            config = [] if "--config" in words or words[0] == "init" else ["--config", "config/feeds.yaml"]
            result = wire.command(*words, *config)
            printed = normalize(result.stdout + result.stderr)
            if shown.endswith("…\n"):
                assert [line for line in printed if line in normalize(shown)] == normalize(shown)[:-1]
            else:
                assert printed == normalize(shown), command
    assert {"init", "run", "status", "preview", "check", "public"} <= set(ran)


@pytest.mark.parametrize("number", range(len([found for found in BLOCK.finditer(README) if found[1] == "yaml"])))
def test_the_yaml_of_the_readme_is_right(number: int, wire: Wire) -> None:
    text = [found[2] for found in BLOCK.finditer(README) if found[1] == "yaml"][number]
    part = yaml.safe_load(text)
    if part.keys().isdisjoint({*json_schema()["properties"], "steps"}):
        part = {"sources": part}  # one source without its heading
    feeds = {"all": {"steps": part.pop("steps")}} if "steps" in part else {}
    tree = {"site": {"title": "A", "url": "https://wire.example.org/"}, "feeds": feeds, "allow_commands": True} | part
    shutil.copytree(ROOT / "config" / "recipes" / "tools", wire.home / "tools")
    for name in ("wire.key", "tides.key"):
        (wire.home / name).write_text("a-key")
    path = wire.home / "feeds.yaml"
    path.write_text(yaml.safe_dump(tree))
    assert load(path, environment(text))


def test_the_links_of_the_readme_lead_somewhere() -> None:
    links = set(re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", README)))
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    anchors |= set(re.findall(r'<a id="([^"]+)">', README))
    assert {link for link in links if link.startswith("#") and link[1:] not in anchors} == set()
    paths = {link for link in links if not link.startswith(("#", "http"))}
    assert len(paths) > 20 and {path for path in paths if not (ROOT / path).exists()} == set()


def test_the_readme_names_each_room() -> None:
    table = README.partition("| room | what it holds")[2].partition("\n\n")[0]
    named = {name.rstrip("/") for row in table.splitlines() for name in re.findall(r"`([a-z_]+/?)`", row.split("|")[1])}
    entries = [path for path in (ROOT / "feeds").iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()]
    assert named >= {path.stem for path in entries if not path.name.startswith("__")}
