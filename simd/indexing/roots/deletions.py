"""Deletions that are reported one by one, as by `rm -r`: too many of them look like an accident, as in a scan.

The measure is how many files a root has lost: how many fewer it has now than at its peak since it was last scanned as a
whole. So a folder through which files pass loses nothing, however many they are. Once it is a mass deletion, no further
one is accepted; the root is scanned, and the scan holds back what is left. The peak is kept in memory: a restart begins
with a scan.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from simd.types import Change, FileKey
from simd.watch.scanner import is_mass


class Deletions:
    """The peak of each root. Every method may be called from any thread.

    Args:
        known: what the catalogue says of a file.
        files: how many files of a root are indexed now, without those whose deletion is under way.
        scan: enqueues a scan of a root.
    """

    def __init__(
        self, known: Callable[[FileKey], object | None], files: Callable[[int], int], scan: Callable[[int], None]
    ) -> None:
        self._known = known
        self._files = files
        self._scan = scan
        self._lock = threading.Lock()
        self._peaks: dict[int, int] = {}
        self._suspected: set[int] = set()

    def accepts(self, change: Change) -> bool:
        """Whether a file that is not there may be taken for deleted. The first one that may not has its root scanned.

        Those of a scan, which has judged all of them together, are accepted, and so are those of unknown files.
        """
        root_id = change.key.root_id
        if self._known(change.key) is None:
            return True
        if change.judged:
            self.confirmed(root_id)
            return True
        files = self._files(root_id)
        with self._lock:
            peak = max(self._peaks.get(root_id, 0), files)
            if not is_mass(peak - files + 1, peak):
                self._peaks[root_id] = peak
                return True
            first = root_id not in self._suspected
            self._suspected.add(root_id)
        if first:
            self._scan(root_id)
        return False

    def confirmed(self, root_id: int, count: int = 1) -> None:
        """A person or a scan takes files of a root out of the answers: they do not count as lost."""
        with self._lock:
            if root_id in self._peaks:
                self._peaks[root_id] -= count

    def lost(self, root_id: int) -> int:
        """How many files a root has lost since the last `reset`."""
        with self._lock:
            peak = self._peaks.get(root_id)
        return 0 if peak is None else max(0, peak - self._files(root_id))

    def reset(self, root_id: int) -> None:
        """A scan of the whole root has found no mass deletion: count anew."""
        with self._lock:
            self._peaks.pop(root_id, None)
            self._suspected.discard(root_id)
