"""The messages for what pydantic finds wrong: each in words of the YAML, with its path."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ..registry import address_kinds, step_kinds
from .problems import Finding, KeyPath, describe_value, find_nearest, hint, join_with_or
from .schema import find_shape
from .step_shapes import StepShape
from .yaml_mapping import LONG, SHORT, list_keys

# What other programs call a key → what it is called here.
_FOREIGN_NAMES = {
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
    "link": "url",
    "content": "text",
    "body": "text",
    "description": "summary",
    "category": "tag",
    "tags": "tag",
    "authors": "author",
    "if": "when",
    "where": "when",
    "block": "drop",
    "exclude": "drop",
    "include": "keep",
    "replace": "rewrite",
    "order": "sort",
}
_REQUIRED_KEYS = {
    ("site",): "expected `site:` with a `title` and a `url`",
    ("site", "title"): "expected the name readers see",
    ("site", "url"): "expected the address where readers reach the files, such as https://wire.example.org/",
}
_EXPECTED = {
    "dict_type": "a mapping of `key: value`",
    "model_type": "a mapping of `key: value`",
    "tuple_type": "a list, each item after `- `",
}
MAX_KEYS_SHOWN = 12


def describe_errors(error: ValidationError, prefix: KeyPath = ()) -> Iterator[Finding]:
    """Yield every mistake once; `prefix` is the path of what was validated."""
    errors = error.errors(include_url=False)
    for details in errors:
        details["loc"] = (*prefix, *details["loc"])
    unknown = [details for details in errors if details["type"] == "extra_forbidden"]
    misspelt = {(_path(details)[:-1], _suggest_key(details)) for details in unknown}
    for details in errors:
        path = _path(details)
        if details["type"] == "missing" and (path[:-1], path[-1]) in misspelt:
            continue  # the misspelt key is reported already
        yield _describe_at(details, path, _describe(details, path))


def _path(error: ErrorDetails) -> KeyPath:
    """Return the path in the file; pydantic's location also has tags of forms and `[key]`."""
    return tuple(step for step in error["loc"] if step not in (SHORT, LONG, "[key]"))


def _describe_at(error: ErrorDetails, path: KeyPath, message: str) -> Finding:
    """Return the finding at the value, at its key, or at the key of the mapping that lacks it."""
    if error["type"] == "missing":
        return Finding(path[:-1], message, at_key=True)
    return Finding(path, message, at_key=error["type"] == "extra_forbidden" or error["loc"][-1] == "[key]")


def _describe(error: ErrorDetails, path: KeyPath) -> str:
    kind = error["type"]
    if kind == "value_error":
        return str(error.get("ctx", {}).get("error"))
    if kind == "extra_forbidden":
        return _describe_unknown_key(error)
    if kind == "missing":
        expected = _REQUIRED_KEYS.get(tuple(map(str, path)), "expected a value")
        return f"the key `{'.'.join(map(str, path))}` is missing, {expected}"
    return f"{describe_value(error['input'])} stands here, expected {_EXPECTED.get(kind, error['msg'])}"


def _describe_unknown_key(error: ErrorDetails) -> str:
    key, shape = str(error["loc"][-1]), find_shape(_path(error)[:-1])
    if issubclass(shape, StepShape):
        names = list(step_kinds())
        return f"there is no step `{key}`, expected {join_with_or(names)}{hint(_suggest_key(error))}"
    keys = list_keys(shape)
    keys.sort(key=lambda name: name not in address_kinds())  # the address of a source first
    shown = keys if len(keys) <= MAX_KEYS_SHOWN else [*keys[: MAX_KEYS_SHOWN - 1], "…"]
    return f"the key `{key}` is unknown, expected one of {', '.join(shown)}{hint(_suggest_key(error))}"


def _suggest_key(error: ErrorDetails) -> str | None:
    key, keys = str(error["loc"][-1]), list_keys(find_shape(_path(error)[:-1]))
    name = _FOREIGN_NAMES.get(key.lower())
    return name if name in keys else find_nearest(key, keys)
