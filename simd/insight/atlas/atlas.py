"""The map of all images: the door of this room."""

from __future__ import annotations

from simd.errors import AtlasUnavailable
from simd.insight.atlas.places import AtlasState, Places
from simd.insight.atlas.upkeep import Upkeep


class Atlas:
    """Every method may be called from any thread.

    Args:
        upkeep: keeps the map; None where there is none.
        off: why there is none and what helps, for a person.
    """

    def __init__(self, upkeep: Upkeep | None = None, off: str = "maps are turned off here") -> None:
        self._upkeep = upkeep
        self._off = off

    def state(self) -> AtlasState:
        """How the map is."""
        return AtlasState("off", self._off) if self._upkeep is None else self._upkeep.state()

    def places(self) -> Places | None:
        """Where images are, now; None while there is no map. It costs nothing to ask."""
        return None if self._upkeep is None else self._upkeep.places()

    def lay_out(self) -> None:
        """Have the map laid out anew, in the background.

        Raises:
            Overloaded: one is laid out already.
            AtlasUnavailable: maps are turned off, or cannot be made here.
        """
        if self._upkeep is None:
            raise AtlasUnavailable(f"there is no map: {self._off}")
        self._upkeep.ask()
