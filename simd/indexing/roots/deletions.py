"""Deletions that are told one by one, as `rm -r` does it: too many of them look like an accident, as in a scan.

What counts is how much of a root is gone now: how many files fewer it has than at its height since it was last scanned
whole. So a folder through which files pass loses nothing, however many they are. Once it is a mass deletion no further
one is believed; the root is scanned, and the scan holds what is left. The height is kept in memory: a restart begins
with a scan.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from simd.types import Change, FileKey
from simd.watch.scanner import is_mass


class Deletions:
    """The height of each root. Every method may be called from any thread.

    Args:
        known: what the catalogue says of a file.
        files: how many files of a root are indexed now, without those whose deletion is under way.
        scan: asks for a scan of a root.
    """

    def __init__(
        self, known: Callable[[FileKey], object | None], files: Callable[[int], int], scan: Callable[[int], None]
    ) -> None:
        self._known = known
        self._files = files
        self._scan = scan
        self._lock = threading.Lock()
        self._height: dict[int, int] = {}
        self._doubted: set[int] = set()

    def believe(self, change: Change) -> bool:
        """Whether a file that is not there may be taken for gone. The first one that may not has its root scanned.

        What a scan has judged and what is not known need no judgement.
        """
        root_id = change.key.root_id
        if self._known(change.key) is None:
            return True
        if change.judged:
            self.agreed(root_id)
            return True
        files = self._files(root_id)
        with self._lock:
            height = max(self._height.get(root_id, 0), files)
            if not is_mass(height - files + 1, height):
                self._height[root_id] = height
                return True
            first = root_id not in self._doubted
            self._doubted.add(root_id)
        if first:
            self._scan(root_id)
        return False

    def agreed(self, root_id: int, count: int = 1) -> None:
        """Files of a root leave the answers because somebody, or a scan, says so: they are not missed."""
        with self._lock:
            if root_id in self._height:
                self._height[root_id] -= count

    def lost(self, root_id: int) -> int:
        """How many files a root has lost since it was last weighed."""
        with self._lock:
            height = self._height.get(root_id)
        return 0 if height is None else max(0, height - self._files(root_id))

    def weighed(self, root_id: int) -> None:
        """A scan of the whole root has found nothing to hold: count anew."""
        with self._lock:
            self._height.pop(root_id, None)
            self._doubted.discard(root_id)
