"""Bounds the memory that reading rows here and there makes resident.

Whoever touches a row of a mapped file maps its page and those that the kernel keeps together with it: 64 KiB, or 2 MiB
where it has the file in large pieces. A search that looks at a few hundred rows can so map half a gigabyte.
"""

from __future__ import annotations

from collections.abc import Callable

from simd.memory import mapped_bytes
from simd.storage.snapshot import Snapshot

LIMIT_BYTES = 512 << 20
"""An index whose vectors and fine codes are no larger stays mapped while it is searched: mapping rows again takes as
long as comparing them does. What was mapped is given back by the store's maintenance within a minute."""

_ROWS_BETWEEN = 256
"""So many rows are touched before memory is looked at again: half a gigabyte at most."""


class Residence:
    """Watches over the memory of one index. Threads may use it side by side: what they miss is seen the next time.

    Args:
        limit_bytes: more than this of what is read here and there is let go.
        mapped: how much of mapped files is in memory.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES, mapped: Callable[[], int] = mapped_bytes) -> None:
        self._limit_bytes = limit_bytes
        self._mapped = mapped
        self._others = mapped()
        self._touched = 0

    def looked(self, snapshot: Snapshot, rows: int) -> None:
        """So many rows of vectors or fine codes were, or are being, read."""
        self._touched += rows
        if self._touched < _ROWS_BETWEEN or snapshot.loose_bytes <= self._limit_bytes:
            return
        self._touched = 0
        if self._mapped() - self._others > snapshot.scanned_bytes + self._limit_bytes:
            snapshot.let_go()
