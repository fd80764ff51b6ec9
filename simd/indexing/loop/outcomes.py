"""Who waits for a file, and what became of it."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass

from simd.indexing.loop.backlog import Urgency
from simd.types import FileKey, ImageId, Rejection


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: its image, or why it was refused, or neither when it is gone."""

    image_id: ImageId | None
    rejection: Rejection | None


class Outcomes:
    """Futures by file, for requests that wait until a file is decided."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[FileKey, list[Future[Outcome]]] = {}

    def expect(self, key: FileKey) -> Future[Outcome]:
        """A future of the next outcome for this file."""
        future: Future[Outcome] = Future()
        with self._lock:
            self._waiting.setdefault(key, []).append(future)
        return future

    def __contains__(self, key: FileKey) -> bool:
        """Whether somebody waits for this file."""
        with self._lock:
            return key in self._waiting

    def tell(self, key: FileKey, outcome: Outcome) -> None:
        """Answer everybody who waits for this file."""
        with self._lock:
            futures = self._waiting.pop(key, [])
        for future in futures:
            if future.set_running_or_notify_cancel():
                future.set_result(outcome)

    def urgency(self, key: FileKey) -> Urgency:
        """How urgent news of this file is: what somebody waits for is a request, however often it has to be tried."""
        return Urgency.REQUEST if key in self else Urgency.EVENT

    def tell_rest(self, outcome: Outcome) -> None:
        """Answer everybody who still waits."""
        with self._lock:
            keys = list(self._waiting)
        for key in keys:
            self.tell(key, outcome)

    def abandon(self, error: Exception) -> None:
        """Answer everybody who still waits with an error."""
        with self._lock:
            futures = [future for waiting in self._waiting.values() for future in waiting]
            self._waiting.clear()
        for future in futures:
            if future.set_running_or_notify_cancel():
                future.set_exception(error)
