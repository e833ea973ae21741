"""The shape of the YAML file: which keys stand where, and what each may hold. The words beside them are for editors."""

from __future__ import annotations

