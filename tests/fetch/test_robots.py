"""The rules of robots.txt: which of them are ours, and what reading them may cost."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protego import Protego

from feeds.fetch.robots import is_allowed

LINES = (
    *("User-agent: *", "user-agent:feeds", "User agent FEED", "useragent: other # feeds", "User-Agent : *  #", "\x0b"),
    *(
        "User-agent:",
        "User-agent: fe*eds",
        "User-agent: **",
        "User-agent: feedsx",
        " user-agent\tfeeds",
        "user-agent",
        "",
    ),
    *("Disallow: /a", "Allow: /a/b", "Disallow:", "Disallow: /*c$", "disallow /a/b", "Allow: /", "Disallow: /b # x"),
    *("Sitemap: https://a.example/s.xml", "Crawl-delay: 1", "# User-agent: feeds", "junk", "Host: user-agent"),
)


@given(st.lists(st.sampled_from(LINES), max_size=12), st.sampled_from(("\n", "\r\n", "\r", "\x0b", "\u2028")))
def test_E17_other_agents_make_no_difference(lines: list[str], end: str) -> None:
    rules = end.join(lines)
    for path in ("", "a", "a/b", "b", "b/c"):
        url = f"https://a.example/{path}"
        assert is_allowed(rules, url) == Protego.parse(rules).can_fetch(url, "feeds"), rules


AGENTS = "".join(f"User-agent: a{n}\n" for n in range(3000))
RULES = "".join(f"Disallow: /{n}\n" for n in range(3000))
COSTLY = {
    "agents": AGENTS + RULES,
    "agents, and we are one of them": "User-agent: feeds\n"
    + "".join(f"User-agent: a{n}\n" for n in range(3000))
    + RULES,
    "agents, in lines of another kind": "\x0b".join(f"User agent a{n}" for n in range(3000)) + "\n" + RULES,
    "wildcards in our name": "".join(f"User-agent: f{'*' * n}\n" for n in range(600)) + RULES,
    "agents of one rule each": "".join(f"User-agent: a{n}\nDisallow: /\n" for n in range(8_000)),
    "rules": "User-agent: *\n" + "Disallow: /a*b$\n" * 10_000,
    "a long rule": "User-agent: *\nDisallow: /" + "*a" * 100_000,
}


@pytest.mark.parametrize("name", COSTLY)
def test_A3_rules_cost_no_more_than_their_size(name: str) -> None:
    tracemalloc.start()
    try:
        began = time.process_time()
        is_allowed(COSTLY[name], "https://a.example/" + "a" * 2000)
        seconds = time.process_time() - began
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seconds < 5 and peak < 50_000_000


def test_A3_our_own_rule_still_counts_among_those_of_thousands() -> None:
    assert not is_allowed(f"{AGENTS}User-agent: Feeds\n{RULES}User-agent: *\nAllow: /\n", "https://a.example/2999")
    assert is_allowed(f"{AGENTS}{RULES}User-agent: *\nAllow: /\n", "https://a.example/2999")
