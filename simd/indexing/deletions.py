"""Deletions that are told one by one, as `rm -r` does it: too many of them look like an accident, as in a scan.

They are counted by root since it was last scanned whole. Once they are a mass deletion no further one is believed; the
root is scanned, and the scan holds what is left. The count is kept in memory: a restart begins with a scan.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from simd.types import Change, FileKey
from simd.watch.scanner import is_mass


class Deletions:
    """The count, by root. Every method may be called from any thread.

    Args:
        known: what the catalogue says of a file.
        files: how many files of a root are indexed now.
        scan: asks for a scan of a root.
    """

    def __init__(
        self, known: Callable[[FileKey], object | None], files: Callable[[int], int], scan: Callable[[int], None]
    ) -> None:
        self._known = known
        self._files = files
        self._scan = scan
        self._lock = threading.Lock()
        self._lost: dict[int, int] = {}
        self._doubted: set[int] = set()

    def believe(self, change: Change) -> bool:
        """Whether a file that is not there may be taken for gone. The first one that may not has its root scanned.

        What a scan has judged and what is not known need no judgement.
        """
        root_id = change.key.root_id
        if change.judged or self._known(change.key) is None:
            return True
        with self._lock:
            count = self._lost.get(root_id, 0) + 1
            # Most of the time the count alone tells, and the catalogue need not be asked.
            if not is_mass(count, 0) or not is_mass(count, self._files(root_id) + count - 1):
                self._lost[root_id] = count
                return True
            first = root_id not in self._doubted
            self._doubted.add(root_id)
        if first:
            self._scan(root_id)
        return False

    def lost(self, root_id: int) -> int:
        """How many files a root has lost one by one since it was last weighed."""
        with self._lock:
            return self._lost.get(root_id, 0)

    def weighed(self, root_id: int) -> None:
        """A scan of the whole root has found nothing to hold: count anew."""
        with self._lock:
            self._lost.pop(root_id, None)
            self._doubted.discard(root_id)
