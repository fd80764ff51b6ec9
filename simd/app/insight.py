"""Pairs and groups of copies in use: from the open file to what answers."""

from __future__ import annotations

from simd.catalogue.catalogue import Catalogue
from simd.config import Settings
from simd.decisions.decisions import Decisions
from simd.insight.groups.groups import Groups
from simd.insight.pairs.store import FILE, PairStore


class InsightInUse:
    """Opens what keeps the pairs, and closes it. The caller holds the state directory's lock.

    Attributes:
        groups: the groups of copies.

    Raises:
        StoreError: the file cannot be opened.
    """

    def __init__(self, settings: Settings, catalogue: Catalogue, decisions: Decisions) -> None:
        self._store = PairStore(settings.state_dir / FILE)
        self.groups = Groups(catalogue=catalogue, pairs=self._store, decisions=decisions)

    def close(self) -> None:
        """Close the file."""
        self._store.close()
