"""What pydantic found wrong → problems in the operator's words, with places."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .problems import Position, Problem, hint, kind_of, listed, meant, nearest
from .schema import KINDS, SHAPES, STEPS, StepShape, keys
from .yaml_nodes import KeyPath, YamlNode

# What people call a key elsewhere → what it is called here.
_ELSEWHERE = {
    "url": "feed",
    "rss": "feed",
    "atom": "feed",
    "html": "page",
    "path": "files",
    "interval": "every",
    "refresh": "every",
    "schedule": "cron",
    "name": "title",
    "fulltext": "full_text",
    "filter": "keep",
    "filters": "steps",
    "max": "count",
    "token": "bearer",
    "disabled": "enabled",
    "tz": "timezone",
    "lang": "language",
}

_NEEDED = {
    ("site",): "expected `site:` with a `title` and a `url`",
    ("site", "title"): "expected the name readers see",
    ("site", "url"): "expected the address where readers reach the files, such as https://wire.example.org/",
}
_WANTED = {
    "dict_type": "a mapping of `key: value`",
    "model_type": "a mapping of `key: value`",
    "tuple_type": "a list, each item after `- `",
}


def problems(error: ValidationError, root: YamlNode) -> Iterator[Problem]:
    """Every mistake once, each at the nearest place that exists in the file."""
    details = error.errors(include_url=False)
    strangers = {(_route(found)[:-1], _suggestion(found)) for found in details if found["type"] == "extra_forbidden"}
    for found in details:
        route = _route(found)
        if found["type"] == "missing" and (route[:-1], route[-1]) in strangers:
            continue  # it is there, misspelt, and that is said already
        yield Problem(_place(found, route, root), _message(found, route))


def _route(found: ErrorDetails) -> KeyPath:
    return tuple(step for step in found["loc"] if not (isinstance(step, str) and step[:1] in "(["))


def _place(found: ErrorDetails, route: KeyPath, root: YamlNode) -> Position:
    if found["type"] == "missing":
        return root.find_key(route[:-1])
    if found["type"] == "extra_forbidden" or found["loc"][-1] == "[key]":
        return root.find_key(route)
    return root.find(route)


def _message(found: ErrorDetails, route: KeyPath) -> str:
    kind = found["type"]
    if kind == "value_error":
        return str(found.get("ctx", {}).get("error"))
    if kind == "extra_forbidden":
        return _unknown(found)
    if kind == "missing":
        needed = _NEEDED.get(tuple(map(str, route)), "expected a value")
        return f"the key `{'.'.join(map(str, route))}` is missing, {needed}"
    return f"{kind_of(found['input'])} stands here, expected {_WANTED.get(kind, found['msg'])}"


def _known(found: ErrorDetails) -> list[str]:
    """The keys that may stand where a strange one stands."""
    holders = [step for step in found["loc"][:-1] if isinstance(step, str) and step in SHAPES]
    return keys(SHAPES[holders[-1] if holders else ""])


def _suggestion(found: ErrorDetails) -> str | None:
    key, known = str(found["loc"][-1]), _known(found)
    redirect_host = _ELSEWHERE.get(key.lower())
    return redirect_host if redirect_host in known else nearest(key, known)


def _unknown(found: ErrorDetails) -> str:
    key, known = str(found["loc"][-1]), _known(found)
    if known == keys(StepShape):
        return f"there is no step `{key}`, expected {listed(STEPS)}{meant(key, known)}"
    return f"the key `{key}` is unknown, expected {_some(known)}{hint(_suggestion(found))}"


def _some(known: list[str]) -> str:
    known = sorted(known, key=lambda key: key not in KINDS)  # stable: of a source, where it comes from stands first
    shown = known if len(known) <= 12 else [*known[:11], "…"]
    return f"one of {', '.join(shown)}"
