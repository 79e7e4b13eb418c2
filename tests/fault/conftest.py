"""Both servers and a whole migration between them."""

from __future__ import annotations

from rig import credentials, each_rig, rig, sides

__all__ = ["credentials", "each_rig", "rig", "sides"]
