"""Which images are below a path, kept until something changes: of a million, they take half a second to be read."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from threading import Lock

from simd.catalogue import feed, queries
from simd.catalogue.queries import Scope
from simd.vectors.ids import Ids

LIMIT_BYTES = 32 << 20
"""Two million images, over all paths that are kept."""


class ImagesUnder:
    """Safe to use from any thread.

    Args:
        limit_bytes: no more than this is kept.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._lock = Lock()
        self._revision = -1
        self._kept: dict[tuple[Scope, ...], Ids] = {}

    def of(self, connection: sqlite3.Connection, scopes: Sequence[Scope]) -> Ids:
        """The images of the files in the scopes, uint8 `(n, 16)`, read-only: one for each file."""
        asked, revision = tuple(scopes), feed.revision(connection)
        with self._lock:
            if revision != self._revision:
                self._kept.clear()
                self._revision = revision
            if (kept := self._kept.pop(asked, None)) is not None:
                # To the end: the first is the one that was not asked for the longest.
                self._kept[asked] = kept
                return kept
        found = queries.images_in(connection, asked)
        found.flags.writeable = False
        # Each statement reads what is committed by then.
        if feed.revision(connection) == revision:
            self._keep(revision, asked, found)
        return found

    def _keep(self, revision: int, asked: tuple[Scope, ...], found: Ids) -> None:
        with self._lock:
            if revision != self._revision or found.nbytes > self._limit_bytes:
                return
            self._kept[asked] = found
            while sum(ids.nbytes for ids in self._kept.values()) > self._limit_bytes:
                del self._kept[next(iter(self._kept))]
