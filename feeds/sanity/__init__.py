"""Checks whether a listing is believable, and what a response holds when it is not a feed."""

from __future__ import annotations

from .listing import Judgement, StoryKeys, Verdict, judge
from .not_a_feed import Diagnosis, diagnose

__all__ = ["Diagnosis", "Judgement", "StoryKeys", "Verdict", "diagnose", "judge"]
