"""Every requirement towards origins is proven on every way to them: plain, with TLS, and through both kinds of proxies.

Of S5 and S6, what is in this folder is that every request passes the guard: those of sessions, which push services are
sent to, and those for what a document names. What is written of E13 and F16 in `scheduling` and `parse` knows no ways.
"""

from __future__ import annotations

from proxy import WAYS

ROWS = [f"S{n}" for n in range(1, 7)] + [f"E{n}" for n in range(13, 19)] + [f"F{n}" for n in range(11, 19)]


def test_every_row_has_a_test_on_every_way(ways_of_rows: dict[str, set[str]]) -> None:
    missing = {row: sorted(set(WAYS) - ways_of_rows[row]) for row in ROWS}
    assert {row: ways for row, ways in missing.items() if ways} == {}
