"""The house rules: who may import whom, and which library belongs to which room."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "feeds"

NOTHING: set[str] = set()
PURE = {"model", "errors"}
STAGES = {"scheduling", "sanity", "fetch", "parse", "normalize", "steps", "compose", "render", "publish", "store"}

# room → rooms it may import. `app`, `daemon`, `cli` stand on top of everything.
ROOMS: dict[str, set[str]] = {
    "errors": NOTHING,
    "politeness": NOTHING,
    "model": {"errors", "politeness"},  # the kind of a failure, the limits of hosts
    "http_headers": NOTHING,
    "codings": NOTHING,
    "iri": NOTHING,
    "countries": NOTHING,
    "clean_html": NOTHING,
    "search_text": NOTHING,
    "wordlists": NOTHING,
    "cores": NOTHING,
    "formatting": NOTHING,
    "person_names": {"wordlists"},
    "networks": NOTHING,
    "podcast_categories": NOTHING,
    "masking": PURE,
    "publication_gate": PURE | {"masking"},
    "revision": PURE | {"iri"},
    "registry": PURE,  # names what is loaded later by import path
    "media_types": PURE | {"codings", "registry"},
    "scheduling": PURE | {"http_headers", "politeness"},
    "sanity": PURE | {"revision", "wordlists"},
    "normalize": PURE | {"countries", "iri", "person_names", "podcast_categories", "revision", "wordlists"},
    "steps": PURE | {"iri", "clean_html"},  # which parameters of an address are tracking
    "compose": PURE,
    # Which sources a feed takes from: compose.
    "config": PURE
    | {"codings", "masking", "networks", "podcast_categories", "politeness", "registry", "steps", "compose"},
    "parse": PURE | {"countries", "http_headers", "iri", "person_names", "wordlists"},
    "render": PURE | {"iri", "clean_html", "podcast_categories", "registry", "search_text"},
    "rows": PURE | {"revision"},
    "store": PURE | {"politeness", "registry", "revision", "rows", "search_text"},  # the shard of a host
    "publish": PURE | {"codings", "media_types"},  # what an object store sends with a file
    # What a program of a source says may hold secrets; it runs on all cores.
    "fetch": PURE | {"cores", "http_headers", "masking", "networks", "politeness", "registry"},
    "sandbox": PURE | {"cores"},
    "serve": PURE | {"codings", "http_headers", "media_types", "registry"},
    "push": PURE | {"http_headers"},
    "harvest": PURE | {"normalize", "parse", "registry", "revision", "sanity"},
    "pipeline": PURE | STAGES | {"harvest", "registry", "revision", "http_headers", "sandbox"},
    "verify": PURE | STAGES,
    "app": PURE
    | STAGES
    | {
        "clean_html",
        "config",
        "cores",
        "formatting",
        "http_headers",
        "media_types",
        "pipeline",
        "publication_gate",
        "registry",
        "rows",
        "search_text",
        "sandbox",
        "verify",
        "serve",
        "push",
        "__init__",
    },
    "daemon": PURE | {"app"},
    "cli": PURE
    | STAGES
    | {"networks", "registry", "app", "config", "daemon", "formatting", "serve", "pipeline", "verify", "__init__"},
    "__init__": PURE | {"app", "parse", "normalize", "pipeline", "render"},
    "__main__": {"cli"},
}

# library → its room; every further room stands here with its reason.
LIBRARIES: dict[str, set[str]] = {
    "yaml": {"config"},
    "pydantic": {"config"},
    "pydantic_core": {"config"},
    "re2": {"config"},  # patterns are compiled when the YAML is read
    "cronsim": {"config", "scheduling"},  # checked when declared, asked when due
    "requests": {"fetch"},
    "urllib3": {"fetch"},
    "protego": {"fetch"},
    "feedparser": {"parse"},
    "cchardet": {"parse"},
    "lxml": {"parse", "render", "publish"},  # reading XML; feedgen's extension writes lxml elements; the quick check
    "parsel": {"parse"},
    "cssselect": {"parse"},  # parsel's errors about selectors
    "trafilatura": {"parse"},
    "markdown_it": {"parse"},
    "frontmatter": {"parse"},
    "nh3": {"normalize"},
    "w3lib": {"parse", "normalize"},  # decoding pages; canonical links
    # The records, and their JSON; the gate walks through their fields; the quick check.
    "msgspec": {"model", "rows", "store", "app", "publication_gate", "publish", "render", "serve"},
    "sqlalchemy": {"store"},
    "alembic": {"store"},
    "psycopg": {"store"},
    "feedgen": {"render"},
    "idna": {"iri"},
    "jinja2": {"render"},
    "babel": {"normalize", "render"},  # names in dates; the languages of our pages
    "http_ece": {"push"},
    "py_vapid": {"push"},
    "cryptography": {"push"},  # keys of subscriptions and of our own
    "starlette": {"serve"},
    "prometheus_client": {"serve"},
    "uvicorn": {"serve"},
    "apscheduler": {"daemon"},
    "procrastinate": {"app"},
    "watchfiles": {"daemon"},
    "brotli": {"codings"},
    "zstandard": {"codings"},
    "obstore": {"publish"},  # the client of object stores: with `fetch`, all that opens outbound sockets
    "click": {"cli"},
    "rich": {"cli"},
}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[tuple[str, ...]]:
    """Dotted names a file imports, relative ones resolved."""
    found: set[tuple[str, ...]] = set()
    package = ("feeds", *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = base + tuple((node.module or "").split(".") if node.module else ())
            found |= {module} if len(module) > 1 or not node.level else {(*module, alias.name) for alias in node.names}
            if module == ("feeds",):
                found |= {(*module, alias.name) for alias in node.names}
    return found


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_what_the_table_allows(path: Path) -> None:
    room = room_of(path)
    for name in imports(path):
        if name[0] == "feeds" and len(name) > 1:
            other = name[1]
            if (PACKAGE / other).exists() or (PACKAGE / f"{other}.py").exists():
                assert other == room or other in ROOMS[room], f"{room} may not import {other}"
        elif name[0] not in sys.stdlib_module_names and name[0] != "feeds":
            assert room in LIBRARIES.get(name[0], NOTHING), f"{room} may not import {name[0]}"


# These speak to another process of this machine: commands to the daemon, the daemon to its service manager.
UNIX_SOCKETS = {"app/control_socket.py", "daemon/service_manager.py"}
# It sets options of sockets that its library opened: it imports their numbers, and no function.
SOCKET_OPTIONS = {"serve/server.py"}


def test_only_fetch_opens_outbound_sockets() -> None:
    """S6: one module opens sockets. `serve` only listens, through its server library."""
    clients = {("socket",), ("http", "client"), ("urllib", "request"), ("ssl",), ("requests",), ("urllib3",)}
    for path in FILES:
        if str(path.relative_to(PACKAGE)) in UNIX_SOCKETS:
            assert set(re.findall(r"AF_\w+", path.read_text(encoding="utf-8"))) == {"AF_UNIX"}
        elif room_of(path) != "fetch":
            modules = {name[:2] if name[0] in {"http", "urllib"} else name[:1] for name in imports(path)}
            if str(path.relative_to(PACKAGE)) in SOCKET_OPTIONS:
                (names,) = re.findall(r"^(?:from|import) socket\b(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
                assert re.fullmatch(r" import [A-Z_, ]+", names)
                modules -= {("socket",)}
            assert not clients & modules, path


def test_nothing_is_imported_for_types_only() -> None:
    for path in FILES:
        assert "TYPE_CHECKING" not in path.read_text(encoding="utf-8"), path


def test_no_group_of_a_pattern_is_repeated_possessively() -> None:
    """Before 3.11.5, Python loses matches of `(?:…)*+` (python/cpython#106052); `(?>(?:…)*)` is the same."""
    possessive = re.compile(r"(?<!\()\)(?:[*+?]|\{[^}]*\}+)\+")
    for path in FILES:
        assert not possessive.search(path.read_text(encoding="utf-8")), path


def test_no_mocks_in_the_tests() -> None:
    word = "unittest" + ".mock"
    for path in Path(__file__).parent.rglob("*.py"):
        assert word not in path.read_text(encoding="utf-8"), path


def _public_types(path: Path) -> Iterator[str]:
    """The names of the public classes and type aliases of a module."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign):
            names = [node.target.id] if isinstance(node.target, ast.Name) else []
        else:
            continue
        yield from (name for name in names if name[0].isupper() and not name.isupper() and len(name) > 1)


def test_no_public_type_name_occurs_twice() -> None:
    """A name leads to one place."""
    places: dict[str, list[str]] = {}
    for path in FILES:
        for name in set(_public_types(path)):
            places.setdefault(name, []).append(str(path.relative_to(PACKAGE)))
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_no_module_name_occurs_twice_within_a_room() -> None:
    """The room says which module of a name is meant."""
    places: dict[tuple[str, str], list[str]] = {}
    for path in FILES:
        if path.stem != "__init__":
            places.setdefault((room_of(path), path.stem), []).append(str(path.relative_to(PACKAGE)))
    assert {name: files for name, files in places.items() if len(files) > 1} == {}
