"""Checks whether a listing is believable, and what a response holds when it is not a feed."""

from __future__ import annotations

from .listing import Judgement, Verdict, judge
from .not_a_feed import Diagnosis, diagnose

__all__ = ["Judgement", "Diagnosis", "Verdict", "judge", "diagnose"]
