"""Group commit: changes that arrive together share one write and one sync.

A caller puts its change in a queue and takes the lock. Whoever gets the lock commits everything that is queued; the
others find theirs done. Callers therefore wait for one sync that began after they came, never for each other's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simd.storage.live import Live
from simd.storage.record import Kind, Record
from simd.types import ImageId
from simd.vectors.metric import Half


@dataclass(slots=True)
class _Change:
    """One call. `vectors` is None for a delete; `applied` counts what it changed."""

    image_ids: Sequence[ImageId]
    vectors: Half | None = None
    applied: int = 0
    done: bool = False
    error: BaseException | None = None


class Writer:
    """The one way into the log.

    Args:
        live: the store's state.
        clock: milliseconds since the epoch.
    """

    def __init__(self, live: Live, clock: Callable[[], int]) -> None:
        self._live = live
        self._clock = clock
        self._queue: deque[_Change] = deque()

    def put(self, image_ids: Sequence[ImageId], vectors: Half) -> None:
        """Add or replace; float16 `(n, dimension)`. Durable and searchable on return."""
        self._submit(_Change(image_ids, vectors))

    def delete(self, image_ids: Sequence[ImageId]) -> int:
        """Delete; durable on return. Returns how many were there; the others leave no trace."""
        return self._submit(_Change(image_ids))

    def _submit(self, change: _Change) -> int:
        self._queue.append(change)
        with self._live.lock:
            if not change.done:
                group = [self._queue.popleft() for _ in range(len(self._queue))]
                self._commit(group)
        if change.error is not None:
            raise change.error
        return change.applied

    def _commit(self, group: list[_Change]) -> None:
        try:
            records = self._records(group)
            if records:
                self._live.append(records)
        except BaseException as error:  # noqa: BLE001 - each caller of the group raises it from its own call
            for change in group:
                change.error = error
        finally:
            for change in group:
                change.done = True

    def _records(self, group: list[_Change]) -> list[Record]:
        """The group's records in order. A delete sees the puts and deletes queued before it."""
        first, now = self._live.next_seq, self._clock()
        records: list[Record] = []
        there: dict[ImageId, bool] = {}

        def add(kind: Kind, image_id: ImageId, vector: Half | None = None) -> None:
            records.append(Record(kind, first + len(records), len(records), now, image_id, vector))
            there[image_id] = kind is Kind.PUT

        for change in group:
            if change.vectors is not None:
                for image_id, vector in zip(change.image_ids, change.vectors, strict=True):
                    add(Kind.PUT, image_id, vector)
                change.applied = len(change.image_ids)
                continue
            wanted = list(dict.fromkeys(change.image_ids))
            stored = self._live.snapshot.alive(wanted) if wanted else ()
            for image_id, was_there in zip(wanted, stored, strict=True):
                if there.get(image_id, bool(was_there)):
                    add(Kind.DELETE, image_id)
                    change.applied += 1
        return records
